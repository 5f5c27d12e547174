"""The listener that MISP talks to."""

import errno
import logging
import os
import socket
import threading
from typing import Any

from waitress.server import create_server
from waitress.wasyncore import close_all, loop

from matcher.errors import BadSettings
from matcher.settings import Settings
from misp_module.access import AllowList, listen_address
from misp_module.app import create_app, max_body
from misp_module.correlation import Known

# As many threads as connections: a request never waits where the deadline is not watched.
_CONNECTIONS = 64
_IDLE_SECONDS = 15
_POLL_SECONDS = 0.2
_MAX_HEADER = 16 * 1024
_RECEIVE = 256 * 1024  # waitress reads 8 KiB at a time by itself, which takes seconds for a large picture

_log = logging.getLogger(__name__)


class Door(socket.socket):
    """A listening socket that hangs up on whoever may not ask, before a byte of theirs is kept or a connection taken up."""

    def __init__(self, bound: socket.socket, allowed: AllowList) -> None:
        super().__init__(fileno=bound.detach())
        self._allowed = allowed

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection; raises ConnectionAbortedError for one that was refused."""
        connection, address = super().accept()
        if not self._allowed.admits(address[0]):
            connection.close()
            _log.warning("refused a connection from %s (misp.allow)", address[0])
            raise ConnectionAbortedError(errno.ECONNABORTED, "refused")
        return connection, address


class Listener:
    """A bound socket, served by `run` until `stop` is called from anywhere.

    Raises BadSettings when `misp.listen` cannot be bound, or other machines could ask without `misp.allow` naming them.
    """

    def __init__(self, matcher: Known, settings: Settings) -> None:
        host, port = listen_address(settings["misp.listen"])
        allowed = AllowList(settings["misp.allow"])
        allowed.check(host)
        app = create_app(matcher, settings)
        try:
            bound = socket.create_server((str(host), port), family=socket.AF_INET6 if host.version == 6 else socket.AF_INET)
        except OSError as error:
            raise BadSettings(f"misp.listen: cannot listen on {settings['misp.listen']} ({os.strerror(error.errno or 0)}).") from None
        door = Door(bound, allowed)
        self._stopping = threading.Event()
        self._sockets: dict[int, Any] = {}
        self._server = create_server(
            app,
            map=self._sockets,
            sockets=[door],
            threads=_CONNECTIONS,
            connection_limit=_CONNECTIONS + 2,  # waitress counts its own two sockets
            channel_timeout=_IDLE_SECONDS,
            cleanup_interval=5,
            recv_bytes=_RECEIVE,
            max_request_header_size=_MAX_HEADER,
            # The application refuses what is too long with an answer that MISP shows; this is only the last resort.
            max_request_body_size=4 * max_body(settings),
            ident="kuato",
        )
        self._host, self._port = host, int(door.getsockname()[1])

    @property
    def url(self) -> str:
        """The address to enter in MISP, with the port that was really bound."""
        return f"http://{f'[{self._host}]' if self._host.version == 6 else self._host}:{self._port}"

    def run(self) -> None:
        """Serve until `stop`; then close all connections."""
        try:
            while not self._stopping.is_set():
                loop(timeout=_POLL_SECONDS, use_poll=True, map=self._sockets, count=1)
        finally:
            self._server.task_dispatcher.shutdown()
            close_all(self._sockets)

    def stop(self) -> None:
        """Let `run` return; may be called from anywhere, and more than once."""
        self._stopping.set()
