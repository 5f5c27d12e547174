"""The listener that MISP talks to."""

import errno
import logging
import socket
from typing import TYPE_CHECKING, Any

from matcher.settings import Settings
from matcher.web.http import HttpServer, listen, listen_address
from misp_module.access import AllowList
from misp_module.app import create_app, max_body
from misp_module.assembly import served
from misp_module.known import Known

if TYPE_CHECKING:
    from matcher.engine import Matcher

# As many threads as connections: a request never waits where the deadline is not watched.
_CONNECTIONS = 64
_IDLE_SECONDS = 15

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

    def __init__(self, matcher: "Matcher | Known", settings: Settings) -> None:
        host, port = listen_address(settings["misp.listen"], "misp.listen")
        allowed = AllowList(settings["misp.allow"])
        allowed.check(host)
        app = create_app(served(matcher, settings), settings)
        bound = listen(host, port, "misp.listen")
        self._server = HttpServer(
            app,
            Door(bound, allowed),
            threads=_CONNECTIONS,
            connections=_CONNECTIONS,
            # The application refuses what is too long with an answer that MISP shows; this is only the last resort.
            max_body=4 * max_body(settings),
            idle=_IDLE_SECONDS,
        )

    @property
    def url(self) -> str:
        """The address to enter in MISP, with the port that was really bound."""
        return self._server.url

    def run(self) -> None:
        """Serve until `stop`; then close all connections."""
        self._server.run()

    def stop(self) -> None:
        """Let `run` return; may be called from anywhere, and more than once."""
        self._server.stop()
