"""One Redis server, spoken to in the protocol's form: commands for many keys go out together and cost one round trip."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
import redis
from numpy.typing import NDArray

from matcher.answers import read_answers
from matcher.location import Address
from matcher.protocol import Column, Piece, command, strings

# Connections that bulk work uses.
_CONNECTIONS = 8
Numbers = NDArray[np.int64]


class Server:
    """A single server. Whatever redis-py raises is the caller's to name."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    @property
    def masters(self) -> list[redis.Redis]:
        """The clients of all servers that are written to: of this one."""
        return [self._client]

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Nodes to ask for others: none."""
        return ()

    def exchange(self, commands: Sequence[bytes], writes: bool = False) -> list[Any]:  # noqa: ARG002 - others wait for what was written
        """Send commands, return their answers; one that is an error ends it."""
        return converse(self._client, b"".join(commands), len(commands))

    def exchange_rows(self, rows: Column) -> list[Any]:
        """Send commands that only read, of one length, uint8 (n, length); return their answers."""
        return converse(self._client, rows.tobytes(), len(rows))

    def values(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the value of each key, None where there is none."""
        return cast("list[bytes | None]", converse(self._client, command(b"MGET", *keys), 1)[0])

    def values_of_rows(self, keys: Column) -> list[bytes | None]:
        """Return the values of keys of one length, uint8 (n, length): as `values`, without the cost of n Python objects."""
        block = b"*%d\r\n$4\r\nMGET\r\n" % (len(keys) + 1) + strings(keys).tobytes()
        return cast("list[bytes | None]", converse(self._client, block, 1)[0])

    def write(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Let keys hold these strings."""
        converse(self._client, command(b"MSET", *(word for pair in pairs for word in pair)), 1)

    def change(self, commands: Sequence[bytes]) -> None:
        """Send commands that write, all at once: it costs one write to disk."""
        self.exchange([command(b"MULTI"), *commands, command(b"EXEC")])

    def delete(self, keys: Sequence[bytes]) -> int:
        """Delete keys; return how many there were."""
        return int(converse(self._client, command(b"UNLINK", *keys), 1)[0])

    def load(self, script: str) -> bytes:
        """Have the server know a script; return the name by which EVALSHA runs it."""
        return cast("bytes", converse(self._client, command(b"SCRIPT", b"LOAD", script.encode()), 1)[0])

    def run(self, name: bytes, script: str, keys: Sequence[bytes], arguments: Sequence[bytes], writes: bool = True) -> Any:
        """Run a script by its name, with its text where the server does not know it yet."""
        call = command(b"EVALSHA", name, b"%d" % len(keys), *keys, *arguments)
        try:
            return self.exchange([call], writes)[0]
        except redis.exceptions.NoScriptError:
            self.load(script)
            return self.exchange([call], writes)[0]

    def numbers(self, pieces: Iterable[Piece]) -> Numbers:
        """Send commands that write and are answered by a number each, in no certain order; return the numbers in theirs.

        Over several connections, because Redis reads but 16 KB of each before it writes to disk what it has done.
        """
        pool: Any = self._client.connection_pool
        connections, counts, order = list[Any](), list[int](), list[int]()
        try:
            for n, (text, count) in enumerate(pieces):
                if n < _CONNECTIONS:
                    connections.append(pool.get_connection())
                    counts.append(0)
                connections[n % _CONNECTIONS].send_packed_command([text])
                counts[n % _CONNECTIONS] += count
                order.append(count)
            answers = [_numbers(connection, count) for connection, count in zip(connections, counts, strict=True)]
        except BaseException:
            for connection in connections:
                connection.disconnect()
            raise
        finally:
            for connection in connections:
                pool.release(connection)
        return _dealt(answers, order)

    def close(self) -> None:
        """Close the idle connections."""
        self._client.connection_pool.disconnect(inuse_connections=False)


def converse(client: redis.Redis, text: bytes, count: int) -> list[Any]:
    """Send commands to one server, return their answers; one that is an error ends it."""
    pool: Any = client.connection_pool
    connection = pool.get_connection()
    try:
        connection.send_packed_command([text])
        return read_answers(connection, count)
    except BaseException:
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


def answer_lines(connection: Any, count: int) -> bytes:
    """Read answers of one line each; not by the client's parser, which takes longer for one than Redis for a command."""
    parts, missing = [], count
    while missing > 0:
        parts.append(connection._sock.recv(1 << 18))
        if not parts[-1]:
            raise redis.exceptions.ConnectionError("connection closed by server")
        missing -= parts[-1].count(b"\n")
    return b"".join(parts)


def as_numbers(text: bytes) -> Numbers:
    """Return the numbers that answers of one line tell."""
    return np.fromstring(text.replace(b":", b" "), np.int64, sep=" ")


def _numbers(connection: Any, count: int) -> Numbers:
    text = answer_lines(connection, count)
    if text.startswith(b"-") or b"\n-" in text:
        raise redis.exceptions.ResponseError(next(line[1:] for line in text.split(b"\r\n") if line[:1] == b"-").decode())
    return as_numbers(text)


def _dealt(answers: Sequence[Numbers], order: Sequence[int]) -> Numbers:
    """Return numbers in the order in which their commands were dealt out, as many in turn as `order` tells."""
    at, found = [0] * len(answers), []
    for n, count in enumerate(order):
        hand = n % _CONNECTIONS
        found.append(answers[hand][at[hand] : at[hand] + count])
        at[hand] += count
    return np.concatenate(found) if found else np.zeros(0, np.int64)
