"""Redis as Kuato uses it: our own keys, no silent retry of a write, failures in our own words."""

import re
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, TypeVar, cast
from urllib.parse import parse_qs, quote, urlsplit

import numpy as np
import redis
from numpy.typing import NDArray
from redis.backoff import NoBackoff
from redis.retry import Retry

from matcher.errors import BadSettings, StoreFull, StoreMismatch, StoreUnavailable
from matcher.protocol import Column, Piece, command, commands, cut, gathered, side_by_side, strings

SCHEMA = 2
# Stands in place of the schema while a restore is at work, and after one that did not finish.
RESTORING = b"restoring"
# Bytes of a value from which on room to grow is left to it.
_ROOMY = 1 << 14
# Connections that bulk work uses.
_CONNECTIONS = 8
_OLDEST = [6, 2]
_POLL = 0.05
# Seconds for which nobody tries anew to connect where that has just failed.
_BREATH = 0.25
Value = TypeVar("Value")
Word = TypeVar("Word", np.uint16, np.uint32)

# What may stand behind "?" in a URL; others would have redis-py repeat writes or change the type of answers.
_URL_OPTIONS = ("db", "client_name", "health_check_interval", "max_connections", "socket_connect_timeout", "socket_keepalive")
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
    """One Redis server under one key prefix; safe to share between threads.

    locate: returns the server's URL, starting an embedded one where that is what the settings say. It is asked again
    after a lost connection, so an embedded server found dead is restarted.
    prefix: in front of every key; nothing outside it is ever read or written. timeout: seconds.
    oldest: schemas older than this one are refused; only a migration and a backup read them. With 0 a store is taken as it is.
    admit: called before each write, told whether it adds something; raises StoreFull where there is no room for it.
    """

    def __init__(
        self,
        locate: Callable[[], str],
        prefix: str = "kuato:",
        timeout: float = 10.0,
        oldest: int = SCHEMA,
        admit: Callable[[bool], None] = lambda growing: None,
    ) -> None:
        if not prefix:
            raise BadSettings("redis.prefix is empty, so other keys could not be told from ours; write something like kuato:")
        self._locate = locate
        self._timeout = timeout
        self._oldest = oldest
        self.prefix = prefix.encode()
        self._connecting = Lock()
        self._connected: redis.Redis | None = None
        self._admit = admit
        self._failed: tuple[float, StoreUnavailable] = (float("-inf"), StoreUnavailable())

    def key(self, kind: bytes, rest: bytes = b"") -> bytes:
        """Return the key of `kind` (one letter) for `rest`."""
        return self.prefix + kind + rest

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the value of each key, None where there is none."""
        if not keys:
            return []
        return self._again(lambda: cast("list[bytes | None]", self._client().mget(keys)))

    def read_block(self, keys: NDArray[np.uint8]) -> list[bytes | None]:
        """Return the values of keys of one length, uint8 (n, length): as `read`, without the cost of n Python objects."""
        block = b"*%d\r\n$4\r\nMGET\r\n" % (len(keys) + 1) + strings(keys).tobytes()
        return cast("list[bytes | None]", self._again(lambda: self._exchange(block, 1))[0])

    def tails(self, keys: NDArray[np.uint8], size: int) -> list[bytes]:
        """Return the last `size` bytes of the value of each key, uint8 (n, length), empty where there is none."""
        block = commands(b"GETRANGE", keys, b"-%d" % size, b"-1")
        return cast("list[bytes]", self._again(lambda: self._exchange(block, len(keys)))) if len(keys) else []

    def lengths(self, keys: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return how many bytes the value of each key, uint8 (n, length), has: int64 (n,), 0 where there is none."""
        block = commands(b"STRLEN", keys)
        return np.array(self._again(lambda: self._exchange(block, len(keys))) if len(keys) else [], np.int64)

    def _exchange(self, block: bytes, answers: int) -> list[Any]:
        """Send commands already in the protocol's form, return the answers; one that is an error ends it."""
        pool: Any = self._client().connection_pool
        connection = pool.get_connection()
        try:
            connection.send_packed_command([block])
            return [connection.read_response() for _ in range(answers)]
        except BaseException:
            connection.disconnect()
            raise
        finally:
            pool.release(connection)

    def exchange(self, blocks: Sequence[bytes]) -> list[Any]:
        """Send commands that only read, already in the protocol's form; return their answers."""
        return self._again(lambda: self._exchange(b"".join(blocks), len(blocks))) if blocks else []

    def numbers(self, pieces: Iterable[Piece]) -> NDArray[np.int64]:
        """Send commands that are answered by a number each, in no certain order; return the numbers in theirs.

        Over several connections, because Redis reads but 16 KB of each before it writes to disk what it has done.
        Not repeated by itself: after a failure any part of it may have happened.
        """
        with self.speaking(grows=False):
            pool: Any = self._client().connection_pool
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
            return self._client().script_load(text).encode()

    def send(self, blocks: Sequence[bytes]) -> None:
        """Send commands already in the protocol's form. Not repeated by itself: after a failure any part of it may have happened."""
        with self.speaking(grows=False):
            self._exchange(b"".join(blocks), len(blocks))

    def append(self, entries: Iterable[tuple[bytes, bytes]], short: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """Append each value to its key. Not idempotent: after a failure any part of it may have happened.

        short: the same for lists that are many and short. APPEND leaves a string room to grow, up to as much as it holds;
        these are written anew instead, in just the memory they need.
        """
        each = [command(b"APPEND", key, value) for key, value in entries]
        each += [command(b"EVAL", _APPEND_SHORT, b"1", key, value) for key, value in short]
        with self.speaking(grows=True):
            self._exchange(b"".join(each), len(each))

    def write(self, key: bytes, value: bytes) -> None:
        """Set the value of a key."""
        with self.speaking(grows=True):
            self._client().set(key, value)

    def write_many(self, values: Sequence[tuple[bytes, bytes]]) -> None:
        """Set the value of each key."""
        self._admit(True)
        self.send([command(b"SET", key, value) for key, value in values])

    def delete(self, keys: Sequence[bytes]) -> int:
        """Delete keys; return how many there were."""
        with self.speaking(grows=False):
            return int(self._client().unlink(*keys)) if keys else 0

    def count(self, key: bytes, by: int = 1) -> int:
        """Add to the number under a key and return the sum."""
        with self.speaking(grows=True):
            return int(self._client().incrby(key, by))

    def field(self, key: bytes, name: bytes) -> bytes | None:
        """Return one field of a hash."""
        return self._again(lambda: cast("bytes | None", self._client().hget(key, name)))

    def set_field(self, key: bytes, name: bytes, value: bytes) -> None:
        """Set one field of a hash."""
        with self.speaking(grows=True):
            self._client().hset(key, items=[name, value])

    def fields(self, key: bytes) -> dict[bytes, bytes]:
        """Return all fields of a hash."""
        return self._again(lambda: cast("dict[bytes, bytes]", self._client().hgetall(key)))

    def some_fields(self, keys: Sequence[bytes], names: Sequence[bytes]) -> list[list[bytes | None]]:
        """Return these fields of each hash, None for what there is not."""

        def ask() -> list[list[bytes | None]]:
            pipeline = self._client().pipeline(transaction=False)
            for key in keys:
                pipeline.hmget(key, names)
            return cast("list[list[bytes | None]]", pipeline.execute())

        return self._again(ask) if keys else []

    def field_counts(self, keys: Sequence[bytes]) -> int:
        """Return how many fields the hashes under these keys have in all."""

        def ask() -> int:
            pipeline = self._client().pipeline(transaction=False)
            for key in keys:
                pipeline.hlen(key)
            return sum(pipeline.execute())

        return self._again(ask)

    def info(self) -> dict[str, Any]:
        """Return what the server says of itself."""
        return self._again(lambda: self._client().info())

    def replace(self, key: bytes, old: bytes, new: bytes) -> bool:
        """Replace a value if it is still `old`, delete it when `new` is empty; return whether it was."""
        return bool(self.run(_REPLACE, key, old, new))

    def replace_many(self, changes: Sequence[tuple[bytes, bytes, bytes]]) -> list[bool]:
        """Do for many keys what `replace` does for one: (key, old, new)."""
        return [outcome == 1 for outcome in self.run_many(_REPLACE, changes).tolist()] if changes else []

    def run(self, script: str, key: bytes, *arguments: bytes | int) -> Any:
        """Run a Lua script that touches `key` alone, so that it also holds on a cluster."""
        with self.speaking(grows=False):
            return self._client().register_script(script)(keys=[key], args=list(arguments))

    def run_many(self, script: str, calls: Sequence[Sequence[bytes]]) -> NDArray[np.int64]:
        """Run a script that answers by a number for each call: its key, then arguments. As `run`, all at once."""
        if len(calls) == 1:
            return np.array([self.run(script, *calls[0])], np.int64)
        name = self.script(script) if calls else b""
        return self.numbers(gathered(command(b"EVALSHA", name, b"1", *call) for call in calls))

    def query(self, script: str, key: bytes, *arguments: bytes | int) -> Any:
        """Run a Lua script that reads `key` alone, once more after a lost connection."""
        return self._again(lambda: self._client().register_script(script)(keys=[key], args=list(arguments)))

    def scan(self, kind: bytes, count: int = 1000) -> Iterator[bytes]:
        """Yield every key of `kind`; one that is written meanwhile may be missed or come twice."""
        pattern = b"".join(b"\\" + bytes([c]) if c in b"*?[]\\" else bytes([c]) for c in self.prefix + kind) + b"*"
        with self.speaking():
            yield from self._client().scan_iter(match=pattern, count=count)

    def companions(self) -> int:
        """Return how many other connections Kuato has to this store; 0 where the server does not tell."""
        with self.speaking():
            try:
                client = self._client()
                mine, everybody = client.client_id(), client.client_list()
            except redis.exceptions.ResponseError:
                return 0
        own = next((one for one in everybody if int(one["id"]) == mine), {})
        alike = [one for one in everybody if all(one.get(what) == own.get(what) for what in ("name", "db"))]
        return max(0, len(alike) - 1) if own.get("name") else 0

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
            client = self._client()
            client.slowlog_reset()
            give_up = time.monotonic() + patience
            while client.info("persistence").get("aof_rewrite_in_progress"):
                if time.monotonic() > give_up:
                    return False
                time.sleep(_POLL)
            client.bgrewriteaof()
            return True

    def forget_connection(self) -> None:
        """Close the idle connections; the next use makes new ones, and checks the schema again."""
        client, self._connected = self._connected, None
        if client is not None:
            client.connection_pool.disconnect(inuse_connections=False)

    def _client(self) -> redis.Redis:
        asked = time.monotonic()
        with self._connecting:
            if self._connected is None:
                # Whoever waited while another failed has failed, too: else each would wait its time, one after the other.
                when, failure = self._failed
                if min(asked, time.monotonic() - _BREATH) < when:
                    raise type(failure)(str(failure))
                try:
                    self._connected = self._checked(self._locate())
                except StoreUnavailable as error:
                    if not isinstance(error, StoreMismatch):  # that takes no time
                        self._failed = time.monotonic(), error
                    raise
            return self._connected

    def _checked(self, url: str) -> redis.Redis:
        client = self._connect(url)
        try:
            self._check_version(client)
            self._check_schema(client)
        except BaseException:
            client.connection_pool.disconnect()
            raise
        return client

    def _connect(self, url: str) -> redis.Redis:
        try:
            unknown = [name for name in parse_qs(urlsplit(url).query) if name not in _URL_OPTIONS and not name.startswith("ssl_")]
            if unknown:
                raise ValueError(f"{unknown[0]!r} is no option that can be used here")
            client = redis.Redis.from_url(
                url,
                protocol=2,  # what every version of Redis, Valkey and Kvrocks speaks
                retry=Retry(NoBackoff(), 0),
                socket_timeout=self._timeout,
                socket_connect_timeout=self._timeout,
                socket_read_size=1 << 18,
                max_connections=256,
                client_name=f"kuato/{quote(self.prefix)}",
            )
            # Some options are looked at only when a connection is made.
            pool = client.connection_pool
            pool.connection_class(**pool.connection_kwargs)
        except (ValueError, TypeError, AttributeError, redis.exceptions.RedisError) as error:
            raise BadSettings(f"redis.url: {error}; write it like redis://127.0.0.1:6379/0") from error
        return client

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

    def _check_schema(self, client: redis.Redis) -> None:
        meta = self.key(b"m")
        with self.speaking():
            # Read first: a server that is full or a replica refuses to write, and can still answer.
            schema = cast("bytes | None", client.hget(meta, "schema"))
            if schema is None:
                client.hsetnx(meta, "schema", SCHEMA)
                schema = cast("bytes", client.hget(meta, "schema"))
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
        except redis.exceptions.ResponseError as error:
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
                    return self._store._client().register_script(script)(keys=list(keys), args=list(args))
            except StoreUnavailable as error:
                raise QueueAway(str(error)) from error

        return run


def _numbers(connection: Any, count: int) -> NDArray[np.int64]:
    """Read so many numbers; not by the client's parser, which takes longer for one than Redis for a command."""
    parts, missing = [], count
    while missing > 0:
        parts.append(connection._sock.recv(1 << 18))
        if not parts[-1]:
            raise redis.exceptions.ConnectionError("connection closed by server")
        missing -= parts[-1].count(b"\n")
    text = b"".join(parts)
    if b"-" in text:
        raise redis.exceptions.ResponseError(next(line[1:] for line in text.split(b"\r\n") if line[:1] == b"-").decode())
    return np.fromstring(text.replace(b":", b" "), np.int64, sep=" ")


def _dealt(answers: Sequence[NDArray[np.int64]], order: Sequence[int]) -> NDArray[np.int64]:
    """Return numbers in the order in which their commands were dealt out, as many in turn as `order` tells."""
    at, found = [0] * len(answers), []
    for n, count in enumerate(order):
        hand = n % _CONNECTIONS
        found.append(answers[hand][at[hand] : at[hand] + count])
        at[hand] += count
    return np.concatenate(found) if found else np.zeros(0, np.int64)


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
