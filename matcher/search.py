"""From a query to its matches: probe keys -> candidates -> records -> evidence -> decision.

Views of the query are asked in rounds, the cheapest and likeliest first, until one says YES.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from matcher.bank import Bank
from matcher.collection import Collection
from matcher.decision import Rules
from matcher.evidence import Gathered, Views, gather
from matcher.extraction import Fingerprints
from matcher.fingerprints.base import Fingerprint
from matcher.match import Answer, Decision, Evidence, Match, Relation
from matcher.picture import VIEWS
from matcher.quarantine import Cordon
from matcher.records import Record
from matcher.shared_overlays import SharedOverlays

Probes = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]

ROUNDS: tuple[tuple[str, ...], ...] = (
    ("as is",),
    ("mirrored", "negative"),
    tuple(view for view in VIEWS if view not in ("as is", "mirrored", "negative")),
)


# In the other turns, hashes alone look for candidates: votes would double the lists that are read.
VOTING = frozenset((*ROUNDS[0], *ROUNDS[1]))

QUARANTINED = "the known picture is in quarantine, as it matches too much; `kuato quarantine` shows and releases it"

# How many more of each vote are compared by small fingerprints than by large ones.
CONSIDERED = 8

# Queries of a round whose candidates are looked for together.
AT_ONCE = 16

# Of a page that was seen ten thousand times, the newest so many are compared.
MOST_NEAR = 256


@dataclass
class _Asking:
    """A query, and what the rounds have gathered for it so far. probes: lists that may still be read."""

    query: Fingerprints
    scope: "Scope"
    cordon: Cordon
    probes: int
    exact: Match | None = None
    matches: dict[int, Match] = field(default_factory=dict)
    truncated: bool = False
    timings: dict[str, float] = field(default_factory=dict)

    def asks(self, views: Sequence[str]) -> bool:
        """Whether a round with these views may find more."""
        sure = any(match.decision is Decision.YES and match is not self.exact for match in self.matches.values())
        return self.probes > 0 and not sure and not self.query.views.keys().isdisjoint(views)


@contextmanager
def _timed(some: Sequence[_Asking], step: str) -> Iterator[None]:
    """Note how long a step takes for each of some queries, which have it done together."""
    started = time.perf_counter()
    yield
    each = (time.perf_counter() - started) * 1000 / max(1, len(some))
    for one in some:
        one.timings[step] = one.timings.get(step, 0.0) + each


@dataclass
class _Round:
    """Who may be meant, before anything of theirs was read.

    near: found by distance, with the view. votes: (algorithm, view) -> id -> share of the votes, most first.
    rarity: view -> algorithm -> how rare each item's keys are, 0..1.
    """

    near: dict[int, str] = field(default_factory=dict)
    votes: dict[tuple[str, str], dict[int, float]] = field(default_factory=dict)
    rarity: dict[str, dict[str, NDArray[np.float64]]] = field(default_factory=dict)

    def ids(self) -> list[int]:
        """Return all candidates once."""
        return list(dict.fromkeys([*self.near, *(id for votes in self.votes.values() for id in votes)]))

    def best_views(self, algorithm: str) -> dict[int, str]:
        """Return the candidates that one algorithm's votes name, most votes first, each with its best view."""
        ballots = sorted(
            ((-share, id, view) for (name, view), votes in self.votes.items() if name == algorithm for id, share in votes.items())
        )
        found: dict[int, str] = {}
        for _, id, view in ballots:
            found.setdefault(id, view)
        return found


@dataclass(frozen=True)
class Scope:
    """What a search may answer with.

    limit: matches at most. banks: only pictures in one of them, None for all. exclude: pictures that are no answer.
    """

    limit: int = 10
    banks: frozenset[int] | None = None
    exclude: Callable[[Record], bool] | None = None

    def admits(self, record: Record) -> bool:
        """Whether a picture may be an answer."""
        if self.banks is not None and not self.banks.intersection(record.bank_ids):
            return False
        return self.exclude is None or not self.exclude(record)


class Search:
    """Searches one collection with one set of rules.

    verified: how many candidates at most are compared by large fingerprints (local features) in a round.
    Of each vote a few more are compared by the others. probe_budget: lists read at most before no new round begins.
    overlay_clusters: how many clusters that agree at one place make it count for nothing; 0: none do.
    """

    def __init__(
        self,
        collection: Collection,
        algorithms: Mapping[str, Fingerprint],
        rules: Rules,
        verified: int = 12,
        probe_budget: int = 5000,
        overlay_clusters: int = 0,
    ) -> None:
        self._collection = collection
        self._large = {name: algorithm for name, algorithm in algorithms.items() if algorithm.large}
        self._small = {name: algorithm for name, algorithm in algorithms.items() if not algorithm.large}
        self._telling = frozenset(name for name, algorithm in algorithms.items() if algorithm.shows_pixels)
        self._rules = rules
        self._verified = verified
        self._considered = verified + CONSIDERED
        self._probe_budget = probe_budget
        self._overlays = SharedOverlays(collection, algorithms, rules, overlay_clusters)

    def answer(self, query: Fingerprints, scope: Scope) -> Answer:
        """Return what is known that the query may show; the query itself is not remembered."""
        return self.answers([(query, scope)])[0]

    def answers(self, queries: Sequence[tuple[Fingerprints, Scope]]) -> list[Answer]:
        """Return the same for each of some queries, in fewer questions to Redis. All of them are asked of the store as it is now."""
        cordon = self._collection.quarantine.cordon()
        book = {bank.id: bank for bank in self._collection.banks.list()}
        asking = [_Asking(query, scope, cordon, self._probe_budget) for query, scope in queries]
        with _timed(asking, "exact"):
            self._exact(asking, book)
        for views in ROUNDS:
            some = [one for one in asking if one.asks(views)]
            # What is turned or inverted is rare, and stands out in the votes: fewer candidates will do.
            verified = self._verified if "as is" in views else self._verified // 2
            for start in range(0, len(some), AT_ONCE):
                self._round(some[start : start + AT_ONCE], views, book, verified)
        return [self._answered(one, book) for one in asking]

    def _answered(self, asking: _Asking, book: Mapping[int, Bank]) -> Answer:
        query, exact = asking.query, asking.exact
        matches = sorted(
            asking.matches.values(),
            key=lambda match: (match.decision.rank, match.distance, match is not exact, match.picture.id),
        )
        # A picture removed and added anew while we searched may have been met under both of its numbers.
        matches = list({match.picture.sha256: match for match in reversed(matches)}.values())[::-1]
        ignored = {bank.id for bank in book.values() if bank.kind == "ignore"}
        shown = [match for match in matches if not ignored.intersection(match.picture.bank_ids)]
        return Answer(
            sha256=query.sha256,
            decision=shown[0].decision if shown else Decision.NO,
            matches=tuple(shown[: asking.scope.limit]),
            suppressed=tuple(match for match in matches if ignored.intersection(match.picture.bank_ids)),
            too_simple=not query.values,
            truncated=asking.truncated or len(shown) > asking.scope.limit,
            fingerprints={name: value for name, value in query.values.items() if name not in self._telling},
            timings=asking.timings,
            warnings=query.warnings,
        )

    def _exact(self, asking: Sequence[_Asking], book: Mapping[int, Bank]) -> None:
        """Note for each query which known picture is the same file."""
        known = self._collection.known_many([one.query.sha256 for one in asking])
        for one in asking:
            record = known.get(one.query.sha256)
            if record is not None and one.scope.admits(record):
                evidence = Evidence("sha256", "bytes", 0.0, 0.0, Decision.YES, note="the same file, byte for byte")
                match = Match(record, Decision.YES, Relation.SAME_PICTURE, 0.0, (evidence,), emitted(record, book))
                one.exact = one.matches[record.id] = withheld(match) if record.id in one.cordon.pictures else match

    def _round(self, some: Sequence[_Asking], views: Sequence[str], book: Mapping[int, Bank], verified: int) -> None:
        """Ask for some queries with these views."""
        weighing = [_Weighing(one, {view: one.query.views[view] for view in views if view in one.query.views}) for one in some]
        with _timed(some, "candidates"):
            self._candidates(weighing)
        with _timed(some, "records"):
            self._read(weighing, book)
        with _timed(some, "evidence"):
            for one in weighing:
                self._gather(one, book)
        with _timed(some, "verification"):
            self._verify(weighing, verified)
            for one in weighing:
                one.evidence |= self._overlays.discounted(one.asked, one.asking.query.size, one.evidence, one.records, book)
        for one in weighing:
            self._judge(one, book)

    def _read(self, weighing: Sequence["_Weighing"], book: Mapping[int, Bank]) -> None:
        """Read the records of all candidates of which it is not settled that they are the same."""
        wanted = []
        for one in weighing:
            settled = {id for id, match in one.asking.matches.items() if match.decision is Decision.YES}
            wanted.append([id for id in one.round.ids() if id not in settled])
        ids = dict.fromkeys(id for some in wanted for id in some)
        known = {record.id: record for record in self._collection.named(self._collection.records.live(ids).values(), book)}
        for one, some in zip(weighing, wanted, strict=True):
            one.records = {id: known[id] for id in some if id in known and one.asking.scope.admits(known[id])}

    def _gather(self, one: "_Weighing", book: Mapping[int, Bank]) -> None:
        """Compare all candidates by their small fingerprints."""
        known = list(one.records.values())
        one.thresholds = {record.id: bounds for record in known if record.bank_ids and (bounds := thresholds_of(record, book))}
        one.gathered = Gathered(one.asked, [self._collection.current(record) for record in known], self._small, self._rules)
        # Of the others nothing but local features can say more than NO.
        telling = one.gathered.telling() if self._rules.rule == "verified" else range(len(known))
        one.evidence = {known[n].id: one.gathered.of(n) for n in telling}

    def _judge(self, one: "_Weighing", book: Mapping[int, Bank]) -> None:
        """Decide on each candidate that anything was said of."""
        asking = one.asking
        for id, said in one.evidence.items():
            record = one.records[id]
            crowded = [each.algorithm for each in said if self._crowds(each, one.asked, asking.cordon)]
            silent = {f"{name}.{bound}": -1.0 for name in crowded for bound in ("yes", "maybe")}
            decision, relation, distance = self._rules.judge(said, {**one.thresholds.get(id, {}), **silent})
            emits = emitted(record, book) if decision is Decision.YES else ()
            before = asking.matches.get(id)
            if decision is not Decision.NO and (before is None or (decision.rank, distance) < (before.decision.rank, before.distance)):
                match = Match(record, decision, relation, distance, tuple(said), emits)
                asking.matches[id] = withheld(match) if id in asking.cordon.pictures else match

    def _crowds(self, evidence: Evidence, asked: Views, cordon: Cordon) -> bool:
        """Whether a hash says nothing, because it is in quarantine."""
        space, value = self._collection.filing.space(evidence.algorithm), asked.get(evidence.view, {}).get(evidence.algorithm)
        return space is not None and value is not None and cordon.crowded(space, self._collection.filing.banded(evidence.algorithm, value))

    def _candidates(self, weighing: Sequence["_Weighing"]) -> None:
        """Find out who may be meant by each query."""
        filing = self._collection.filing
        banded: dict[str, list[tuple[_Weighing, str, bytes]]] = {}
        voting: dict[str, list[tuple[_Weighing, str, Probes]]] = {}
        for one in weighing:
            for view, values in one.asked.items():
                for name, value in values.items():
                    space = filing.space(name)
                    if space is not None:
                        filed = filing.banded(name, value)
                        if not one.asking.cordon.crowded(space, filed):
                            banded.setdefault(space, []).append((one, view, filed))
                    elif name in filing.voting and view in VOTING:
                        voting.setdefault(name, []).append((one, view, filing.voting[name].probes(value)))
        for name, votes in voting.items():
            ballots = filing.votes[name].vote_many([(slots, keys) for _, _, (slots, keys, _) in votes], self._considered)
            for (one, view, (_, keys, items)), ballot in zip(votes, ballots, strict=True):
                one.asking.probes -= len(keys)
                one.round.rarity.setdefault(view, {})[name] = ballot.rarity(items)
                best = zip(ballot.ids.tolist(), ballot.votes.tolist(), strict=True)
                one.round.votes[name, view] = {id: votes / max(len(keys), 1) for id, votes in best}
        for space, some in banded.items():
            index = filing.bands[space]
            for (one, view, _), found in zip(some, index.search_many([filed for _, _, filed in some]), strict=True):
                one.round.near.update(dict.fromkeys(found.ids[-MOST_NEAR:].tolist(), view))
                one.asking.truncated |= found.truncated or len(found.ids) > MOST_NEAR
                one.asking.probes -= index.probe_count

    def _verify(self, weighing: Sequence["_Weighing"], limit: int) -> None:
        """Compare the likeliest candidates by their large fingerprints, each in the view that led to it."""
        compared: list[dict[int, list[Evidence]]] = [{} for _ in weighing]
        for name, algorithm in self._large.items():
            chosen = [one.chosen(name, limit) for one in weighing]
            records = {id: one.records[id] for one, ids in zip(weighing, chosen, strict=True) for id in ids}
            known = self._collection.current_large(name, records.values())
            for one, views, said in zip(weighing, chosen, compared, strict=True):
                for id, view in views.items():
                    if id in known:
                        asked = {view: one.asked[view]}
                        said.setdefault(id, []).extend(gather(asked, {name: known[id]}, {name: algorithm}, self._rules, one.round.rarity))
        for one, said in zip(weighing, compared, strict=True):
            places = {id: n for n, id in enumerate(one.records)}
            for id in (*said, *one.thresholds):
                if id not in one.evidence:
                    one.evidence[id] = one.gathered.of(places[id])
            for id, more in said.items():
                one.evidence[id] += more


@dataclass
class _Weighing:
    """What one round does for one query: asked with some of its views, who may be meant, and what is said of them.

    thresholds: id of a candidate -> bounds of its banks. gathered: what small fingerprints say of all candidates.
    """

    asking: _Asking
    asked: Views
    round: _Round = field(default_factory=_Round)
    records: dict[int, Record] = field(default_factory=dict)
    thresholds: dict[int, dict[str, float]] = field(default_factory=dict)
    gathered: Gathered = field(init=False)
    evidence: dict[int, list[Evidence]] = field(default_factory=dict)

    def chosen(self, algorithm: str, limit: int) -> dict[int, str]:
        """Return which candidates to compare by a large fingerprint, the nearest, then those with most votes: id -> view that led to it."""
        near = {
            id: min(one.distance / max(one.threshold, 1e-9) for one in some)
            for id, some in self.evidence.items()
            if any(one.decision is not Decision.NO for one in some)
        }
        nearest = sorted(near, key=near.__getitem__)[: limit // 2]
        voted = self.round.best_views(algorithm)
        ids = list(dict.fromkeys([*nearest, *(id for id in voted if id in self.records)]))[:limit]
        return {id: voted.get(id) or self.round.near.get(id) or next(iter(self.asked)) for id in ids}


def withheld(match: Match) -> Match:
    """Return the match with a picture that is in quarantine: at most a MAYBE, and nothing is tagged for it."""
    said = Evidence("quarantine", "quarantine", match.distance, -1.0, Decision.MAYBE, note=QUARANTINED)
    return replace(match, decision=Decision.MAYBE, evidence=(*match.evidence, said), emits=())


def emitted(record: Record, book: Mapping[int, Bank]) -> tuple[str, ...]:
    """Return what the picture's banks tag whatever matches it with a YES."""
    return tuple(dict.fromkeys(tag for id in record.bank_ids if id in book for tag in book[id].tags))


def thresholds_of(record: Record, book: Mapping[int, Bank]) -> dict[str, float]:
    """Return the strictest of the bounds that the picture's banks have of their own."""
    bounds: dict[str, float] = {}
    for bank in (book[id] for id in record.bank_ids if id in book):
        for name, value in bank.thresholds.items():
            bounds[name] = min(value, bounds.get(name, value))
    return bounds
