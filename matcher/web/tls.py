"""HTTPS: takes connections, speaks TLS, and hands the plain bytes to the HTTP server over pairs of connected sockets.

The HTTP server has no TLS of its own. Handshakes and idle connections cost no thread here, and there is no inner port that
anybody else on this machine could connect to.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from matcher.errors import BadSettings
from matcher.web.secure import SecureLine

_CHUNK = 1 << 16
_HANDSHAKE_SECONDS = 10.0
_GOODBYE_SECONDS = 10.0
_DROPPING_SECONDS, _SILENT_SECONDS = 30.0, 2.0
_PAUSE_SECONDS = 0.5
# Of accept(): this machine has no room for another connection now. Any other error is the one connection's own.
_CROWDED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_log = logging.getLogger(__name__)

Peer = tuple[str, int]  # address and port


def server_context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """Return what a server needs for TLS 1.2 and later. client_ca: clients must show a certificate of these. Raises BadSettings."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        # The password is asked for on the terminal otherwise, where nobody may be.
        context.load_cert_chain(certificate, key, password=_no_password)
    except OSError as error:
        raise BadSettings(f"web.certificate ({certificate}) or web.key ({key}) cannot be used: {_reason(error)}") from None
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except OSError as error:
            raise BadSettings(f"web.client_ca: {client_ca} cannot be used: {_reason(error)}") from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class Terminator:
    """Speaks TLS on a bound socket.

    hand_over: is given one end of a pair of sockets, which carries the plain bytes, and who the client is.
    crowded: called now and then while there are `most` connections, those in their handshake too, and further ones wait.
    idle: seconds that a client may take to read what it was sent.
    """

    def __init__(
        self,
        bound: socket.socket,
        context: ssl.SSLContext,
        hand_over: Callable[[socket.socket, Peer], None],
        crowded: Callable[[], None] = lambda: None,
        *,
        most: int,
        idle: float,
    ) -> None:
        self._bound = bound
        self._context = context
        self._hand_over = hand_over
        self._crowded = crowded
        self._most = most
        self._idle = idle
        self._stopped = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take connections, in a thread of its own."""
        self._bound.setblocking(False)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(self._loop,), name="tls", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close all connections, but not the bound socket; may be called more than once."""
        if self._loop is None or self._thread is None:
            return
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.run_until_complete(self._serve())
        finally:
            loop.close()

    async def _serve(self) -> None:
        accepting = asyncio.ensure_future(self._accept())
        await self._stopped.wait()
        accepting.cancel()
        # More than once, as wait_for() of Python 3.10 and 3.11 sometimes swallows it.
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_PAUSE_SECONDS)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        room = asyncio.Semaphore(self._most)
        tasks: set[asyncio.Task[None]] = set()  # the loop itself would forget them
        while True:
            while room.locked():
                self._crowded()
                await asyncio.sleep(_PAUSE_SECONDS)
            await room.acquire()
            try:
                line, address = await loop.sock_accept(self._bound)
            except OSError as error:
                room.release()
                if error.errno in _CROWDED:
                    _log.warning("no further connection can be taken for now: %s", _reason(error))
                    await asyncio.sleep(_PAUSE_SECONDS)
                continue
            task = loop.create_task(self._speak(line, (address[0], address[1])))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            task.add_done_callback(lambda _: room.release())

    async def _speak(self, line: socket.socket, peer: Peer) -> None:
        """Serve one connection from its handshake to its end."""
        with line:
            client = SecureLine(line, self._context)
            try:
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await asyncio.wait_for(client.greet(), _HANDSHAKE_SECONDS)
                inner, theirs = socket.socketpair()
            except (OSError, asyncio.TimeoutError) as error:
                _log.log(logging.WARNING if getattr(error, "errno", None) in _CROWDED else logging.DEBUG, "%s: %s", peer[0], _reason(error))
                if isinstance(error, ssl.SSLError):
                    await client.drop(_SILENT_SECONDS, _SILENT_SECONDS)
                return
            with inner:
                inner.setblocking(False)
                self._hand_over(theirs, peer)
                await self._pass(client, inner)

    async def _pass(self, client: SecureLine, inner: socket.socket) -> None:
        """Copy both ways until either side ends, or reads nothing for too long; what was sent before the end still arrives."""
        loop = asyncio.get_running_loop()
        asking = loop.create_task(self._ask(client, inner))
        try:
            while data := await loop.sock_recv(inner, _CHUNK):
                await asyncio.wait_for(client.write(data), self._idle)
            await asyncio.wait_for(client.end(), _GOODBYE_SECONDS)
            asking.cancel()
            await asyncio.wait({asking})
            # The server may have answered before all of the request had come.
            await client.drop(_DROPPING_SECONDS, _SILENT_SECONDS)
        except (OSError, asyncio.TimeoutError):
            pass  # the client is gone, or as good as
        finally:
            asking.cancel()
            await asyncio.wait({asking})

    async def _ask(self, client: SecureLine, inner: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while data := await client.read():
                try:
                    await loop.sock_sendall(inner, data)
                except OSError:
                    return  # the server reads no more, but may have answered
        # The client is gone. Both ways are shut: what else the server has to say is not to be waited for.
        with contextlib.suppress(OSError):
            inner.shutdown(socket.SHUT_RDWR)


def _no_password() -> NoReturn:
    raise BadSettings("web.key is encrypted; give one without a password, readable by this user alone")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
