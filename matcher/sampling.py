"""Which pictures of many are worth labelling, and how they probably belong together.

Pairs at random would nearly all be different, and easily told to be. A sample therefore has pictures that are probably the same, such
as are doubtful, and others, in about equal parts.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from matcher.collection import Collection
from matcher.decision import Rules
from matcher.duplicates import Shelf
from matcher.extraction import Fingerprints
from matcher.fingerprints.base import Fingerprint
from matcher.match import Decision
from matcher.search import Scope, Search

_LIMIT = 50
_OF_ONE_CLUSTER = 5
_SHARES = (0.4, 0.3)  # of the sample: in clusters, in doubtful pairs


@dataclass(frozen=True)
class Tie:
    """Two pictures that may be the same. decision: YES or MAYBE. distance: 0..1."""

    a: str
    b: str
    decision: Decision
    distance: float


@dataclass(frozen=True)
class Sample:
    """Pictures to label.

    clusters: probably the same. doubtful: may be the same, so a person should decide. singles: like no other of the sample.
    ties: the doubtful pairs among all of them.
    """

    clusters: tuple[tuple[str, ...], ...]
    doubtful: tuple[tuple[str, ...], ...]
    singles: tuple[str, ...]
    ties: tuple[Tie, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All its pictures."""
        return (*(name for group in (*self.clusters, *self.doubtful) for name in group), *self.singles)


class Likeness:
    """Searches each picture among those before it, in memory; not safe to share between threads."""

    def __init__(self, algorithms: Mapping[str, Fingerprint], rules: Rules) -> None:
        self._shelf = Shelf(algorithms)
        self._search = Search(cast(Collection, self._shelf), algorithms, rules)
        self._name_of: dict[str, str] = {}
        self.ties: list[Tie] = []

    def add(self, name: str, picture: Fingerprints) -> bool:
        """Add a picture, with the fingerprints of all views; False for the bytes of one that was added."""
        if picture.sha256 in self._name_of:
            return False
        for match in self._search.answer(picture, Scope(_LIMIT)).matches:
            self.ties.append(Tie(self._name_of[match.picture.sha256], name, match.decision, match.distance))
        self._shelf.put(picture)
        self._name_of[picture.sha256] = name
        return True


def drawn(names: Sequence[str], ties: Iterable[Tie], count: int, seed: int) -> Sample:
    """Return a sample of at most `count` pictures. seed: of the drawing; the same pictures and seed give the same sample."""
    dice = random.Random(seed)  # noqa: S311 - a sample, no secret
    ties = sorted(ties, key=lambda tie: (tie.a, tie.b))
    sure = _parts(names, (tie for tie in ties if tie.decision is Decision.YES))
    groups = [tuple(dice.sample(part, min(len(part), _OF_ONE_CLUSTER))) for part in sure if len(part) > 1]
    pairs = [tie for tie in ties if tie.decision is not Decision.YES]
    alone = sorted(set(names).difference(name for tie in ties for name in (tie.a, tie.b)))
    for some in (groups, pairs, alone):
        dice.shuffle(cast(list[object], some))
    chosen: dict[str, None] = {}
    _fill(chosen, groups, round(_SHARES[0] * count))
    _fill(chosen, ((tie.a, tie.b) for tie in pairs), round(sum(_SHARES) * count))
    _fill(chosen, ((name,) for name in alone), count)
    # What one kind lacks the others make up for.
    _fill(chosen, groups, count)
    _fill(chosen, ((tie.a, tie.b) for tie in pairs), count)
    rest = [name for name in names if name not in chosen]
    _fill(chosen, ((name,) for name in dice.sample(rest, len(rest))), count)
    return _arranged(list(chosen), ties)


def _arranged(chosen: Sequence[str], ties: Sequence[Tie]) -> Sample:
    inside = [tie for tie in ties if tie.a in set(chosen) and tie.b in set(chosen)]
    sure = _parts(chosen, (tie for tie in inside if tie.decision is Decision.YES))
    clusters = tuple(part for part in sure if len(part) > 1)
    placed = {name for part in clusters for name in part}
    open_ties = tuple(tie for tie in inside if tie.decision is not Decision.YES)
    left = [name for name in chosen if name not in placed]
    doubtful = _parts(left, (tie for tie in open_ties if tie.a not in placed and tie.b not in placed))
    near = {name for tie in open_ties for name in (tie.a, tie.b)}
    groups = [part for part in doubtful if len(part) > 1 or part[0] in near]
    singles = tuple(part[0] for part in doubtful if part not in groups)
    return Sample(clusters, tuple(groups), singles, open_ties)


def _fill(chosen: dict[str, None], groups: Iterable[Sequence[str]], most: int) -> None:
    """Choose whole groups while they fit."""
    for group in groups:
        new = [name for name in group if name not in chosen]
        if len(chosen) + len(new) <= most:
            chosen.update(dict.fromkeys(new))


def _parts(names: Iterable[str], ties: Iterable[Tie]) -> list[tuple[str, ...]]:
    """Return the names in parts that ties hold together, in the order of the names."""
    above = {name: name for name in names}

    def root(name: str) -> str:
        while above[name] != name:
            above[name] = above[above[name]]
            name = above[name]
        return name

    for tie in ties:
        above[root(tie.b)] = root(tie.a)
    parts: dict[str, list[str]] = {}
    for name in above:
        parts.setdefault(root(name), []).append(name)
    return [tuple(part) for part in parts.values()]
