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

# Of a page that was seen ten thousand times, the newest so many are compared.
MOST_NEAR = 256


@dataclass
class _Found:
    """What the rounds have gathered so far."""

    cordon: Cordon
    matches: dict[int, Match] = field(default_factory=dict)
    truncated: bool = False
    timings: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.timings[step] = self.timings.get(step, 0.0) + (time.perf_counter() - started) * 1000


@dataclass
class _Round:
    """Who may be meant, before anything of theirs was read.

    near: found by distance, with the view. votes: (algorithm, view) -> id -> share of the votes, most first.
    rarity: view -> algorithm -> how rare each item's keys are, 0..1. reads: lists read.
    """

    near: dict[int, str] = field(default_factory=dict)
    votes: dict[tuple[str, str], dict[int, float]] = field(default_factory=dict)
    rarity: dict[str, dict[str, NDArray[np.float64]]] = field(default_factory=dict)
    reads: int = 0

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
        found = _Found(self._collection.quarantine.cordon())
        book = {bank.id: bank for bank in self._collection.banks.list()}
        with found.timed("exact"):
            exact = self._exact(query.sha256, scope, book)
        if exact:
            exact = withheld(exact) if exact.picture.id in found.cordon.pictures else exact
            found.matches[exact.picture.id] = exact
        probes = self._probe_budget
        for views in ROUNDS:
            if query.views.keys().isdisjoint(views):
                continue
            # What is turned or inverted is rare, and stands out in the votes: fewer candidates will do.
            verified = self._verified if "as is" in views else self._verified // 2
            probes -= self._round(query, views, scope, book, found, verified)
            if probes <= 0 or any(match.decision is Decision.YES and match is not exact for match in found.matches.values()):
                break
        matches = sorted(
            found.matches.values(),
            key=lambda match: (match.decision.rank, match.distance, match is not exact, match.picture.id),
        )
        # A picture removed and added anew while we searched may have been met under both of its numbers.
        matches = list({match.picture.sha256: match for match in reversed(matches)}.values())[::-1]
        ignored = {bank.id for bank in book.values() if bank.kind == "ignore"}
        shown = [match for match in matches if not ignored.intersection(match.picture.bank_ids)]
        return Answer(
            sha256=query.sha256,
            decision=shown[0].decision if shown else Decision.NO,
            matches=tuple(shown[: scope.limit]),
            suppressed=tuple(match for match in matches if ignored.intersection(match.picture.bank_ids)),
            too_simple=not query.values,
            truncated=found.truncated or len(shown) > scope.limit,
            fingerprints={name: value for name, value in query.values.items() if name not in self._telling},
            timings=found.timings,
            warnings=query.warnings,
        )

    def _exact(self, sha256: str, scope: Scope, book: Mapping[int, Bank]) -> Match | None:
        record = self._collection.known(sha256)
        if record is None or not scope.admits(record):
            return None
        evidence = Evidence("sha256", "bytes", 0.0, 0.0, Decision.YES, note="the same file, byte for byte")
        return Match(record, Decision.YES, Relation.SAME_PICTURE, 0.0, (evidence,), emitted(record, book))

    def _round(
        self, query: Fingerprints, views: Sequence[str], scope: Scope, book: Mapping[int, Bank], found: _Found, verified: int
    ) -> int:
        """Ask with these views; return how many lists were read."""
        asked = {view: query.views[view] for view in views if view in query.views}
        with found.timed("candidates"):
            round = self._candidates(asked, found)
        with found.timed("records"):
            settled = {id for id, match in found.matches.items() if match.decision is Decision.YES}
            ids = [id for id in round.ids() if id not in settled]
            known = self._collection.named(self._collection.records.live(ids).values(), book)
            records = {record.id: record for record in known if scope.admits(record)}
        with found.timed("evidence"):
            known = list(records.values())
            thresholds = {record.id: bounds for record in known if record.bank_ids and (bounds := thresholds_of(record, book))}
            gathered = Gathered(asked, [self._collection.current(record) for record in known], self._small, self._rules)
            # Of the others nothing but local features can say more than NO.
            telling = gathered.telling() if self._rules.rule == "verified" else range(len(known))
            evidence = {known[n].id: gathered.of(n) for n in telling}
        with found.timed("verification"):
            compared = self._verify(asked, round, evidence, records, verified)
            places = {record.id: n for n, record in enumerate(known)}
            for id in (*compared, *thresholds):
                if id not in evidence:
                    evidence[id] = gathered.of(places[id])
            for id, more in compared.items():
                evidence[id] += more
            evidence |= self._overlays.discounted(asked, query.size, evidence, records, book)
        for id, said in evidence.items():
            record = records[id]
            crowded = [one.algorithm for one in said if self._crowds(one, asked, found.cordon)]
            silent = {f"{name}.{bound}": -1.0 for name in crowded for bound in ("yes", "maybe")}
            decision, relation, distance = self._rules.judge(said, {**thresholds.get(id, {}), **silent})
            emits = emitted(record, book) if decision is Decision.YES else ()
            before = found.matches.get(id)
            if decision is not Decision.NO and (before is None or (decision.rank, distance) < (before.decision.rank, before.distance)):
                match = Match(record, decision, relation, distance, tuple(said), emits)
                found.matches[id] = withheld(match) if id in found.cordon.pictures else match
        return round.reads

    def _crowds(self, evidence: Evidence, asked: Views, cordon: Cordon) -> bool:
        """Whether a hash says nothing, because it is in quarantine."""
        space, value = self._collection.filing.space(evidence.algorithm), asked.get(evidence.view, {}).get(evidence.algorithm)
        return space is not None and value is not None and cordon.crowded(space, self._collection.filing.banded(evidence.algorithm, value))

    def _candidates(self, asked: Views, found: _Found) -> "_Round":
        filing, round = self._collection.filing, _Round()
        banded: dict[str, list[tuple[str, bytes]]] = {}
        for view, values in asked.items():
            for name, value in values.items():
                space = filing.space(name)
                if space is not None:
                    filed = filing.banded(name, value)
                    if not found.cordon.crowded(space, filed):
                        banded.setdefault(space, []).append((view, filed))
                elif name in filing.voting and view in VOTING:
                    slots, keys, items = filing.voting[name].probes(value)
                    ballot = filing.votes[name].vote(slots, keys, self._considered)
                    round.reads += len(keys)
                    round.rarity.setdefault(view, {})[name] = ballot.rarity(items)
                    best = zip(ballot.ids.tolist(), ballot.votes.tolist(), strict=True)
                    round.votes[name, view] = {id: votes / max(len(keys), 1) for id, votes in best}
        for space, some in banded.items():
            band_index = filing.bands[space]
            for (view, _), candidates in zip(some, band_index.search_many([filed for _, filed in some]), strict=True):
                round.near.update(dict.fromkeys(candidates.ids[-MOST_NEAR:].tolist(), view))
                found.truncated |= candidates.truncated or len(candidates.ids) > MOST_NEAR
            round.reads += band_index.probe_count * len(some)
        return round

    def _verify(
        self, asked: Views, round: "_Round", evidence: Mapping[int, list[Evidence]], records: Mapping[int, Record], limit: int
    ) -> dict[int, list[Evidence]]:
        """Return what the large fingerprints say of the likeliest candidates, each in the view that led to it."""
        near = {
            id: min(one.distance / max(one.threshold, 1e-9) for one in some)
            for id, some in evidence.items()
            if any(one.decision is not Decision.NO for one in some)
        }
        verified: dict[int, list[Evidence]] = {}
        for name, algorithm in self._large.items():
            voted = round.best_views(name)
            nearest = sorted(near, key=near.__getitem__)[: limit // 2]
            chosen = list(dict.fromkeys([*nearest, *(id for id in voted if id in records)]))[:limit]
            known = self._collection.current_large(name, [records[id] for id in chosen])
            for id in known:
                view = voted.get(id) or round.near.get(id) or next(iter(asked))
                said = gather({view: asked[view]}, {name: known[id]}, {name: algorithm}, self._rules, round.rarity)
                verified.setdefault(id, []).extend(said)
        return verified


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
