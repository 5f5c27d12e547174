"""A Redis Cluster, spoken to as if it were one server: every command goes to the master that has its key, to all masters at a time.

What a master did not do (the slot has moved or is on the move, a script is unknown there, the cluster is down for a moment) is asked
of the right one again; what it may have done is not. With `replicas`, each write is followed by WAIT on the same connection, and
counts only once so many replicas have it. A single server with replicas is such a cluster with one master.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha1
from itertools import pairwise
from typing import Any, cast

import numpy as np
import redis
from numpy.typing import NDArray

from matcher.location import Address
from matcher.protocol import Column, Piece, command, command_rows
from matcher.server import Numbers, answer_lines, as_numbers, converse
from matcher.slots import SLOTS, Batch, Listed, Rows, Slots, divided, script_of

_ALONE = ("", 0)
Places = NDArray[np.intp]

# Connections that bulk work uses at each master.
_LANES = 4
# How long a command is sent where the last answer said, and the pause before it is tried again; seconds.
_PATIENCE = 3.0
_PAUSE = 0.02
_WAITING = 2000  # milliseconds that replicas have
_ASKING = command(b"ASKING")
_REFUSED = (
    redis.exceptions.AskError,
    redis.exceptions.TryAgainError,
    redis.exceptions.NoScriptError,
    redis.exceptions.ClusterDownError,
)
_REFUSALS = (b"MOVED ", b"ASK ", b"TRYAGAIN", b"NOSCRIPT", b"CLUSTERDOWN", b"MASTERDOWN")


class TooFewReplicas(redis.exceptions.ConnectionError):
    """What was written is not where it would survive the loss of the master."""


@dataclass(frozen=True)
class Layout:
    """Who has which slot. clients: of the masters. owners: int16 (16384,), the place of each slot's master among them, -1 for none."""

    clients: tuple[redis.Redis, ...]
    owners: NDArray[np.int16]


class Nodes:
    """The masters of a cluster. Whatever redis-py raises is the caller's to name.

    seeds: nodes to ask for the others; none for a single server, which has all slots. connect: makes the client of a node.
    replicas: how many must have what was written.
    """

    def __init__(self, seeds: Sequence[Address], connect: Callable[[Address], redis.Redis], replicas: int = 0) -> None:
        self._seeds = tuple(seeds)
        self._connect = connect
        self._replicas = replicas
        self._known: dict[Address, redis.Redis] = {}
        self._scripts: dict[bytes, str] = {}
        self._loaded = set[tuple[bytes, int]]()
        self._wait = command(b"WAIT", b"%d" % replicas, b"%d" % _WAITING)
        self._layout = self._asked()

    @property
    def masters(self) -> list[redis.Redis]:
        """The clients of all masters."""
        return list(self._layout.clients)

    def exchange(self, commands: Sequence[bytes], writes: bool = False) -> list[Any]:
        """Send commands, each to the master of its key; return their answers. One that is an error is raised when all have come."""
        return self._settled(Listed(commands), writes)

    def exchange_rows(self, rows: Column) -> list[Any]:
        """Send commands that only read, of one length, uint8 (n, length); return their answers."""
        return self._settled(Rows(rows), False)

    def values(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the value of each key, None where there is none."""
        return cast("list[bytes | None]", self.exchange([command(b"GET", key) for key in keys]))

    def values_of_rows(self, keys: Column) -> list[bytes | None]:
        """Return the values of keys of one length, uint8 (n, length): as `values`, without the cost of n Python objects."""
        return cast("list[bytes | None]", self.exchange_rows(command_rows(b"GET", keys)))

    def write(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Let keys hold these strings."""
        self.exchange([command(b"SET", key, value) for key, value in pairs], True)

    def change(self, commands: Sequence[bytes]) -> None:
        """Send commands that write; those of one key happen in their order."""
        self.exchange(commands, True)

    def delete(self, keys: Sequence[bytes]) -> int:
        """Delete keys; return how many there were."""
        return sum(self.exchange([command(b"UNLINK", key) for key in keys], True))

    def load(self, script: str) -> bytes:
        """Have all masters know a script; return the name by which EVALSHA runs it."""
        name = sha1(script.encode()).hexdigest().encode()  # noqa: S324 - the name that Redis gives it
        self._scripts[name] = script
        for client in self._layout.clients:
            if (name, id(client)) not in self._loaded:
                self._teach(client, name)
        return name

    def run(self, name: bytes, script: str, keys: Sequence[bytes], arguments: Sequence[bytes], writes: bool = True) -> Any:
        """Run a script by its name, with its text where a master does not know it yet."""
        self._scripts.setdefault(name, script)
        return self.exchange([command(b"EVALSHA", name, b"%d" % len(keys), *keys, *arguments)], writes)[0]

    def numbers(self, pieces: Iterable[Piece]) -> Numbers:
        """Send commands that write and are answered by a number each, in no certain order; return the numbers in theirs.

        Over several connections to each master, because Redis reads but 16 KB of each before it writes to disk what it has done.
        """
        layout, batches, sent = self._layout, list[Batch](), dict[tuple[int, int], list[tuple[int, Places]]]()
        refused, failure = list[tuple[int, int]](), b""
        with _lanes(layout) as lane:
            for n, piece in enumerate(pieces):
                batches.append(divided(*piece))
                for owner, places in _shared_out(layout, batches[-1].slots):
                    lane(owner, n % _LANES).send_packed_command([batches[-1].some(places)])
                    sent.setdefault((owner, n % _LANES), []).append((n, places))
            for at in sent if self._replicas else ():
                lane(*at).send_packed_command([self._wait])
            found = [np.zeros(len(batch), np.int64) for batch in batches]
            for at, parts in sent.items():
                whole = np.concatenate([places + (n << 32) for n, places in parts])
                lines = answer_lines(lane(*at), len(whole) + bool(self._replicas))
                numbers, errors = _told(lines)
                if self._replicas and len(errors) < len(whole):
                    self._check(numbers[-1] if len(whole) not in errors else 0)
                begin = 0
                for n, places in parts:
                    found[n][places] = numbers[begin : begin + len(places)]
                    begin += len(places)
                for line, error in errors.items():
                    if line == len(whole):  # a replica, that is one by now, knows no WAIT
                        continue
                    if error.startswith(_REFUSALS):
                        refused.append((int(whole[line]) >> 32, int(whole[line]) & 0xFFFFFFFF))
                    else:
                        failure = failure or error
        if failure:
            raise redis.exceptions.ResponseError(failure.decode(errors="replace"))
        again = self._settled(Listed([batches[n].some(np.array([place])) for n, place in refused]), True)
        for (n, place), number in zip(refused, again, strict=True):
            found[n][place] = number
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def close(self) -> None:
        """Close the idle connections."""
        for client in self._known.values():
            client.connection_pool.disconnect(inuse_connections=False)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The nodes that were met, to be asked next time."""
        return tuple(self._known) if self._seeds else ()

    def _settled(self, batch: Batch, writes: bool) -> list[Any]:
        """Send commands until each was done, or refused for good; return their answers. The first that is an error is raised."""
        answers: list[Any] = [None] * len(batch)
        pending, failed, give_up = np.arange(len(batch)), list[int](), time.monotonic() + _PATIENCE
        while len(pending):
            layout = self._layout
            shares = _shared_out(layout, batch.slots[pending])
            wrong = self._ask(batch, [(layout.clients[owner], pending[places]) for owner, places in shares], answers, writes)
            refused = [n for n in wrong if isinstance(answers[n], _REFUSED)]
            failed += [n for n in wrong if not isinstance(answers[n], _REFUSED)]
            if refused and time.monotonic() > give_up:
                raise cast("Exception", answers[refused[0]])
            pending = np.array(self._follow(batch, refused, answers, writes), np.intp)
        if failed:
            raise cast("Exception", answers[min(failed)])
        return answers

    def _follow(self, batch: Batch, refused: Sequence[int], answers: list[Any], writes: bool) -> list[int]:
        """Do as the answers say; return which commands are to be sent again."""
        asked, again, moved = dict[Address, list[int]](), list[int](), list[redis.exceptions.MovedError]()
        pause = False
        for n in refused:
            error = answers[n]
            if isinstance(error, redis.exceptions.MovedError):
                moved.append(error)
            elif isinstance(error, redis.exceptions.AskError):
                asked.setdefault(error.node_addr, []).append(n)
                continue
            elif isinstance(error, redis.exceptions.NoScriptError):
                self._teach(self._layout.clients[self._layout.owners[batch.slots[n]]], script_of(batch.some(np.array([n]))))
            else:
                pause = True
            again.append(n)
        if moved:
            self._layout = self._corrected(moved)
        for address, places in asked.items():
            client = self._node(address)
            wrong = self._ask(batch, [(client, np.array(places))], answers, writes, asking=True)
            for n in wrong:
                if isinstance(answers[n], redis.exceptions.NoScriptError):
                    self._teach(client, script_of(batch.some(np.array([n]))))
                elif not isinstance(answers[n], _REFUSED):
                    raise answers[n]
            pause = pause or bool(wrong)
            again += wrong
        if pause:
            time.sleep(_PAUSE)
        return sorted(again)

    def _ask(
        self, batch: Batch, shares: Sequence[tuple[redis.Redis, Places]], answers: list[Any], writes: bool, asking: bool = False
    ) -> list[int]:
        """Send each client its share of the commands, then note all answers; return which of them are errors."""
        waits, wrong, connections = writes and self._replicas > 0, list[int](), list[tuple[Any, Any]]()
        try:
            for client, places in shares:
                pool: Any = client.connection_pool
                connections.append((pool, pool.get_connection()))
                parts = [part for n in places for part in (_ASKING, batch.some(n.reshape(1)))] if asking else [batch.some(places)]
                connections[-1][1].send_packed_command([b"".join([*parts, self._wait] if waits else parts)])
            for (_, connection), (_, places) in zip(connections, shares, strict=True):
                before = len(wrong)
                for n in places.tolist():
                    if asking:
                        connection.read_response()
                    try:
                        answers[n] = connection.read_response()
                    except redis.exceptions.ResponseError as error:
                        answers[n] = error
                        wrong.append(n)
                if waits:
                    self._waited(connection, len(wrong) - before == len(places))
        except BaseException:
            for _, connection in connections:
                connection.disconnect()
            raise
        finally:
            for pool, connection in connections:
                pool.release(connection)
        return wrong

    def _waited(self, connection: Any, nothing: bool) -> None:
        """Read the answer to WAIT. nothing: nothing was written, so that it does not matter."""
        try:
            count = connection.read_response()
        except redis.exceptions.ResponseError:  # a replica, that is one by now, knows no WAIT
            count = 0
        if not nothing:
            self._check(count)

    def _check(self, count: int) -> None:
        if count < self._replicas:
            raise TooFewReplicas(f"{count} of {self._replicas} replicas (redis.replicas) have what was written after {_WAITING / 1000:g} s")

    def _teach(self, client: redis.Redis, name: bytes) -> None:
        converse(client, command(b"SCRIPT", b"LOAD", self._scripts[name].encode()), 1)
        self._loaded.add((name, id(client)))

    def _node(self, address: Address) -> redis.Redis:
        if address not in self._known:
            self._known.setdefault(address, self._connect(address))
        return self._known[address]

    def _asked(self) -> Layout:
        """Ask one node after the other who has which slot, until one answers."""
        if not self._seeds:
            return Layout((self._node(_ALONE),), np.zeros(SLOTS, np.int16))
        failure: Exception = redis.exceptions.ConnectionError("no node is named")
        for address in dict.fromkeys([*self._known, *self._seeds]):
            try:
                (ranges,) = converse(self._node(address), command(b"CLUSTER", b"SLOTS"), 1)
            except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError) as error:
                failure = error
                continue
            return self._read(ranges, address[0])
        raise failure

    def _read(self, ranges: Sequence[Any], host: str) -> Layout:
        """Return the layout that an answer to CLUSTER SLOTS tells. host: of who answered, which it may leave out."""
        clients, owners = dict[Address, int](), np.full(SLOTS, -1, np.int16)
        for first, last, (name, port, *_), *_ in ranges:
            owners[first : last + 1] = clients.setdefault((name.decode() if name else host, int(port)), len(clients))
        return Layout(tuple(map(self._node, clients)), owners)

    def _corrected(self, moved: Iterable[redis.exceptions.MovedError]) -> Layout:
        """Return the layout as it is now; what the errors say is at least as new."""
        layout = self._asked()
        clients, owners = list(layout.clients), layout.owners.copy()
        for error in moved:
            client = self._node(error.node_addr) if error.host else clients[owners[error.slot_id]]
            if client not in clients:
                clients.append(client)
            owners[error.slot_id] = clients.index(client)
        return Layout(tuple(clients), owners)


def _shared_out(layout: Layout, slots: Slots) -> list[tuple[int, Places]]:
    """Return for each master its place and which of the commands, by their slots, are for it."""
    if len(layout.clients) == 1 and len(slots):
        return [(0, np.arange(len(slots)))]
    owners = layout.owners[slots]
    order = np.argsort(owners, kind="stable")
    bounds = np.searchsorted(owners[order], np.arange(len(layout.clients) + 1)).tolist()
    if len(slots) and bounds[0]:
        raise redis.exceptions.ClusterDownError(f"no master of the cluster has slot {slots[order[0]]}")
    return [(n, order[start:end]) for n, (start, end) in enumerate(pairwise(bounds)) if end > start]


@contextmanager
def _lanes(layout: Layout) -> Iterator[Callable[[int, int], Any]]:
    """Give what returns the connection of a master's lane, the same each time."""
    open = dict[tuple[int, int], Any]()

    def lane(owner: int, number: int) -> Any:
        if (owner, number) not in open:
            pool: Any = layout.clients[owner].connection_pool
            open[owner, number] = pool.get_connection()
        return open[owner, number]

    try:
        yield lane
    except BaseException:
        for connection in open.values():
            connection.disconnect()
        raise
    finally:
        for (owner, _), connection in open.items():
            layout.clients[owner].connection_pool.release(connection)


def _told(lines: bytes) -> tuple[Numbers, dict[int, bytes]]:
    """Return the numbers that lines tell, 0 for those that are errors, and these by their places."""
    if not lines.startswith(b"-") and b"\n-" not in lines:
        return as_numbers(lines), {}
    each = lines.split(b"\r\n")[:-1]
    errors = {n: line[1:] for n, line in enumerate(each) if line[:1] == b"-"}
    return np.array([0 if n in errors else int(line[1:]) for n, line in enumerate(each)], np.int64), errors


# What the INFO of several servers adds up to; and what is only so if it is so of all.
_SUMMED = frozenset(
    ("used_memory", "used_memory_rss", "maxmemory", "total_commands_processed", "aof_current_size", "connected_clients", "evicted_keys")
)
_ANY = frozenset(("aof_rewrite_in_progress", "aof_rewrite_scheduled", "loading"))
_ALL = frozenset(("aof_enabled",))


def together(infos: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the INFO of several servers as one: sums, what is so of any or of all, and for the rest what the first says."""
    found = dict(infos[0])
    for names, how in ((_SUMMED, sum), (_ANY, max), (_ALL, min)):
        found |= {name: how([int(info.get(name) or 0) for info in infos]) for name in names if name in found}
    return found
