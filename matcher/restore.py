"""Restore: what a backup holds, in a store of its own.

The store says in place of its schema that it is being restored, from before the first key is touched until the last one is
written. Whoever opens it meanwhile, or after a restore that was killed, is refused; only another restore may go on.
"""

from collections.abc import Iterator
from itertools import islice

from matcher.archive import DELETED, END, HELD, STRINGS, ArchiveReader
from matcher.backup import COUNTERS, META, TRANSIENT, Progress
from matcher.claims import RAISE, Claims
from matcher.errors import Conflict
from matcher.keyspace import Keyspace
from matcher.store import RESTORING, SCHEMA, Store
from matcher.tokens import KEY as TOKENS

_BATCH = 1000  # keys deleted at once
_WRITTEN_AT_ONCE = 4 << 20  # bytes

class Restore:
    """Brings one backup into one store. store: opened for any schema (oldest=0)."""

    def __init__(self, reader: ArchiveReader, store: Store) -> None:
        self._reader = reader
        self._store = store
        self._keys = Keyspace(store)

    @property
    def interrupted(self) -> bool:
        """Whether the store holds what a restore left that did not finish."""
        return self._schema() == RESTORING

    def pictures(self) -> int:
        """Return how many pictures the store holds now."""
        return Claims(self._store).count()

    def empty(self) -> bool:
        """Whether there is nothing in the store that a restore would take away."""
        return self.interrupted or next(self._known(), None) is None

    def run(self, replace: bool = False, progress: Progress = lambda keys: None) -> None:
        """Restore.

        replace: whether what the store holds may be deleted first, but for its tokens, which stay as they are.
        progress: told how many keys are written.
        Raises Conflict where it may not, or where other programs are connected; BadFile when the file was changed since it was
        read; StoreUnavailable. Interrupted at any time, it leaves a store that is refused until another restore is run.
        """
        self._check_alone()
        if not replace and not self.empty():
            raise Conflict("the store is not empty; give --replace to delete what it holds, or use another redis.prefix or data.dir")
        before = self._schema() or b"%d" % SCHEMA
        self._store.set_field(self._meta, b"schema", RESTORING)
        try:
            self._check_alone()  # from now on nobody else gets in
        except Conflict:
            self._store.set_field(self._meta, b"schema", before)
            raise
        self._clear()
        self._fill(progress)
        self._store.set_field(self._meta, b"schema", b"%d" % self._reader.header.schema)
        self._store.forget_connection()

    def _check_alone(self) -> None:
        if others := self._store.companions():
            raise Conflict(f"others are connected to this store ({others}); stop `kuato serve` and whatever else uses it, and try again")

    def _fill(self, progress: Progress) -> None:
        """Write what the file holds, some of it at a time: each write waits for the disk."""
        pairs, held = list[tuple[bytes, bytes]](), list[tuple[bytes, bytes, list[bytes]]]()
        done = size = 0

        def flush() -> None:
            nonlocal size
            self._keys.write(pairs)
            self._keys.replace(held)
            pairs.clear()
            held.clear()
            size = 0
            progress(done)

        for frame in self._reader.frames():
            size += sum(map(len, frame.words))
            if frame.kind == STRINGS:
                done += len(frame.words) // 2
                pairs += [pair for pair in frame.pairs() if not self._counter(*pair)]
            elif frame.kind == DELETED:
                flush()
                self._keys.delete(frame.words)
            elif frame.kind in HELD:
                done += 1
                if frame.words[0] == META:
                    self._about(frame.words[1:])
                elif frame.words[0] == TOKENS:
                    self._admit(frame.words[1:])
                else:
                    held.append((frame.words[0], HELD[frame.kind], frame.words[1:]))
            if size > _WRITTEN_AT_ONCE or frame.kind == END:
                flush()

    def _counter(self, name: bytes, value: bytes) -> bool:
        """Raise a counter to what it was, if this is one."""
        if name in COUNTERS:
            self._store.run(RAISE, self._store.key(name), value)
        return name in COUNTERS

    def _about(self, items: list[bytes]) -> None:
        """Write what the store says of itself, but for its schema."""
        for field, value in zip(items[::2], items[1::2], strict=True):
            self._store.set_field(self._meta, field, value)

    def _admit(self, items: list[bytes]) -> None:
        """Add the tokens that this store does not know: one that it knows may have been revoked since the backup was made."""
        key = self._store.key(TOKENS)
        known = self._store.fields(key)
        for id, value in zip(items[::2], items[1::2], strict=True):
            if id not in known:
                self._store.set_field(key, id, value)

    def _clear(self) -> None:
        """Delete all but the counters, the tokens and the word that we are at work."""
        for field in self._store.fields(self._meta):
            if field != b"schema":
                self._store.run("redis.call('HDEL', KEYS[1], ARGV[1])", self._meta, field)
        names = self._keys.names()
        while some := list(islice(names, _BATCH)):
            self._keys.delete([name for name in some if name not in (META, TOKENS, *COUNTERS)])

    def _known(self) -> Iterator[bytes]:
        return (name for name in self._keys.names() if name not in (META, *COUNTERS) and not name.startswith(TRANSIENT))

    def _schema(self) -> bytes | None:
        return self._store.field(self._meta, b"schema")

    @property
    def _meta(self) -> bytes:
        return self._store.key(META)
