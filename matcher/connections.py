"""The connections to Redis, lent out for less than redis-py takes, which is more than Redis takes for most of what we ask."""

import os
import select
from typing import Any

from redis import ConnectionPool

_CLOSED = select.POLLIN | select.POLLHUP | select.POLLERR | select.POLLNVAL


class LeanPool(ConnectionPool):
    """As redis-py's pool, without its measuring. What it takes from there it does not change: making connections, and closing them."""

    def get_connection(self, command_name: str | None = None, *keys: Any, **options: Any) -> Any:  # noqa: ARG002 - of a client of before 5.3
        """Return an idle connection that is as it was left, or what redis-py makes of it."""
        if self.pid == os.getpid():
            with self._lock:
                connection = self._available_connections.pop() if self._available_connections else None
                if connection is not None:
                    self._in_use_connections.add(connection)
            if connection is not None:
                if connection._sock is not None and not _speaks(connection._sock):
                    return connection
                self.release(connection)
        return super().get_connection()

    def release(self, connection: Any) -> None:
        """Take a connection back."""
        if self.pid != os.getpid() or connection.pid != self.pid or getattr(connection, "should_reconnect", bool)():
            super().release(connection)
            return
        with self._lock:
            if connection in self._in_use_connections:
                self._in_use_connections.remove(connection)
                self._available_connections.append(connection)


def _speaks(sock: Any) -> bool:
    """Whether there is something to read from an idle connection: its end, or an answer that nobody waits for."""
    poll = select.poll()
    poll.register(sock, _CLOSED)
    return bool(poll.poll(0))
