"""Redis as Kuato uses it: our own keys, no silent retry of a write, failures in our own words."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from matcher.errors import StoreFull, StoreMismatch, StoreUnavailable

SCHEMA = 1
Value = TypeVar("Value")


class Store:
    """One Redis server under one key prefix; safe to share between threads.

    locate: returns the server's URL, starting an embedded one where that is what the settings say. It is asked again
    after a lost connection, so an embedded server found dead is restarted.
    prefix: in front of every key; nothing outside it is ever read or written.
    """

    def __init__(self, locate: Callable[[], str], prefix: str = "kuato:", timeout: float = 10.0) -> None:
        self._locate = locate
        self._timeout = timeout
        self.prefix = prefix.encode()
        self._client: redis.Redis | None = None

    def key(self, kind: bytes, rest: bytes = b"") -> bytes:
        """Return the key of `kind` (one letter) for `rest`."""
        return self.prefix + kind + rest

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the value of each key, None where there is none."""
        if not keys:
            return []
        return list(self._again(lambda: self.client.mget(keys)))

    def tails(self, keys: Sequence[bytes], size: int) -> list[bytes]:
        """Return the last `size` bytes of each key's value, empty where there is none."""

        def ask() -> list[bytes]:
            pipeline = self.client.pipeline(transaction=False)
            for key in keys:
                pipeline.getrange(key, -size, -1)
            return list(pipeline.execute())

        return self._again(ask) if keys else []

    def append(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Append each value to its key. Not idempotent: after a failure any part of it may have happened."""
        with self.speaking():
            pipeline = self.client.pipeline(transaction=False)
            for key, value in entries:
                pipeline.append(key, value)
            pipeline.execute()

    def run(self, script: str, key: bytes, *arguments: bytes | int) -> Any:
        """Run a Lua script that touches `key` alone, so that it also holds on a cluster."""
        with self.speaking():
            return self.client.register_script(script)(keys=[key], args=list(arguments))

    def scan(self, kind: bytes, count: int = 1000) -> Iterator[bytes]:
        """Yield every key of `kind`; one that is written meanwhile may be missed or come twice."""
        pattern = b"".join(b"\\" + bytes([c]) if c in b"*?[]\\" else bytes([c]) for c in self.prefix + kind) + b"*"
        with self.speaking():
            yield from self.client.scan_iter(match=pattern, count=count)

    def clear(self) -> int:
        """Delete every key under the prefix; return how many."""
        deleted, some = 0, list[bytes]()
        for key in self.scan(b""):
            some.append(key)
            if len(some) == 1000:
                deleted += self._unlink(some)
                some = []
        self._client = None
        return deleted + self._unlink(some)

    def _unlink(self, keys: list[bytes]) -> int:
        with self.speaking():
            return int(self.client.unlink(*keys)) if keys else 0

    @property
    def client(self) -> redis.Redis:
        """The connection; its first use checks the schema. Raises StoreUnavailable, StoreMismatch."""
        if self._client is None:
            client = redis.Redis.from_url(
                self._locate(), retry=Retry(NoBackoff(), 0), socket_timeout=self._timeout, socket_connect_timeout=self._timeout, max_connections=256
            )
            self._check_schema(client)
            self._client = client
        return self._client

    def _check_schema(self, client: redis.Redis) -> None:
        meta = self.key(b"m")
        with self.speaking():
            client.hsetnx(meta, "schema", SCHEMA)
            schema = int(client.hget(meta, "schema") or 0)
        if schema != SCHEMA:
            raise StoreMismatch(f"the store under {self.prefix.decode()!r} has schema {schema}, this version reads {SCHEMA}; use the Kuato that wrote it, or another redis.prefix")

    def forget_connection(self) -> None:
        """Close the connections; the next use makes new ones."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

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
    def speaking(self) -> Iterator[None]:
        """Turn what redis-py raises into StoreUnavailable or StoreFull."""
        try:
            yield
        except redis.exceptions.ReadOnlyError as error:
            raise StoreFull(f"Redis is read-only ({error}); nothing was changed. Point redis.url at the master") from error
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError) as error:
            self.forget_connection()
            raise StoreUnavailable(f"Redis did not answer ({error}); check that it runs and that redis.url is right") from error
        except redis.exceptions.ResponseError as error:
            if str(error).startswith(("OOM", "MISCONF", "NOREPLICAS", "READONLY", "WRONGTYPE")):
                raise StoreFull(f"Redis refuses to write ({error}); nothing was acknowledged. Free memory or disk and try again") from error
            raise StoreUnavailable(f"Redis refused a command ({error})") from error
