"""Expert search: one algorithm alone, and how near its matches must be, named by who asks.

Everybody else's search knows no algorithms: see `matcher.search`.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.collection import Collection
from matcher.decision import Rules
from matcher.errors import BadRequest
from matcher.evidence import gather, gather_many
from matcher.extraction import AS_IS, Fingerprints
from matcher.fingerprints.base import BinaryFingerprint, Fingerprint, VectorFingerprint
from matcher.match import Answer, Decision, Evidence, Match
from matcher.records import Record
from matcher.search import Scope

Values = Mapping[str, Mapping[str, bytes]]
EUCLIDEAN, MANHATTAN = VectorFingerprint.METRICS

# Of those with the most votes, how many are compared; image-match compares as many. Votes are asked for more, as a filter may
# leave few of them.
COMPARED = 100
_VOTED = 10_000
_BATCH = 500
# Of a distance that somebody wrote, or made of a similarity.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Question:
    """algorithm: by name. farthest: the largest distance of a match, 0..1; None for the MAYBE bound of the algorithm.

    metric: one of VectorFingerprint.METRICS. same: only the very same hash, looked up in its bucket, of the picture as it is.
    """

    algorithm: str
    farthest: float | None = None
    metric: str = EUCLIDEAN
    same: bool = False

    @classmethod
    def of(
        cls,
        algorithm: str | None = None,
        same_hash: str | None = None,
        min_similarity: float | None = None,
        max_distance: float | None = None,
        metric: str | None = None,
    ) -> "Question | None":
        """Return what somebody asks with these options, None for no expert's question. Raises BadRequest where they do not fit."""
        if algorithm is None and same_hash is None:
            if (min_similarity, max_distance, metric) != (None, None, None):
                raise BadRequest("a distance, a similarity or a metric is one algorithm's; say which (algorithm)")
            return None
        if same_hash is not None:
            if (algorithm, min_similarity, max_distance, metric) != (None, None, None, None):
                raise BadRequest("the same hash is at distance 0; it goes with no algorithm, distance, similarity or metric")
            return cls(same_hash, 0.0, same=True)
        if min_similarity is not None and max_distance is not None:
            raise BadRequest("give a least similarity or a largest distance, not both: the one is 1 less the other")
        for name, value in (("similarity", min_similarity), ("distance", max_distance)):
            if value is not None and not 0 <= value <= 1:
                raise BadRequest(f"a {name} of {value:g} cannot be; both are from 0 to 1")
        return cls(algorithm or "", 1 - min_similarity if min_similarity is not None else max_distance, metric or EUCLIDEAN)


class Described:
    """Which pictures have a source whose metadata is so: "KEY=VALUE" each, a key of an inner object by "outer.inner".

    A list has each of its members as value; what is no text is written as in JSON. Of several, all must hold of one source.
    A sensitive picture has no metadata for anybody. Raises BadRequest for what is no KEY=VALUE.
    """

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = [(key.split("."), value) for key, _, value in (one.partition("=") for one in wanted)]
        for one in wanted:
            if not one.partition("=")[0] or "=" not in one:
                raise BadRequest(f"{one[:80]!r} is no KEY=VALUE of a source's metadata")

    def __call__(self, record: Record) -> bool:
        """Whether a picture is one of them."""
        if not self._wanted:
            return True
        if record.sensitive:
            return False
        return any(all(_has(source.metadata, path, value) for path, value in self._wanted) for source in record.sources)


def _has(metadata: Any, path: Sequence[str], value: str) -> bool:
    for key in path:
        if not isinstance(metadata, dict) or key not in metadata:
            return False
        metadata = metadata[key]
    members = metadata if isinstance(metadata, list) else [metadata]
    return any(member == value if isinstance(member, str) else json.dumps(member) == value for member in members)


@dataclass
class _Candidates:
    """views: id -> the view that led to it, likeliest first where they are ranked. rarity: view -> how rare each item's keys are."""

    views: dict[int, str] = field(default_factory=dict)
    ranked: bool = False
    truncated: bool = False
    rarity: dict[str, dict[str, NDArray[np.float64]]] = field(default_factory=dict)


class ExpertSearch:
    """Searches one collection by one algorithm at a time. algorithms: those that are enabled. rules: for their thresholds."""

    def __init__(self, collection: Collection, algorithms: Mapping[str, Fingerprint], rules: Rules) -> None:
        self._collection = collection
        self._algorithms = algorithms
        self._rules = rules

    def check(self, question: Question) -> tuple[str, ...]:
        """Return which fingerprints of the query are needed. Raises BadRequest for what this algorithm cannot be asked."""
        name, filing = question.algorithm, self._collection.filing
        if name not in self._algorithms:
            raise BadRequest(f"fingerprint {name[:80]!r} is not enabled; enabled are {', '.join(self._algorithms)} (fingerprints.enabled)")
        algorithm = self._algorithms[name]
        if filing.space(name) is None and name not in filing.voting:
            raise BadRequest(f"pictures are compared by {name}, but not found by it")
        if question.metric not in VectorFingerprint.METRICS or (
            question.metric != EUCLIDEAN and not isinstance(algorithm, VectorFingerprint)
        ):
            raise BadRequest(f"{name} has no metric {question.metric[:80]!r}; {EUCLIDEAN} and {MANHATTAN} are of vectors (photodna)")
        if question.same and not isinstance(algorithm, BinaryFingerprint):
            raise BadRequest(f"{name} is no hash that could be looked up; dhash, phash, ahash, whash, pdq are")
        if question.farthest is None and (self._rules.bounds(name)[1] < 0 or question.metric != EUCLIDEAN):
            raise BadRequest(f"there are no thresholds of {name} by the {question.metric} distance; give the largest distance of a match")
        return tuple(other for other, kin in self._algorithms.items() if (kin.space or other) == (algorithm.space or name))

    def answer(self, query: Fingerprints, question: Question, scope: Scope) -> Answer:
        """Return the pictures near enough to the query in any of its views, nearest first. Raises BadRequest as `check` does.

        The decision is what this algorithm's evidence alone leads to, but that whatever is near enough is at least a MAYBE.
        """
        kin, name, timings = self.check(question), question.algorithm, dict[str, float]()
        views = {view: {n: value for n, value in values.items() if n in kin} for view, values in query.views.items()}
        asked = {view: values for view, values in views.items() if values and (view == AS_IS or not question.same)}
        farthest = self._rules.bounds(name)[1] if question.farthest is None else question.farthest
        with _timed(timings, "candidates"):
            candidates = self._candidates(asked, question)
        with _timed(timings, "records"):
            records = self._records(candidates, scope)
        with _timed(timings, "evidence"):
            evidence = self._evidence(asked, question, candidates, records)
        near = [(record, one) for record, one in zip(records, evidence, strict=True) if one and one.distance <= farthest + _ROUNDING]
        matches = sorted((self._match(*pair, farthest) for pair in near), key=lambda m: (m.decision.rank, m.distance, m.picture.id))
        ignored = {bank.id for bank in self._collection.banks.list() if bank.kind == "ignore"}
        shown = [match for match in matches if not ignored.intersection(match.picture.bank_ids)]
        return Answer(
            sha256=query.sha256,
            decision=shown[0].decision if shown else Decision.NO,
            matches=tuple(shown[: scope.limit]),
            suppressed=tuple(match for match in matches if ignored.intersection(match.picture.bank_ids)),
            too_simple=name not in query.values,
            truncated=candidates.truncated or len(shown) > scope.limit,
            fingerprints={n: value for n, value in query.values.items() if not self._algorithms[n].shows_pixels},
            timings=timings,
            warnings=(*query.warnings, *self._beyond(question, farthest)),
        )

    def _candidates(self, asked: Values, question: Question) -> _Candidates:
        name, filing = question.algorithm, self._collection.filing
        found, space = _Candidates(), filing.space(name)
        shares: dict[int, float] = {}
        for view, values in asked.items():
            if space is not None:
                for other, value in values.items():
                    index, bits = filing.bands[space], filing.banded(other, value)
                    candidates = index.same(bits) if question.same else index.search(bits)
                    found.views |= {id: view for id in candidates.ids.tolist() if id not in found.views}
                    found.truncated |= candidates.truncated
            elif name in values:
                slots, keys, items = filing.voting[name].probes(values[name])
                ballot = filing.votes[name].vote(slots, keys, _VOTED)
                found.rarity[view] = {name: ballot.rarity(items)}
                for id, votes in zip(ballot.ids.tolist(), (ballot.votes / max(len(keys), 1)).tolist(), strict=True):
                    if votes > shares.get(id, 0.0):
                        shares[id], found.views[id] = votes, view
        if shares:
            found.ranked = True
            found.views = {id: found.views[id] for _, id in sorted((-share, id) for id, share in shares.items())}
        return found

    def _records(self, candidates: _Candidates, scope: Scope) -> list[Record]:
        """Return the candidates that may be answers; of those that are ranked no more than the first."""
        collection, ids, found = self._collection, list(candidates.views), list[Record]()
        for first in range(0, len(ids), _BATCH):
            known = collection.named(collection.records.live(ids[first : first + _BATCH]).values())
            found += [record for record in known if scope.admits(record)]
            if candidates.ranked and len(found) >= COMPARED:
                return found[:COMPARED]
        return found

    def _evidence(self, asked: Values, question: Question, candidates: _Candidates, records: Sequence[Record]) -> list[Evidence | None]:
        """Return what the algorithm says of each record, None where there is nothing to compare."""
        name, algorithm = question.algorithm, self._algorithms[question.algorithm]
        if algorithm.large:
            known = self._collection.current_large(name, records)
            found = []
            for record in records:
                view, stored = candidates.views[record.id], {name: known[record.id]} if record.id in known else {}
                found.append(gather({view: asked[view]}, stored, {name: algorithm}, self._rules, candidates.rarity))
        elif question.metric != EUCLIDEAN and isinstance(algorithm, VectorFingerprint):
            found = self._measured(asked, question, algorithm, records)
        else:
            kin = {other: self._algorithms[other] for other in self.check(question)}
            found = gather_many(asked, [self._collection.current(record) for record in records], kin, self._rules)
        return [next((one for one in some if one.algorithm == name), None) for some in found]

    def _measured(self, asked: Values, question: Question, algorithm: VectorFingerprint, records: Sequence[Record]) -> list[list[Evidence]]:
        name = algorithm.name
        known = [self._collection.current(record).get(name) for record in records]
        values = [value for value in known if value is not None]
        if not values:
            return [[] for _ in known]
        distances = np.stack([algorithm.measured(question.metric, values_of[name], values) for values_of in asked.values()])
        names, nearest = list(asked), iter(zip(distances.min(axis=0).tolist(), distances.argmin(axis=0).tolist(), strict=True))
        found: list[list[Evidence]] = []
        for value in known:
            if value is None:
                found.append([])
                continue
            distance, place = next(nearest)
            note = f"{question.metric} distance"
            found.append([Evidence(name, algorithm.family, distance, -1.0, Decision.NO, names[place], note=note)])
        return found

    def _match(self, record: Record, one: Evidence, farthest: float) -> Match:
        if one.decision is Decision.NO:
            one = replace(one, decision=Decision.MAYBE)
        bounds = {f"{one.algorithm}.yes": min(one.threshold, farthest), f"{one.algorithm}.maybe": farthest + _ROUNDING}
        decision, relation, distance = self._rules.judge([one], bounds)
        return Match(record, decision, relation, distance, (one,))

    def _beyond(self, question: Question, farthest: float) -> Iterator[str]:
        """Yield that not all so far away as was asked for are found, where that is so."""
        name, algorithm = question.algorithm, self._algorithms[question.algorithm]
        space = self._collection.filing.space(name)
        if space is None or not isinstance(algorithm, BinaryFingerprint | VectorFingerprint):
            return
        reach = (
            algorithm.reach if isinstance(algorithm, VectorFingerprint) else self._collection.filing.bands[space].radius / algorithm.bits
        )
        if question.farthest is not None and farthest > reach + _ROUNDING:
            yield f"of pictures farther than {reach:.3f} by {name} only some are found"


@contextmanager
def _timed(timings: dict[str, float], step: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    timings[step] = (time.perf_counter() - started) * 1000
