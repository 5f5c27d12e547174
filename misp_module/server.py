"""The listener that MISP talks to."""

import os
import signal
import socket
import threading
from types import FrameType
from typing import Any, NoReturn

from waitress.server import create_server
from waitress.wasyncore import close_all

from matcher.engine import Matcher
from matcher.errors import BadSettings
from matcher.settings import Settings
from misp_module.access import AllowList, listen_address
from misp_module.app import create_app, max_body
from misp_module.correlation import Known

# As many threads as connections: a request never waits where the deadline is not watched.
_CONNECTIONS = 64
_IDLE_SECONDS = 15
_MAX_HEADER = 16 * 1024
_RECEIVE = 256 * 1024  # waitress reads 8 KiB at a time by itself, which takes seconds for a large picture


class Listener:
    """A bound socket, served by `run` until `stop` is called from anywhere.

    Raises BadSettings when `misp.listen` cannot be bound, or other machines could ask without `misp.allow` naming them.
    """

    def __init__(self, matcher: Known, settings: Settings) -> None:
        host, port = listen_address(settings["misp.listen"])
        AllowList(settings["misp.allow"]).check(host)
        app = create_app(matcher, settings)
        try:
            bound = socket.create_server((str(host), port), family=socket.AF_INET6 if host.version == 6 else socket.AF_INET)
        except OSError as error:
            raise BadSettings(f"misp.listen: cannot listen on {settings['misp.listen']} ({os.strerror(error.errno or 0)}).") from None
        self._sockets: dict[int, Any] = {}
        # With one socket this is a TcpWSGIServer, whose trigger the stubs leave out.
        self._server: Any = create_server(
            app,
            map=self._sockets,
            sockets=[bound],
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
        self._host, self._port = host, int(bound.getsockname()[1])

    @property
    def url(self) -> str:
        """The address to enter in MISP, with the port that was really bound."""
        return f"http://{f'[{self._host}]' if self._host.version == 6 else self._host}:{self._port}"

    def run(self) -> None:
        """Serve until `stop`, SystemExit or KeyboardInterrupt; then close all connections."""
        try:
            self._server.run()
        finally:
            self._server.task_dispatcher.shutdown()
            close_all(self._sockets)

    def stop(self) -> None:
        """Let `run` return; for other threads, not for signal handlers (it takes a lock)."""
        self._server.trigger.pull_trigger(lambda: close_all(self._sockets))


def serve(settings: Settings) -> None:
    """Serve MISP until SIGTERM or SIGINT."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _leave)
    with Matcher.open(settings) as matcher:
        Listener(matcher, settings).run()


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
