"""Fingerprints too large to be read with every record: each in a key of its own, beside it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from matcher.store import Store


class LargeFingerprints:
    """Fingerprints too large to be read with every record."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, id: int, values: Mapping[str, bytes]) -> None:
        """Write the large fingerprints of one picture; they are a function of its bytes, so writing again is harmless."""
        self.put_many([(id, values)])

    def put_many(self, pictures: Iterable[tuple[int, Mapping[str, bytes]]]) -> None:
        """Do for many pictures what `put` does for one."""
        self._store.write_many([(self._key(name, id), value) for id, values in pictures for name, value in values.items()])

    def read(self, name: str, ids: Sequence[int]) -> dict[int, bytes]:
        """Return the fingerprint of each picture that has one."""
        values = self._store.read([self._key(name, id) for id in ids])
        return {id: value for id, value in zip(ids, values, strict=True) if value}

    def delete(self, id: int, names: Iterable[str]) -> None:
        """Delete those of one picture."""
        self.delete_many([(id, names)])

    def delete_many(self, pictures: Iterable[tuple[int, Iterable[str]]]) -> None:
        """Do for many pictures what `delete` does for one."""
        self._store.delete([self._key(name, id) for id, names in pictures for name in names])

    def all(self) -> Iterator[tuple[int, tuple[str]]]:
        """Yield the picture and algorithm of every fingerprint kept."""
        start = len(self._store.key(b"f"))
        for key in self._store.scan(b"f"):
            yield int.from_bytes(key[start : start + 4], "little"), (key[start + 4 :].decode(),)

    def _key(self, name: str, id: int) -> bytes:
        return self._store.key(b"f", id.to_bytes(4, "little") + name.encode())
