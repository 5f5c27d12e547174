"""What many pictures are filed under: checked before anything is written, and appended list by list."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.collection import Collection
from matcher.errors import BadRequest
from matcher.fingerprints.base import BinaryFingerprint, SketchedFingerprint
from matcher.index import Ids, Room
from matcher.records import Record
from matcher.source import Source

Mask = NDArray[np.bool_]


class Postings:
    """The entries of pictures, a row each, in all lists of a collection.

    rows: of how many pictures. entries: how many there are. Kept as arrays, so that a million takes but some megabytes.
    """

    def __init__(self, collection: Collection) -> None:
        self.rows = 0
        self.entries = 0
        self._collection = collection
        self._binary: dict[str, tuple[list[int], list[bytes]]] = defaultdict(lambda: ([], []))
        self._voting: dict[str, tuple[list[NDArray[np.int64]], list[NDArray[np.uint32]]]] = defaultdict(lambda: ([], []))
        self._sources: tuple[list[int], list[bytes], list[bytes]] = ([], [], [])
        self._others: dict[bytes, list[int]] = defaultdict(list)
        self._last: tuple[Source | None, bytes, bytes] = (None, b"", b"")

    def add(self, records: Sequence[Record], large: Mapping[str, Mapping[str, bytes]]) -> None:
        """Add pictures; large: SHA-256 -> algorithm -> fingerprint, of those that have some kept beside the record.

        Fingerprints of another version than the one in use are not filed. Raises BadRequest for bytes that are no fingerprint.
        """
        versions = self._collection.versions
        for record in records:
            values = {**record.fingerprints, **large[record.sha256]} if record.sha256 in large else record.fingerprints
            for name, value in values.items():
                if record.versions.get(name) == versions.get(name, -1):
                    self._index(record, name, value)
            self.add_listing(record.sources, record.tags, record.bank_ids)

    def add_listing(self, sources: Iterable[Source], tags: Iterable[str] = (), bank_ids: Iterable[int] = ()) -> None:
        """Add a picture with no more than its sources, tags and banks."""
        rows, places, checks = self._sources
        for source in sources:
            last = self._last[0]
            if source is not last and (last is None or source.id != last.id or source.kind != last.kind):
                ((key, entry),) = self._collection.lists.source_entries(0, (source,))
                self._last = source, key[-2:], entry[4:]
            rows.append(self.rows)
            places.append(self._last[1])
            checks.append(self._last[2])
            self.entries += 1
        for tag in tags:
            self._others[self._collection.lists.tag_entries(0, (tag,))[0][0]].append(self.rows)
        for bank in bank_ids:
            self._others[self._collection.lists.bank_entries(0, (bank,))[0][0]].append(self.rows)
        self.rows += 1

    def file(self, ids: Ids, wanted: Mask, room: Room) -> None:
        """Append the entries of the pictures that are wanted, bool (rows,), under their ids, uint32 (rows,)."""
        filing, store = self._collection.filing, self._collection.store
        for space, (at, values) in self._binary.items():
            matrix = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), -1)
            rows, (matrix,) = _chosen(wanted, at, matrix)
            filing.bands[space].file_many(ids[rows], matrix, room)
        for name, (places, words) in self._voting.items():
            rows, (chosen,) = _chosen(wanted, np.concatenate(places), np.concatenate(words))
            filing.votes[name].file_many(ids[rows], chosen, room)
        at, buckets, checks = self._sources
        kept = (np.frombuffer(b"".join(column), np.uint8).reshape(-1, size) for column, size in ((buckets, 2), (checks, 4)))
        rows, (bucket, check) = _chosen(wanted, at, *kept)
        prefix = store.key(b"o")
        entries = np.concatenate([ids[rows].astype("<u4").reshape(-1, 1).view(np.uint8), check], axis=1)
        room.note(prefix, store.file(prefix, np.ascontiguousarray(bucket).view(">u2").ravel().astype(np.uint16), entries))
        lists = ((key, ids[_chosen(wanted, at)[0]].astype("<u4").tobytes()) for key, at in self._others.items())
        store.append([(key, entries) for key, entries in lists if entries])

    def _index(self, record: Record, name: str, value: bytes) -> None:
        algorithm, filing = self._collection.algorithms[name], self._collection.filing
        try:
            if isinstance(algorithm, BinaryFingerprint | SketchedFingerprint):
                if not algorithm.valid(value):
                    raise ValueError(f"{len(value)} bytes that cannot be one")
                space = filing.space(name)
                if space is not None:
                    rows, values = self._binary[space]
                    rows.append(self.rows)
                    values.append(filing.banded(name, value))
                    self.entries += len(values[-1]) // 2
                return
            # What cannot be compared with itself would end every search that meets it.
            algorithm.distance(value, [value])
            if name in filing.voting:
                words = filing.votes[name].words(*filing.voting[name].keys(value))
                self._voting[name][0].append(np.full(len(words), self.rows))
                self._voting[name][1].append(words)
                self.entries += len(words)
        except (ValueError, IndexError) as error:
            raise BadRequest(f"picture {record.sha256}: its fingerprint {name} cannot be read ({error})") from None


def _chosen(wanted: Mask, rows: Sequence[int] | NDArray[np.int64], *columns: NDArray[Any]) -> tuple[NDArray[np.int64], list[NDArray[Any]]]:
    """Return those of the rows that are wanted, and what stands beside them in each column."""
    rows = np.asarray(rows, np.int64)
    chosen = wanted[rows]
    return rows[chosen], [column[chosen] for column in columns]
