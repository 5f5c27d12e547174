"""What many unrelated pictures show: cookie dialogs, frames of browsers, banners. That two pictures agree there tells nothing of them.

It is known in two ways: it is in an `ignore` bank, and lies in the query; or pictures of many clusters agree with the query at one place
of it. Whatever else agrees with the query there alone counts for nothing, or for less.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matcher.bank import Bank
from matcher.decision import Rules
from matcher.evidence import Views
from matcher.fingerprints.base import Fingerprint
from matcher.fingerprints.local import Local
from matcher.geometry import Similarity
from matcher.match import Decision, Evidence, Region
from matcher.picture import AS_IS
from matcher.records import Record

if TYPE_CHECKING:
    from matcher.collection import Collection

Book = Mapping[int, Bank]

NOTE = "what agrees is upon many unrelated pictures, or ignored"
# The share of what agrees that is to lie where much agrees.
_INSIDE = 0.8
# Features that are to agree elsewhere, and their share of those that could.
_FEWEST, _AGREEING = 4, 0.25
# Two regions that have more than this share of both in common are one place. What covers more of the query is no overlay.
_ONE_PLACE, _LARGEST = 0.6, 0.5
# Of a known picture, the share that agrees from which on the query shows it.
_MUCH = 0.5
# The kinds of banks whose pictures somebody looks for.
_TELLING = frozenset({"baseline", "known-bad"})


class SharedOverlays:
    """Takes from the evidence what agrees only where many do. clusters: from how many on that is many; 0: only what is ignored counts."""

    def __init__(self, collection: "Collection", algorithms: Mapping[str, Fingerprint], rules: Rules, clusters: int) -> None:
        self._collection = collection
        self._local = {name: algorithm for name, algorithm in algorithms.items() if isinstance(algorithm, Local)}
        self._rules = rules
        self._clusters = clusters

    def discounted(
        self, query: Views, size: tuple[int, int], evidence: Mapping[int, list[Evidence]], records: Mapping[int, Record], book: Book
    ) -> dict[int, list[Evidence]]:
        """Return the evidence on those pictures, by id, of which less is left. size: the query's width and height."""
        found = {id: agreeing for id, said in evidence.items() if (agreeing := _agreeing(said))}
        kinds = {id: {book[bank].kind for bank in records[id].bank_ids if bank in book} for id in found}
        ignored = {id for id in found if "ignore" in kinds[id]}
        unseen = _small(_shown(one, size, records[id]) for id in ignored for one in found[id])
        # What somebody put into a bank matters however many show it, and so does a picture of which much of the others is a copy.
        common = {id for id in found if kinds[id].isdisjoint(_TELLING) and not any(_is_shown(one) for one in found[id])} - ignored
        crowded = _small(self._crowded({id: records[id] for id in common}, found))
        less: dict[int, list[Evidence]] = {}
        for overlays, ids, left in ((crowded, common, self._lower), (unseen, found.keys() - ignored, self._nothing)):
            doubted = [id for id in ids if overlays and all(_within(_place(one), overlays) for one in found[id])]
            alone = [id for id in doubted if not self._agrees_elsewhere(query, records[id], found[id], overlays)]
            less |= {id: [left(one) for one in evidence[id]] for id in alone}
        return less

    def _crowded(self, records: Mapping[int, Record], found: Mapping[int, list[Evidence]]) -> list[Region]:
        """Return the places at which pictures of many clusters agree with the query."""
        if not self._clusters or len(records) < self._clusters:
            return []
        located = self._collection.clusters.locate(records.values())
        cluster_of = {id: cluster.id for id, cluster in located.items() if len(cluster.members) > 1}
        places = [(overlay, cluster_of[id]) for id in cluster_of for overlay in map(_place, found[id])]
        agreeing = [len({of for other, of in places if _shared(overlay, other) >= _ONE_PLACE}) for overlay, _ in places]
        return [overlay for (overlay, _), many in zip(places, agreeing, strict=True) if many >= self._clusters]

    def _agrees_elsewhere(self, query: Views, record: Record, agreeing: Sequence[Evidence], overlays: Sequence[Region]) -> bool:
        """Whether features of the query agree with those of a known picture outside the overlays, too."""
        for one in agreeing:
            algorithm, asked = self._local.get(one.algorithm), query.get(AS_IS, {}).get(one.algorithm)
            known = self._collection.current_large(one.algorithm, [record]).get(record.id) if algorithm else None
            if algorithm and asked and known and one.alignment:
                found, could = algorithm.beyond(asked, known, one.alignment, overlays)
                if found >= _FEWEST and found >= _AGREEING * could:
                    return True
        return False

    def _lower(self, one: Evidence) -> Evidence:
        """Return evidence that says MAYBE where it said YES, and NO where it said MAYBE."""
        if one.decision is not Decision.YES:
            return _silenced(one)
        maybe = self._rules.bounds(one.algorithm)[1]
        return replace(one, distance=max(one.distance, maybe), decision=Decision.MAYBE, note=NOTE)

    def _nothing(self, one: Evidence) -> Evidence:
        """Return evidence that says NO of a region; of the whole, which may be alike because of that region, it says less."""
        return self._lower(one) if one.regions is None else _silenced(one)


def _silenced(one: Evidence) -> Evidence:
    """Return evidence that says NO."""
    if one.decision is Decision.NO:
        return one
    return replace(one, distance=1.0, decision=Decision.NO, alignment=None, places=None, note=NOTE)


def _agreeing(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Return what says that regions of the query as it is and of a known picture agree."""
    return [one for one in evidence if one.decision is not Decision.NO and one.regions is not None and one.view == AS_IS]


def _place(one: Evidence) -> Region:
    """Return where in the query it agrees."""
    return one.regions[0] if one.regions else Region(0, 0, 1, 1)


def _shown(one: Evidence, size: tuple[int, int], known: Record) -> Region:
    """Return where the query, of that size, shows the whole of a known picture."""
    if one.alignment is None:
        return _place(one)
    corners = np.array([0, complex(*known.size)], np.complex128) / max(known.size)
    places = Similarity.of(one.alignment.matrix).undo(corners) * max(size)
    (left, right), (top, bottom) = np.clip([places.real / size[0], places.imag / size[1]], 0, 1).tolist()
    return Region(left, top, right, bottom)


def _is_shown(one: Evidence) -> bool:
    """Whether it is much of the known picture that is to be seen in the query."""
    return one.regions is not None and one.regions[1].area >= _MUCH


def _small(overlays: Iterable[Region]) -> list[Region]:
    return [overlay for overlay in overlays if overlay.area <= _LARGEST]


def _within(region: Region, overlays: Sequence[Region]) -> bool:
    return any(_common(region, overlay) >= _INSIDE * region.area for overlay in overlays)


def _shared(one: Region, other: Region) -> float:
    common = _common(one, other)
    return common / max(one.area + other.area - common, 1e-9)


def _common(one: Region, other: Region) -> float:
    both = Region(max(one.left, other.left), max(one.top, other.top), min(one.right, other.right), min(one.bottom, other.bottom))
    return both.area if both.left < both.right and both.top < both.bottom else 0.0
