"""All clusters in Redis: a key each, changed by compare-and-set alone.

Who is in which cluster is told by a picture's record, which names the cluster it joined, and from there by the clusters
themselves: one that was merged names the other, one that a picture left names where it went. What a cluster lists may be too
much, and is checked; so each change is decided by one write to one key, and what follows from it can be done again by anybody:

    join   list the picture in the cluster -> let its record name it
    merge  list everything of the younger in the older -> let the younger name the older
    part   write the new cluster -> let the old one name it for those that leave -> let their records name it
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from uuid import UUID, uuid4

from matcher.cluster import Cluster, Link, founded_by
from matcher.errors import NotFound, StoreUnavailable
from matcher.records import PLACED, Record, Records, group_line
from matcher.store import Store

KIND = b"g"
_TRIES = 1000
_BATCH = 500
# ARGV: expected value ("" for none), new value.
_SWAP = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""


class Clusters:
    """The clusters of a store. clock: seconds since the epoch."""

    def __init__(self, store: Store, records: Records, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._records = records
        self._clock = clock

    def locate(self, records: Iterable[Record]) -> dict[int, Cluster]:
        """Return in which cluster each picture is today, by its id; those that are in none are absent. One may be alone in its own."""
        pending = {record.id: record.group for record in records if record.group}
        known: dict[str, Cluster] = {}
        found: dict[int, Cluster] = {}
        while pending:
            known |= self._read(set(pending.values()) - known.keys())
            following: dict[int, str] = {}
            for id, name in pending.items():
                cluster = known.setdefault(name, Cluster(name, self._clock()))
                step = cluster.moved.get(id, cluster.into or None)
                if step is None:
                    found[id] = cluster
                elif step:
                    following[id] = step
            pending = following
        return found

    def get(self, id: str) -> Cluster:
        """Return a cluster by its id, or by that of one that was merged into it. Raises NotFound."""
        name = checked_id(id)
        while True:
            cluster = self._read([name]).get(name)
            if cluster is None:
                raise NotFound(f"there is no cluster {id}; `kuato cluster list` shows those there are")
            if not cluster.into:
                return cluster
            name = cluster.into

    def all(self) -> Iterator[Cluster]:
        """Yield every cluster that was ever made, in no order."""
        names = self._names()
        while some := list(islice(names, _BATCH)):
            yield from self._read(some).values()

    def standing(self, after: str = "") -> Iterator[Cluster]:
        """Yield the clusters of two pictures or more, in the order of their ids, those behind one of these."""
        names = iter(sorted({name for name in self._names() if name > after}))
        while some := list(islice(names, _BATCH)):
            yield from (cluster for cluster in self._read(some).values() if len(cluster.members) > 1)

    def found(self, one: Record, other: Record, links: Sequence[Link]) -> None:
        """Make a cluster of two pictures that are in none; where others made another one of them meanwhile, that decides."""
        first, second = sorted((one, other), key=lambda record: record.id)
        members = (first.id, second.id)
        for name in (founded_by(first.sha256), founded_by(second.sha256), str(uuid4())):
            here = self._read([name]).get(name)
            # One that names its founder was begun a moment ago, by somebody who adds the other picture.
            if here is not None and (here.into or first.id not in here.members):
                continue
            self.change(name, lambda cluster: cluster.gaining(members, links), made=True)
            self.point(one, name)
            self.point(other, name)
            return

    def join(self, record: Record, name: str, links: Sequence[Link]) -> None:
        """Put a picture that is in no cluster into one; where that was merged meanwhile, nothing is done."""
        if self.change(name, lambda cluster: cluster.gaining((record.id,), links), made=True) is not None:
            self.point(record, name)

    def merge(self, one: Cluster, other: Cluster, links: Sequence[Link] = ()) -> None:
        """Merge two clusters into the older one."""
        older, younger = sorted((one, other), key=lambda cluster: cluster.age)
        for _ in range(_TRIES):
            held = self._held(younger.id)
            now = Cluster.unpack(younger.id, held) if held else younger
            if now.into or self.change(older.id, lambda cluster, taken=now: cluster.taking_in(taken, links), made=True) is None:  # type: ignore[misc]
                return
            if self._swap(younger.id, held, now.merged_into(older.id)):
                # Between the two writes the older one may have lost what it had listed for the younger.
                self.change(older.id, lambda cluster, taken=now: cluster.having_taken_in(taken))  # type: ignore[misc]
                return
        raise _busy(younger.id)

    def part(self, cluster: Cluster, leaving: Collection[int], apart: bool = False) -> Cluster | None:
        """Take pictures out of a cluster, into one of their own where they are two or more; return it.

        apart: a person wants it so; no search is to bring them together again.
        """
        gone = tuple(id for id in cluster.members if id in set(leaving))
        records = self._records.live(gone)
        name = ""
        if len(gone) > 1:
            links = tuple(link for link in cluster.links if set(link.pair) <= set(gone))
            name = str(uuid4())
            self.change(name, lambda new: new.gaining(gone, links), made=True)

        def without(old: Cluster) -> Cluster:
            left = old.losing(gone, dict.fromkeys(gone, name))
            return left.having_apart(gone) if apart else left

        if self.change(cluster.id, without) is None:
            raise _busy(cluster.id)
        for record in records.values():
            self.point(record, name)
        return self.get(name) if name else None

    def edit(self, name: str, edit: Callable[[Cluster], Cluster]) -> None:
        """Change what a cluster says, unless it was merged."""
        self.change(name, edit)

    def leave(self, records: Iterable[Record]) -> None:
        """Take pictures out that are removed. A cluster keeps its id whatever is left of it."""
        gone: dict[str, set[int]] = {}
        for id, cluster in self.locate(records).items():
            gone.setdefault(cluster.id, set()).add(id)
        for name, ids in gone.items():
            self.change(name, lambda cluster, ids=ids: cluster.losing(ids))  # type: ignore[misc]

    def placed(self, ids: Iterable[int]) -> None:
        """Note that pictures were looked up among the others."""
        self._records.journal_many([(id, [PLACED]) for id in ids])

    def point(self, record: Record, name: str) -> None:
        """Let a picture's record name a cluster, "" for none, unless it names another by now than when it was read."""
        if record.group != name:
            self._records.journal(record.id, group_line(name, record.group))

    def change(self, name: str, edit: Callable[[Cluster], Cluster], made: bool = False) -> Cluster | None:
        """Change a cluster and return it; None where it was merged. made: make it where there is none."""
        for _ in range(_TRIES):
            held = self._held(name)
            if not held and not made:
                return None
            cluster = Cluster.unpack(name, held) if held else Cluster(name, round(self._clock(), 3))
            if cluster.into:
                return None
            new = edit(cluster)
            if new == cluster and held:
                return cluster
            if self._swap(name, held, new):
                return new
        raise _busy(name)

    def take(self, name: str, made: float, members: Sequence[int], links: Sequence[Link], apart: Sequence[int]) -> str:
        """Give a cluster of another store what it has there, and make it where it is not here; return the id under which it is here."""
        self._swap(name, b"", Cluster(name, made))
        while self.change(name, lambda cluster: cluster.gaining(members, links).having_apart(apart)) is None:
            name = self.get(name).id
        return name

    def redirect(self, name: str, into: str) -> None:
        """Let an id that is not there lead to a cluster."""
        self._swap(name, b"", Cluster(name, round(self._clock(), 3), into=into))

    def _names(self) -> Iterator[str]:
        start = len(self._store.key(KIND))
        return (str(UUID(bytes=key[start:])) for key in self._store.scan(KIND))

    def _read(self, names: Iterable[str]) -> dict[str, Cluster]:
        asked = list(names)
        values = self._store.read([self._key(name) for name in asked])
        return {name: Cluster.unpack(name, value) for name, value in zip(asked, values, strict=True) if value}

    def _held(self, name: str) -> bytes:
        return self._store.read([self._key(name)])[0] or b""

    def _swap(self, name: str, old: bytes, new: Cluster) -> bool:
        return bool(self._store.run(_SWAP, self._key(name), old, new.pack()))

    def _key(self, name: str) -> bytes:
        return self._store.key(KIND, UUID(name).bytes)


def cluster_names(found: Mapping[int, Cluster]) -> dict[int, str]:
    """Return the ids of those clusters that hold more than one picture."""
    return {id: cluster.id for id, cluster in found.items() if len(cluster.members) > 1}


def checked_id(text: str) -> str:
    """Return the id of a cluster in its one form. Raises NotFound for what cannot be one."""
    try:
        return str(UUID(text.strip().removeprefix("imgcluster:")))
    except ValueError:
        raise NotFound(f"there is no cluster {text[:80]!r}; an id is a UUID, as `kuato cluster list` shows them") from None


def _busy(name: str) -> StoreUnavailable:
    return StoreUnavailable(f"cluster {name} is changed by others all the while; try again")
