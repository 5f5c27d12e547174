"""Keys as such, whatever they hold: for a copy of all of them, and for what they take."""

from collections.abc import Iterable, Iterator, Sequence

from matcher.errors import StoreMismatch
from matcher.protocol import command
from matcher.store import Store

NONE, STRING, ZSET = b"none", b"string", b"zset"
# How to read and to write a key, by type.
_READ: dict[bytes, tuple[bytes, ...]] = {
    STRING: (b"GET",),
    b"hash": (b"HGETALL",),
    b"set": (b"SMEMBERS",),
    ZSET: (b"ZRANGE", b"0", b"-1", b"WITHSCORES"),
    b"list": (b"LRANGE", b"0", b"-1"),
}
_WRITE = {STRING: b"SET", b"hash": b"HSET", b"set": b"SADD", ZSET: b"ZADD", b"list": b"RPUSH"}
TYPES = tuple(_READ)
_WORDS = 10_000  # of one command


class Keyspace:
    """The keys of a store. Every key is named without the store's prefix."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def names(self, kind: bytes = b"") -> Iterator[bytes]:
        """Yield the keys of a kind (the beginning of their names); one that is written meanwhile may be missed or come twice."""
        start = len(self._store.prefix)
        return (key[start:] for key in self._store.scan(kind))

    def strings(self, names: Sequence[bytes]) -> list[bytes | None]:
        """Return the value of each key, None for one that is not there or no string."""
        return self._store.read(self._keys(names))

    def heads(self, names: Sequence[bytes], size: int) -> list[bytes]:
        """Return the first `size` bytes of each string, empty where there is none."""
        last = b"%d" % (size - 1)
        return self._store.exchange([command(b"GETRANGE", key, b"0", last) for key in self._keys(names)])

    def contents(self, names: Sequence[bytes]) -> list[tuple[bytes, list[bytes]]]:
        """Return the type of each key and what it holds, flat as the server lists it; NONE for one that is not there or will expire.

        Raises StoreMismatch for a type that no Kuato writes.
        """
        keys = self._keys(names)
        answers = self._store.exchange([command(verb, key) for key in keys for verb in (b"TYPE", b"PTTL")])
        types = [type if left == -1 else NONE for type, left in zip(answers[::2], answers[1::2], strict=True)]
        if unknown := set(types) - {NONE, *TYPES}:
            raise StoreMismatch(f"a key under {self._store.prefix.decode()!r} is a {min(unknown).decode()}, which no Kuato writes")
        there = [command(_READ[type][0], key, *_READ[type][1:]) for key, type in zip(keys, types, strict=True) if type != NONE]
        held = iter(self._store.exchange(there))
        found = [[] if type == NONE else next(held) for type in types]
        items = [one if isinstance(one, list) else [one] if one is not None else [] for one in found]
        return [(type if some else NONE, some) for type, some in zip(types, items, strict=True)]

    def write(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Let keys hold these strings."""
        self._store.write_many([(self._store.prefix + name, value) for name, value in pairs])

    def replace(self, held: Iterable[tuple[bytes, bytes, Sequence[bytes]]]) -> None:
        """Let keys hold what `contents` returned (key, type, items), and nothing else."""
        blocks = list[bytes]()
        for name, type, items in held:
            key = self._store.prefix + name
            if type == ZSET:  # listed with the score last, written with it first
                items = [word for pair in zip(items[1::2], items[::2], strict=True) for word in pair]
            parts = (items[at : at + _WORDS] for at in range(0, len(items), _WORDS))
            blocks += [command(b"DEL", key), *(command(_WRITE[type], key, *part) for part in parts)]
        if blocks:
            self._store.change(blocks)

    def delete(self, names: Iterable[bytes]) -> int:
        """Delete keys; return how many there were."""
        return self._store.delete(self._keys(names))

    def count(self) -> int:
        """Return how many keys the server has in this database, those of others too."""
        return sum(self._store.everywhere(b"DBSIZE"))

    def random(self, count: int) -> list[bytes | None]:
        """Return keys chosen at random from all that the server has, some perhaps twice; None for one that is not ours."""
        prefix = self._store.prefix
        keys = self._store.random(count)
        return [key[len(prefix) :] if key and key.startswith(prefix) else None for key in keys]

    def sizes(self, names: Sequence[bytes]) -> list[int | None]:
        """Return what each key takes of the server's memory, bytes, None for one that is not there; of large ones estimated."""
        return self._store.exchange([command(b"MEMORY", b"USAGE", key) for key in self._keys(names)])

    def lengths(self, names: Sequence[bytes]) -> list[int]:
        """Return the length of each string, 0 where there is none."""
        return self._store.exchange([command(b"STRLEN", key) for key in self._keys(names)])

    def parts(self, places: Sequence[tuple[bytes, int]], size: int) -> list[bytes]:
        """Return `size` bytes of each string (its key, and where they begin), fewer where it ends."""
        found = [(self._store.prefix + name, start) for name, start in places]
        return self._store.exchange([command(b"GETRANGE", key, b"%d" % start, b"%d" % (start + size - 1)) for key, start in found])

    def _keys(self, names: Iterable[bytes]) -> list[bytes]:
        return [self._store.prefix + name for name in names]
