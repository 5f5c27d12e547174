"""Redis as Kuato uses it: our own keys, no silent retry of a write, failures in our own words."""

import re
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha1
from itertools import accumulate, pairwise
from threading import Lock
from typing import Any, TypeVar, cast
from urllib.parse import quote

import numpy as np
import redis
from numpy.typing import NDArray

from matcher.errors import BadSettings, StoreFull, StoreMismatch, StoreUnavailable
from matcher.location import Address, Location
from matcher.nodes import Nodes, together
from matcher.protocol import Column, Piece, command, command_pairs, command_rows, cut, gathered, side_by_side, strings
from matcher.server import Server, converse

SCHEMA = 2
# Stands in place of the schema while a restore is at work, and after one that did not finish.
RESTORING = b"restoring"
# Bytes of a value from which on room to grow is left to it.
_ROOMY = 1 << 14
_OLDEST = [6, 2]
_POLL = 0.05
# Seconds for which nobody tries anew to connect where that has just failed.
_BREATH = 0.25
Value = TypeVar("Value")
Word = TypeVar("Word", np.uint16, np.uint32)

_NO_WRITES = ("OOM ", "MISCONF", "NOREPLICAS", "READONLY", "maxmemory")

# ARGV: what to append. A kilobyte can be copied in the time that a command takes; a longer list is worth its slack.
_APPEND_SHORT = b"""
if redis.call('STRLEN', KEYS[1]) >= 1024 then return redis.call('APPEND', KEYS[1], ARGV[1]) end
redis.call('SET', KEYS[1], (redis.call('GET', KEYS[1]) or '') .. ARGV[1])
"""
# ARGV: expected value, new value ("" to delete). Deleting first is allowed when memory is full, and what follows it then too.
_REPLACE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[2]) end
return 1
"""


class Store:
    """What one Redis server, or the masters of a Redis Cluster, hold under one key prefix; safe to share between threads.

    locate: returns the server's URL, starting an embedded one where that is what the settings say. It is asked again
    after a lost connection, so an embedded server found dead is restarted.
    prefix: in front of every key; nothing outside it is ever read or written. timeout: seconds.
    oldest: schemas older than this one are refused; only a migration and a backup read them. With 0 a store is taken as it is, also one
    that a restore has not finished. replicas: how many must have what was written before a write counts.
    admit: called before each write, told whether it adds something; raises StoreFull where there is no room for it.
    """

    def __init__(
        self,
        locate: Callable[[], str],
        prefix: str = "kuato:",
        timeout: float = 10.0,
        oldest: int = SCHEMA,
        replicas: int = 0,
        admit: Callable[[bool], None] = lambda growing: None,
    ) -> None:
        if not prefix:
            raise BadSettings("redis.prefix is empty, so other keys could not be told from ours; write something like kuato:")
        self._locate = locate
        self._timeout = timeout
        self._oldest = oldest
        self._replicas = replicas
        self.prefix = prefix.encode()
        self._connecting = Lock()
        self._connected: Server | Nodes | None = None
        self._met: tuple[Address, ...] = ()
        self._admit = admit
        self._failed: tuple[float, StoreUnavailable] = (float("-inf"), StoreUnavailable())

    def key(self, kind: bytes, rest: bytes = b"") -> bytes:
        """Return the key of `kind` (one letter) for `rest`."""
        return self.prefix + kind + rest

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the value of each key, None where there is none."""
        return self._again(lambda: self._link().values(keys)) if keys else []

    def read_block(self, keys: NDArray[np.uint8]) -> list[bytes | None]:
        """Return the values of keys of one length, uint8 (n, length): as `read`, without the cost of n Python objects."""
        return self._again(lambda: self._link().values_of_rows(keys))

    def tails(self, keys: NDArray[np.uint8], size: int) -> list[bytes]:
        """Return the last `size` bytes of the value of each key, uint8 (n, length), empty where there is none."""
        rows = command_rows(b"GETRANGE", keys, b"-%d" % size, b"-1")
        return cast("list[bytes]", self._again(lambda: self._link().exchange_rows(rows))) if len(keys) else []

    def lengths(self, keys: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return how many bytes the value of each key, uint8 (n, length), has: int64 (n,), 0 where there is none."""
        rows = command_rows(b"STRLEN", keys)
        return np.array(self._again(lambda: self._link().exchange_rows(rows)) if len(keys) else [], np.int64)

    def exchange(self, blocks: Sequence[bytes]) -> list[Any]:
        """Send commands that only read, already in the protocol's form; return their answers."""
        return self._again(lambda: self._link().exchange(blocks)) if blocks else []

    def everywhere(self, *words: bytes) -> list[Any]:
        """Send a command that only reads, and names no key, to every server that is written to; return their answers."""
        one = command(*words)
        return self._again(lambda: [converse(client, one, 1)[0] for client in self._link().masters])

    def random(self, count: int) -> list[bytes | None]:
        """Return keys chosen at random from all that the server has, some perhaps twice; of several, each has its share."""

        def ask() -> list[bytes | None]:
            clients = self._link().masters
            sizes = [converse(client, command(b"DBSIZE"), 1)[0] for client in clients] if len(clients) > 1 else [1]
            ends = [round(count * part / max(1, sum(sizes))) for part in accumulate(sizes)]
            shares = [end - start for start, end in pairwise((0, *ends))]
            each = (converse(client, command(b"RANDOMKEY") * share, share) for client, share in zip(clients, shares, strict=True))
            return [key for keys in each for key in keys]

        return self._again(ask)

    def numbers(self, pieces: Iterable[Piece]) -> NDArray[np.int64]:
        """Send commands that are answered by a number each, in no certain order; return the numbers in theirs.

        Not repeated by itself: after a failure any part of it may have happened.
        """
        with self.speaking(grows=False):
            return self._link().numbers(pieces)

    def file(self, prefix: bytes, words: NDArray[Word], entries: Column) -> NDArray[Word]:
        """Append each entry to the list of its word, those of one list together.

        words: unsigned (n,); its bytes, the higher first, end the key. entries: uint8 (n, length).
        Return the words of short lists that APPEND has left room to grow. Not idempotent: after a failure any part of it
        may have happened.
        """
        if not len(words):
            return words
        self._admit(True)
        order = np.argsort(words, kind="stable")
        words, entries = words[order], entries[order]
        starts = np.flatnonzero(np.diff(words, prepend=~words[:1]))
        counts = np.diff(starts, append=len(words))
        lists = starts[np.argsort(counts, kind="stable")]
        lengths = self.numbers(_appends(prefix, words, entries, starts, counts))
        added = np.sort(counts) * entries.shape[1]
        return np.asarray(words[lists[(lengths > added) & (lengths < _ROOMY)]])

    def shorten(self, prefix: bytes, words: NDArray[Word]) -> None:
        """Give back what APPEND has left for lists to grow."""
        if len(words) and "kvrocks_version" not in self.info():  # it leaves nothing, and its BITOP makes something else of a string
            keys = side_by_side(prefix, _bytes(words))
            # The only command that writes a string anew, in just the memory it needs, without naming its bytes.
            self.numbers(cut(side_by_side(b"*4\r\n$5\r\nBITOP\r\n$2\r\nOR\r\n", *2 * (strings(keys),))))

    def script(self, text: str) -> bytes:
        """Return the name by which EVALSHA runs a script."""
        with self.speaking():
            return self._link().load(text)

    def send(self, blocks: Sequence[bytes]) -> None:
        """Send commands already in the protocol's form. Not repeated by itself: after a failure any part of it may have happened."""
        with self.speaking(grows=False):
            self._link().exchange(blocks, True)

    def change(self, blocks: Sequence[bytes]) -> None:
        """Do as `send`, all at once where there is but one server."""
        with self.speaking(grows=False):
            self._link().change(blocks)

    def append(self, entries: Iterable[tuple[bytes, bytes]], short: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """Append each value to its key. Not idempotent: after a failure any part of it may have happened.

        short: the same for lists that are many and short. APPEND leaves a string room to grow, up to as much as it holds;
        these are written anew instead, in just the memory they need.
        """
        self._admit(True)
        self.send(command_pairs([b"APPEND"], entries) + command_pairs([b"EVAL", _APPEND_SHORT, b"1"], short))

    def write(self, key: bytes, value: bytes) -> None:
        """Set the value of a key."""
        self._admit(True)
        self.send([command(b"SET", key, value)])

    def write_many(self, values: Sequence[tuple[bytes, bytes]]) -> None:
        """Set the value of each key."""
        with self.speaking(grows=True):
            if values:
                self._link().write(values)

    def delete(self, keys: Sequence[bytes]) -> int:
        """Delete keys; return how many there were."""
        with self.speaking(grows=False):
            return self._link().delete(keys) if keys else 0

    def count(self, key: bytes, by: int = 1) -> int:
        """Add to the number under a key and return the sum."""
        with self.speaking(grows=True):
            return int(self._link().exchange([command(b"INCRBY", key, b"%d" % by)], True)[0])

    def field(self, key: bytes, name: bytes) -> bytes | None:
        """Return one field of a hash."""
        return cast("bytes | None", self.exchange([command(b"HGET", key, name)])[0])

    def set_field(self, key: bytes, name: bytes, value: bytes) -> None:
        """Set one field of a hash."""
        self._admit(True)
        self.send([command(b"HSET", key, name, value)])

    def fields(self, key: bytes) -> dict[bytes, bytes]:
        """Return all fields of a hash."""
        words = self.exchange([command(b"HGETALL", key)])[0]
        return dict(zip(words[::2], words[1::2], strict=True))

    def some_fields(self, keys: Sequence[bytes], names: Sequence[bytes]) -> list[list[bytes | None]]:
        """Return these fields of each hash, None for what there is not."""
        return self.exchange([command(b"HMGET", key, *names) for key in keys])

    def field_counts(self, keys: Sequence[bytes]) -> int:
        """Return how many fields the hashes under these keys have in all."""
        return sum(self.exchange([command(b"HLEN", key) for key in keys]))

    def info(self) -> dict[str, Any]:
        """Return what the server says of itself; of several that hold the store, the sums where these say something."""
        return together(self.infos())

    def infos(self) -> list[dict[str, Any]]:
        """Return what each server that is written to says of itself."""
        return self._again(lambda: [client.info() for client in self._link().masters])

    def replace(self, key: bytes, old: bytes, new: bytes) -> bool:
        """Replace a value if it is still `old`, delete it when `new` is empty; return whether it was."""
        return bool(self.run(_REPLACE, key, old, new))

    def replace_many(self, changes: Sequence[tuple[bytes, bytes, bytes]]) -> list[bool]:
        """Do for many keys what `replace` does for one: (key, old, new)."""
        return [outcome == 1 for outcome in self.run_many(_REPLACE, changes).tolist()] if changes else []

    def run(self, script: str, key: bytes, *arguments: bytes | int) -> Any:
        """Run a Lua script that touches `key` alone, so that it also holds on a cluster."""
        with self.speaking(grows=False):
            return self._called(script, [key], arguments)

    def run_many(self, script: str, calls: Sequence[Sequence[bytes]]) -> NDArray[np.int64]:
        """Run a script that answers by a number for each call: its key, then arguments. As `run`, all at once."""
        if len(calls) == 1:
            return np.array([self.run(script, *calls[0])], np.int64)
        name = self.script(script) if calls else b""
        return self.numbers(gathered(command(b"EVALSHA", name, b"1", *call) for call in calls))

    def query(self, script: str, key: bytes, *arguments: bytes | int) -> Any:
        """Run a Lua script that reads `key` alone, once more after a lost connection."""
        return self._again(lambda: self._called(script, [key], arguments, writes=False))

    def _called(self, script: str, keys: Sequence[bytes], arguments: Iterable[Any], writes: bool = True) -> Any:
        name = sha1(script.encode()).hexdigest().encode()  # noqa: S324 - the name that Redis gives it
        return self._link().run(name, script, keys, [_word(one) for one in arguments], writes)

    def scan(self, kind: bytes, count: int = 1000) -> Iterator[bytes]:
        """Yield every key of `kind`; one that is written meanwhile may be missed or come twice."""
        pattern = b"".join(b"\\" + bytes([c]) if c in b"*?[]\\" else bytes([c]) for c in self.prefix + kind) + b"*"
        with self.speaking():
            for client in self._link().masters:
                yield from client.scan_iter(match=pattern, count=count)

    def companions(self) -> int:
        """Return how many other connections Kuato has to this store; 0 where the server does not tell."""
        with self.speaking():
            try:
                return max(_companions(client) for client in self._link().masters)
            except redis.exceptions.ResponseError:
                return 0

    def clear(self, kept: Container[bytes] = ()) -> int:
        """Delete every key under the prefix but those that are kept; return how many."""
        deleted, some = 0, list[bytes]()
        for key in self.scan(b""):
            if key not in kept:
                some.append(key)
            if len(some) == 1000:
                deleted += self.delete(some)
                some = []
        deleted += self.delete(some)
        self.forget_connection()
        return deleted

    def scrub(self, patience: float = 60.0) -> bool:
        """Have the server drop what it still holds of deleted values: its append-only file is begun anew in the background, its
        log of slow commands emptied. False where it was still busy with such a file, begun before, after `patience` seconds.
        """
        with self.speaking():
            give_up = time.monotonic() + patience
            for client in self._link().masters:
                client.slowlog_reset()
                while client.info("persistence").get("aof_rewrite_in_progress"):
                    if time.monotonic() > give_up:
                        return False
                    time.sleep(_POLL)
                client.bgrewriteaof()
            return True

    def forget_connection(self) -> None:
        """Close the idle connections; the next use makes new ones, and checks the schema again."""
        link, self._connected = self._connected, None
        if link is not None:
            link.close()

    def _client(self) -> redis.Redis:
        """Return the client of the server, or of one of several."""
        return self._link().masters[0]

    def _link(self) -> Server | Nodes:
        asked = time.monotonic()
        with self._connecting:
            if self._connected is None:
                # Whoever waited while another failed has failed, too: else each would wait its time, one after the other.
                when, failure = self._failed
                if min(asked, time.monotonic() - _BREATH) < when:
                    raise type(failure)(str(failure))
                try:
                    self._connected = self._checked(self._locate())
                    self._met = self._connected.addresses
                except StoreUnavailable as error:
                    if not isinstance(error, StoreMismatch | StoreFull):  # these take no time
                        self._failed = time.monotonic(), error
                    raise
            return self._connected

    def _checked(self, url: str) -> Server | Nodes:
        link = self._connect(url)
        try:
            for client in link.masters:
                self._check_version(client)
            self._check_schema(link)
        except BaseException:
            link.close()
            raise
        return link

    def _connect(self, url: str) -> Server | Nodes:
        location, name = Location.of(url), f"kuato/{quote(self.prefix)}"
        if location.clustered and b"{" in self.prefix:
            raise BadSettings(f"redis.prefix {self.prefix.decode()!r} would keep all on one node of the cluster; take one without braces")
        if not location.clustered and not self._replicas:
            return Server(location.client(name, self._timeout))
        with self.speaking():
            if not location.clustered:
                return Nodes((), lambda _: location.client(name, self._timeout), self._replicas)
            return Nodes((*self._met, *location.seeds), lambda node: location.client(name, self._timeout, node), self._replicas)

    def _check_version(self, client: redis.Redis) -> None:
        with self.speaking():
            try:
                server = client.info("server")
            except redis.exceptions.ResponseError:  # not for everybody to know: what it lacks will show
                return
        version = str(server.get("redis_version", ""))
        # Kvrocks calls itself a Redis 4 and yet has what we need.
        if "kvrocks_version" not in server and [int(part) for part in re.findall(r"\d+", version)[:2]] < _OLDEST:
            raise StoreMismatch(f"redis.url leads to a Redis {version}; Kuato needs 6.2 or later, or Valkey")

    def _check_schema(self, link: Server | Nodes) -> None:
        look = command(b"HGET", self.key(b"m"), b"schema")
        with self.speaking():
            # Read first: a server that is full or a replica refuses to write, and can still answer.
            schema = cast("bytes | None", link.exchange([look])[0])
            if schema is None:
                link.exchange([command(b"HSETNX", self.key(b"m"), b"schema", b"%d" % SCHEMA)], True)
                schema = cast("bytes", link.exchange([look])[0])
        found = 0 if schema == RESTORING else int(schema) if schema.isdigit() else SCHEMA + 1
        if found == 0 < self._oldest:
            raise StoreMismatch(
                f"the store under {self.prefix.decode()!r} is being restored, or that was interrupted; if so, run `kuato restore` again"
            )
        if not self._oldest <= found <= SCHEMA:
            remedy = "run `kuato upgrade`" if found < SCHEMA else "use the Kuato that wrote it, or another redis.prefix"
            shown = schema.decode(errors="replace")
            raise StoreMismatch(f"the store under {self.prefix.decode()!r} has schema {shown}, this version reads {SCHEMA}; {remedy}")

    def _again(self, ask: Callable[[], Value]) -> Value:
        try:
            with self.speaking():
                return ask()
        except StoreFull:
            raise
        except StoreUnavailable:
            with self.speaking():
                return ask()

    @contextmanager
    def speaking(self, grows: bool | None = None) -> Iterator[None]:
        """Turn what redis-py raises into StoreUnavailable or StoreFull. grows: whether what is said adds something; None: it only reads."""
        if grows is not None:
            self._admit(grows)
        try:
            yield
        except redis.exceptions.ReadOnlyError as error:
            raise StoreFull(f"Redis is read-only ({error}); nothing was changed. Point redis.url at the master") from error
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError) as error:
            self.forget_connection()
            raise StoreUnavailable(f"Redis did not answer ({error}); check that it runs and that redis.url is right") from error
        except redis.exceptions.AskError as error:
            raise StoreUnavailable(f"a key is on another node ({error}); for a cluster, write redis.url like redis+cluster://..") from error
        except redis.exceptions.ResponseError as error:
            if "cluster support disabled" in str(error):
                raise BadSettings("redis.url says redis+cluster://, and that server is no cluster; write redis:// instead") from error
            if "WRONGTYPE" in str(error):
                raise StoreMismatch(f"a key under {self.prefix.decode()!r} is not ours ({error}); use another redis.prefix") from error
            if any(sign in str(error) for sign in _NO_WRITES):
                raise StoreFull(f"Redis refuses to write ({error}); nothing was acknowledged. Free memory or disk and try again") from error
            raise StoreUnavailable(f"Redis refused a command ({error})") from error
        except redis.exceptions.RedisError as error:
            self.forget_connection()
            raise StoreUnavailable(f"what answers is no Redis ({error}); check that redis.url is right") from error


class QueueAway(StoreUnavailable, redis.exceptions.ConnectionError):
    """The store is away, in a way that a library which knows redis-py takes for a lost connection."""


class ScriptClient:
    """As much of a Redis client as a library needs that does everything by scripts; it follows the store to where that is now."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register_script(self, script: bytes) -> Callable[..., Any]:
        """Return what runs the script with `keys` and `args`. That raises QueueAway."""

        def run(keys: Sequence[Any] = (), args: Sequence[Any] = ()) -> Any:
            try:
                with self._store.speaking():
                    # Such scripts use keys that they do not name. A second name, of nothing, in the same slot: while the slot is
                    # on its way to another node, they are refused at either.
                    names = [_word(key) for key in keys]
                    return self._store._called(script.decode(), [*names, *(name + b":" for name in names)], args)
            except StoreUnavailable as error:
                raise QueueAway(str(error)) from error

        return run


def _appends(prefix: bytes, words: NDArray[Word], entries: Column, starts: NDArray[np.intp], counts: NDArray[np.intp]) -> Iterator[Piece]:
    """Yield an APPEND for each run of equal words, those of fewest entries first."""
    for count in np.unique(counts).tolist():
        some = starts[counts == count]
        values = entries[some[:, None] + np.arange(count)].reshape(len(some), -1)
        keys = side_by_side(prefix, _bytes(words[some]))
        yield from cut(side_by_side(b"*3\r\n$6\r\nAPPEND\r\n", strings(keys), strings(values)))


def _bytes(words: NDArray[Word]) -> Column:
    """Return the bytes of each word, the higher first."""
    return words.astype(words.dtype.newbyteorder(">")).view(np.uint8).reshape(len(words), -1)


def _word(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _companions(client: redis.Redis) -> int:
    mine, everybody = client.client_id(), client.client_list()
    own = next((one for one in everybody if int(one["id"]) == mine), {})
    alike = [one for one in everybody if all(one.get(what) == own.get(what) for what in ("name", "db"))]
    return max(0, len(alike) - 1) if own.get("name") else 0
