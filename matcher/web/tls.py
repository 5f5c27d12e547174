"""HTTPS: takes connections, speaks TLS, and hands the plain bytes to the HTTP server over a loopback connection.

The HTTP server has no TLS of its own. Handshakes and idle connections cost no thread here.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from pathlib import Path

from matcher.errors import BadSettings

_CHUNK = 1 << 16
_HANDSHAKE_SECONDS = 10
_log = logging.getLogger(__name__)


def server_context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """Return what a server needs for TLS 1.2 and later. client_ca: clients must show a certificate of these. Raises BadSettings."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise BadSettings(f"web.certificate, web.key or web.client_ca cannot be used: {error}") from None
    return context


class Terminator:
    """Speaks TLS on a bound socket for a server on a loopback port.

    inner: that port. idle: seconds after which a silent connection is closed. most: connections at once.
    """

    def __init__(self, bound: socket.socket, context: ssl.SSLContext, inner: int, most: int) -> None:
        self._bound = bound
        self._context = context
        self._inner = inner
        self._most = most
        self._peers: dict[int, str] = {}
        self._count = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="tls", daemon=True)

    def peer(self, port: int) -> str | None:
        """Return the address of the client whose bytes come from this loopback port, None for a port that is not ours."""
        return self._peers.get(port)

    def start(self) -> None:
        """Take connections, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Close all connections; may be called more than once."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._stopped.set)
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(
            self._connected, sock=self._bound, ssl=self._context, ssl_handshake_timeout=_HANDSHAKE_SECONDS, limit=_CHUNK
        )
        async with server:
            await self._stopped.wait()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._count >= self._most:
            writer.transport.abort()
            return
        self._count += 1
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._inner, limit=_CHUNK)
        except OSError as error:
            _log.error("the HTTP server behind TLS does not answer: %s", error)
            self._count -= 1
            writer.transport.abort()
            return
        port = inner_writer.get_extra_info("sockname")[1]
        self._peers[port] = (writer.get_extra_info("peername") or ("",))[0]
        try:
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))
        finally:
            self._peers.pop(port, None)
            self._count -= 1
            for each in (writer, inner_writer):
                each.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until either side ends; what was sent before the end still arrives."""
    with contextlib.suppress(OSError, ssl.SSLError, asyncio.CancelledError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.close()
        await writer.wait_closed()
