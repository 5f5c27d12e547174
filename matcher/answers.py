"""Reading Redis' answers, many at a time: redis-py takes longer for one than Redis for the command."""

from typing import Any

import hiredis

_AT_ONCE = 1 << 18


def read_answers(connection: Any, count: int) -> list[Any]:
    """Return so many answers that one of redis-py's connections is owed. The first that is an error is raised when all have come."""
    reader = hiredis.Reader(replyError=connection._parser.parse_error)
    found: list[Any] = []
    while len(found) < count:
        part = connection._sock.recv(_AT_ONCE)
        if not part:
            raise ConnectionError("connection closed by server")
        reader.feed(part)
        while (one := reader.gets()) is not False:
            found.append(one)
    for one in found:
        if isinstance(one, Exception):
            raise one
    return found
