"""What many pictures are filed under: checked before anything is written, and appended list by list."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from matcher.collection import Collection
from matcher.errors import BadRequest
from matcher.fingerprints.base import BinaryFingerprint
from matcher.index import Ids
from matcher.records import Record

# Bytes of entries that are gathered, list by list, before they are sent.
_GATHERED = 32 << 20


class Postings:
    """The postings of some pictures, in all lists of a collection.

    Fingerprints of another version than the one in use are not filed. Raises BadRequest for bytes that are no fingerprint.
    """

    def __init__(self, collection: Collection, records: Sequence[Record], large: Mapping[str, Mapping[str, bytes]]) -> None:
        self._collection = collection
        self._records = records
        self._binary: dict[str, tuple[list[int], list[bytes]]] = defaultdict(lambda: ([], []))
        self._voting: dict[int, list[tuple[str, NDArray[np.int64], NDArray[np.int64]]]] = defaultdict(list)
        versions = collection.versions
        for row, record in enumerate(records):
            values = {**record.fingerprints, **large[record.sha256]} if record.sha256 in large else record.fingerprints
            for name, value in values.items():
                if record.versions.get(name) == versions.get(name, -1):
                    self._prepare(row, record, name, value)

    def file(self, ids: Ids, wanted: NDArray[np.bool_]) -> set[bytes]:
        """Append the postings of those that are wanted, bool (n,), under their ids, uint32 (n,).

        Return the keys of lists that APPEND has left room to grow.
        """
        grown = set[bytes]()
        for space, (rows, values) in self._binary.items():
            chosen = wanted[rows]
            if chosen.any():
                matrix = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), -1)
                grown.update(self._collection.filing.bands[space].file_many(ids[rows][chosen], matrix[chosen]))
        lists, size = defaultdict[bytes, bytearray](bytearray), 0
        for row in np.flatnonzero(wanted).tolist():
            for key, entry in self._entries(row, int(ids[row])):
                lists[key] += entry
                size += len(entry)
            if size > _GATHERED:
                grown.update(self._collection.store.append_many(lists))
                lists, size = defaultdict(bytearray), 0
        if lists:
            grown.update(self._collection.store.append_many(lists))
        return grown

    def _prepare(self, row: int, record: Record, name: str, value: bytes) -> None:
        collection, algorithm = self._collection, self._collection.algorithms[name]
        try:
            if isinstance(algorithm, BinaryFingerprint):
                if len(value) * 8 != algorithm.bits:
                    raise ValueError(f"{len(value)} bytes, not {algorithm.bits // 8}")
                if (space := collection.filing.space(name)) is not None:
                    rows, values = self._binary[space]
                    rows.append(row)
                    values.append(value)
                return
            # What cannot be compared with itself would end every search that meets it.
            algorithm.distance(value, [value])
            if name in collection.filing.voting:
                self._voting[row].append((name, *collection.filing.voting[name].keys(value)))
        except (ValueError, IndexError) as error:
            raise BadRequest(f"picture {record.sha256}: its fingerprint {name} cannot be read ({error})") from None

    def _entries(self, row: int, id: int) -> Iterator[tuple[bytes, bytes]]:
        record, lists = self._records[row], self._collection.lists
        yield from lists.source_entries(id, record.sources)
        if record.tags or record.bank_ids:
            yield from lists.tag_entries(id, record.tags)
            yield from lists.bank_entries(id, record.bank_ids)
        for name, slots, keys in self._voting.get(row, ()):
            yield from self._collection.filing.votes[name].entries(id, slots, keys)
