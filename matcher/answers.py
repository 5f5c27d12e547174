"""Reading Redis' answers, many at a time: redis-py takes longer for one than Redis for the command."""

from typing import Any

import hiredis

_AT_ONCE = 1 << 18


def read_answers(connection: Any, count: int) -> list[Any]:
    """Return so many answers that one of redis-py's connections is owed. The first that is an error is raised when all have come."""
    failures: list[Exception] = []

    def failed(text: str) -> Exception:
        failures.append(connection._parser.parse_error(text))
        return failures[-1]

    reader = hiredis.Reader(replyError=failed)
    reader.feed(b"*%d\r\n" % count)  # as one answer they are read by one call
    found: Any = False if count else []
    while found is False:
        part = connection._sock.recv(_AT_ONCE)
        if not part:
            raise ConnectionError("connection closed by server")
        reader.feed(part)
        found = reader.gets()
    if failures:
        raise failures[0]
    return list[Any](found)
