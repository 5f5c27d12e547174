"""What MISP publishes by ZeroMQ, as hints that there is something to sync: what it says is not believed, only that it spoke."""

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from matcher.errors import BadSettings

# What may be about pictures; misp_json_self comes every few seconds.
_TOPICS = (b"misp_json_event", b"misp_json_attribute", b"misp_json_object", b"misp_json_tag", b"misp_json ")
_SETTLING = 2.0  # seconds in which what belongs together comes
_LOOK = 0.5

_log = logging.getLogger(__name__)


class Hints:
    """Listens at misp.zmq, where that is set. Raises BadSettings where pyzmq is missing or the address cannot be."""

    def __init__(self, address: str) -> None:
        self._socket: Any = None
        if not address:
            return
        try:
            import zmq
        except ImportError:
            raise BadSettings("misp.zmq needs pyzmq: pip install 'kuato[zmq]'; without it, leave misp.zmq empty") from None
        self._socket = zmq.Context.instance().socket(zmq.SUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        try:
            self._socket.connect(address)
        except zmq.ZMQError as error:
            self._socket.close()
            raise BadSettings(f"misp.zmq: {address} is no address that can be listened at: {error}") from None
        for topic in _TOPICS:
            self._socket.setsockopt(zmq.SUBSCRIBE, topic)

    def wait(self, seconds: float, stop: threading.Event, clock: Callable[[], float] = time.monotonic) -> bool:
        """Wait so long, until MISP spoke, or until `stop`; return whether MISP did."""
        end = clock() + seconds
        while not stop.is_set() and (left := end - clock()) > 0:
            if self._socket is None:
                stop.wait(left)
            elif self._socket.poll(int(1000 * min(_LOOK, left))):
                stop.wait(_SETTLING)
                self._drain()
                return True
        return False

    def _drain(self) -> None:
        while self._socket.poll(0):
            self._socket.recv()

    def __enter__(self) -> "Hints":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._socket is not None:
            self._socket.close()
