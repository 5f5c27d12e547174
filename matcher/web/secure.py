"""TLS on one connection, without a thread for it.

asyncio's own keeps to itself what TLS says last: why a handshake failed, and that an answer is complete while the client
still sends.
"""

import asyncio
import contextlib
import socket
import ssl

_CHUNK = 1 << 16


class SecureLine:
    """The server's side of a connection that speaks TLS. One task may read while another writes.

    line: a connected socket that does not block.
    """

    def __init__(self, line: socket.socket, context: ssl.SSLContext) -> None:
        self._line = line
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._sending = asyncio.Lock()

    async def greet(self) -> None:
        """Agree with the client on keys. Raises OSError; the client was told why."""
        try:
            while True:
                try:
                    self._tls.do_handshake()
                    return
                except ssl.SSLWantReadError:
                    await self._flush()
                    await self._receive()
        finally:
            await self._flush()

    async def read(self) -> bytes:
        """Return what the client sent, nothing when it is done. Raises OSError."""
        while True:
            try:
                return self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                await self._flush()  # it may have asked for something, such as new keys
                await self._receive()
            except ssl.SSLZeroReturnError:
                return b""

    async def write(self, data: bytes) -> None:
        """Send; returns when the network has taken it. Raises OSError."""
        left = memoryview(data)
        while left:
            left = left[self._tls.write(left) :]
            await self._flush()

    async def end(self) -> None:
        """Tell the client that nothing follows. Raises OSError."""
        with contextlib.suppress(ssl.SSLError):  # it is to hear it, its answer is not waited for
            self._tls.unwrap()
        await self._flush()
        self._line.shutdown(socket.SHUT_WR)

    async def drop(self, seconds: float, silence: float) -> None:
        """Receive what the client still sends, for so many seconds at most, or until so many of silence.

        Were the connection closed while it sends, it would meet a broken connection, and perhaps never read the answer.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            while (left := deadline - loop.time()) > 0:
                if not await asyncio.wait_for(loop.sock_recv(self._line, _CHUNK), min(left, silence)):
                    return

    async def _receive(self) -> None:
        data = await asyncio.get_running_loop().sock_recv(self._line, _CHUNK)
        if not data:
            raise ConnectionResetError("the client ended the connection")
        self._in.write(data)

    async def _flush(self) -> None:
        async with self._sending:
            while self._out.pending:
                await asyncio.get_running_loop().sock_sendall(self._line, self._out.read())
