"""Ground truth: which pictures of a folder belong together, as people labelled them, and our JSON for it.

    {"clusters": [{"id": "bank", "kind": "screenshot", "members": [{"file": "a.png", "variant": "base"}, {"file": "b.png"}]}],
     "distractors": [{"file": "c.png"}],
     "hard_negatives": [{"files": ["c.png", "d.png"], "worst_acceptable": "MAYBE"}],
     "ambiguous": [{"files": ["a.png", "d.png"]}, {"file": "e.png"}]}

Only "clusters" must be there. A file may be given as a text in place of an object.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

from matcher.errors import BadFile, BadRequest
from matcher.match import Decision


@dataclass(frozen=True)
class Lookalikes:
    """Pictures that are easily confused, all of them different. worst: the strongest decision between two that is no error."""

    files: tuple[str, ...]
    worst: Decision = Decision.NO


@dataclass(frozen=True)
class GroundTruth:
    """What belongs together, by file name (a path below the folder of pictures, with "/").

    clusters: id -> its pictures, the first one the original where there is one.
    singles: pictures that belong to no other. variant_of, kind_of: what is known of a picture's making ("thumbnail"), and whether it is a
    "screenshot" or a "photo"; only of some pictures.
    ambiguous: pairs, in the order of their names, that a person would not decide. unsure: pictures none of whose pairs counts.
    difficulty_of: how hard a picture is to recognise ("easy"), of some. distractors: singles that are said to look like no other.
    Raises BadFile where labels contradict each other.
    """

    clusters: Mapping[str, tuple[str, ...]]
    singles: tuple[str, ...] = ()
    variant_of: Mapping[str, str] = field(default_factory=dict)
    kind_of: Mapping[str, str] = field(default_factory=dict)
    lookalikes: tuple[Lookalikes, ...] = ()
    ambiguous: frozenset[tuple[str, str]] = frozenset()
    unsure: frozenset[str] = frozenset()
    difficulty_of: Mapping[str, str] = field(default_factory=dict)
    distractors: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        cluster_of: dict[str, str] = {}
        for id, names in self.clusters.items():
            for name in names:
                if cluster_of.setdefault(name, id) != id:
                    raise BadFile(f"contradictory labels: {name} is in two clusters, {cluster_of[name]} and {id}; leave it in one")
        for name in self.singles:
            if name in cluster_of:
                raise BadFile(f"contradictory labels: {name} is in the cluster {cluster_of[name]}, and matches nothing; leave one of them")
        for a, b in (pair for group in self.lookalikes for pair in combinations(group.files, 2)):
            if a in cluster_of and cluster_of[a] == cluster_of.get(b):
                raise BadFile(f"contradictory labels: {a} and {b} are in the cluster {cluster_of[a]}, and different; leave one of them")

    @cached_property
    def cluster_of(self) -> dict[str, str]:
        """Picture -> id of its cluster, for those that are in one."""
        return {name: id for id, names in self.clusters.items() for name in names}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All pictures, those of the clusters first, each once."""
        return tuple(dict.fromkeys([*self.cluster_of, *self.singles]))

    @cached_property
    def families(self) -> dict[str, tuple[str, ...]]:
        """All pictures in groups that no drawing of a part may tear: clusters, with whatever is easily confused with them or ambiguous.

        Keyed by the id of a group's first cluster, or the name of its first picture where it has none.
        """
        kin = {name: {name} for name in self.names}
        for names in [*self.clusters.values(), *(group.files for group in self.lookalikes), *self.ambiguous]:
            together = set[str]().union(*(kin[name] for name in names if name in kin))
            kin |= dict.fromkeys(together, together)
        groups: dict[int, list[str]] = {}
        for name in self.names:
            groups.setdefault(id(kin[name]), []).append(name)
        return {next((self.cluster_of[name] for name in some if name in self.cluster_of), some[0]): tuple(some) for some in groups.values()}

    @cached_property
    def lone(self) -> frozenset[str]:
        """Pictures that match nothing: the distractors; where none are named as such, singles that are in no group of look-alikes."""
        alike = {name for group in self.lookalikes for name in group.files}
        return self.distractors or frozenset(self.singles) - alike - self.unsure

    def same(self, a: str, b: str) -> bool:
        """Whether two pictures belong together."""
        return a in self.cluster_of and self.cluster_of[a] == self.cluster_of.get(b)

    def skipped(self, a: str, b: str) -> bool:
        """Whether a pair is not to be counted."""
        return a in self.unsure or b in self.unsure or (min(a, b), max(a, b)) in self.ambiguous

    def worst(self, a: str, b: str) -> Decision:
        """Return the strongest decision on a pair that is no error: YES where they belong together, MAYBE where they look it."""
        if self.same(a, b):
            return Decision.YES
        return Decision.MAYBE if (min(a, b), max(a, b)) in self._alike else Decision.NO

    @cached_property
    def _alike(self) -> frozenset[tuple[str, str]]:
        groups = (group.files for group in self.lookalikes if group.worst is Decision.MAYBE)
        return frozenset((min(pair), max(pair)) for files in groups for pair in combinations(files, 2))

    def pairs(self) -> Iterator[tuple[str, str, bool]]:
        """Yield every pair that counts once, and whether it belongs together."""
        for a, b in combinations(self.names, 2):
            if not self.skipped(a, b):
                yield a, b, self.same(a, b)

    def check_pairs(self) -> None:
        """Raise BadRequest unless some pictures belong together, and some do not: nothing can be measured without both."""
        if not self.names:
            raise BadRequest("the ground truth has no pictures; label some")
        if not any(len(names) > 1 for names in self.clusters.values()):
            raise BadRequest("no two pictures belong together in the ground truth; label at least one cluster of two pictures")
        if len(self.clusters) + len(self.singles) < 2:
            raise BadRequest("all pictures are in one cluster; label a second one, or pictures that belong to no other")

    def only(self, names: Iterable[str]) -> "GroundTruth":
        """Return what is known of some of the pictures."""
        kept = set(names)
        clusters = {id: tuple(name for name in members if name in kept) for id, members in self.clusters.items()}
        groups = (Lookalikes(tuple(name for name in group.files if name in kept), group.worst) for group in self.lookalikes)
        return GroundTruth(
            {id: members for id, members in clusters.items() if members},
            tuple(name for name in self.singles if name in kept),
            {name: variant for name, variant in self.variant_of.items() if name in kept},
            {name: kind for name, kind in self.kind_of.items() if name in kept},
            tuple(group for group in groups if len(group.files) > 1),
            frozenset(pair for pair in self.ambiguous if kept.issuperset(pair)),
            self.unsure & kept,
            {name: difficulty for name, difficulty in self.difficulty_of.items() if name in kept},
            self.distractors & kept,
        )

    def renamed(self, names: Mapping[str, str]) -> "GroundTruth":
        """Return the same with other names for some of the pictures. Raises BadFile where two become one."""
        new = {name: names.get(name, name) for name in [*self.names, *self.unsure, *(n for group in self.lookalikes for n in group.files)]}
        return GroundTruth(
            {id: tuple(dict.fromkeys(new[name] for name in members)) for id, members in self.clusters.items()},
            tuple(new[name] for name in self.singles),
            {new[name]: variant for name, variant in self.variant_of.items()},
            {new[name]: kind for name, kind in self.kind_of.items()},
            tuple(Lookalikes(tuple(new[name] for name in group.files), group.worst) for group in self.lookalikes),
            frozenset(_pair(new.get(a, a), new.get(b, b)) for a, b in self.ambiguous),
            frozenset(new[name] for name in self.unsure),
            {new[name]: difficulty for name, difficulty in self.difficulty_of.items()},
            frozenset(new[name] for name in self.distractors),
        )

    def as_json(self) -> dict[str, Any]:
        """Return our JSON document of it."""
        return {
            "clusters": [{"id": id, "members": [self._described(name) for name in names]} for id, names in self.clusters.items()],
            "distractors": [self._described(name) | ({} if name in self.lone else {"lone": False}) for name in self.singles],
            "hard_negatives": [{"files": list(group.files), "worst_acceptable": group.worst.value} for group in self.lookalikes],
            "ambiguous": [*({"files": list(pair)} for pair in sorted(self.ambiguous)), *({"file": name} for name in sorted(self.unsure))],
        }

    def _described(self, name: str) -> dict[str, Any]:
        known = {"variant": self.variant_of.get(name), "kind": self.kind_of.get(name), "difficulty": self.difficulty_of.get(name)}
        return {"file": name, **{key: value for key, value in known.items() if value is not None}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any], name: str = "the ground truth") -> "GroundTruth":
        """Return what our JSON document says. name: what an error calls it. Raises BadFile."""
        try:
            return _read(document)
        except BadFile as error:
            raise BadFile(f"{name}: {error}") from error


def _read(document: Mapping[str, Any]) -> GroundTruth:
    clusters: dict[str, tuple[str, ...]] = {}
    variants: dict[str, str] = {}
    kinds: dict[str, str] = {}
    difficulties: dict[str, str] = {}
    distractors: set[str] = set()
    for number, cluster in enumerate(_list(document, "clusters")):
        if not isinstance(cluster, Mapping):
            raise BadFile(f'clusters[{number}] is no object; write {{"id": .., "members": [..]}}')
        members = _list(cluster, "members")
        names = tuple(dict.fromkeys(name for member in members for name in _files(member)))
        id = str(cluster.get("id", number))
        if id in clusters:
            raise BadFile(f"two clusters have the id {id}; give each its own")
        clusters[id] = names
        for member in members:
            details = member if isinstance(member, Mapping) else {}
            kind = details.get("kind", cluster.get("kind"))
            for name in _files(member):
                variants.update({name: str(details["variant"])} if "variant" in details else {})
                difficulties.update({name: str(details["difficulty"])} if "difficulty" in details else {})
                kinds.update({name: str(kind)} if kind is not None else {})
    placed = {name for names in clusters.values() for name in names}
    singles: dict[str, None] = {}
    lookalikes, ambiguous, unsure = [], set[tuple[str, str]](), set[str]()
    for key in ("distractors", "hard_negatives", "ambiguous"):
        for entry in _list(document, key):
            names = _files(entry)
            details = entry if isinstance(entry, Mapping) else {}
            contradictory = placed.intersection(names) if key == "distractors" else set[str]()
            if contradictory:
                raise BadFile(f"contradictory labels: {contradictory.pop()} is in a cluster and among the distractors; leave one of them")
            singles.update(dict.fromkeys(name for name in names if name not in placed))
            kinds.update(dict.fromkeys((name for name in names if name not in kinds), str(details["kind"])) if "kind" in details else {})
            if key == "distractors":
                distractors.update(names if details.get("lone", True) else ())
            elif key == "hard_negatives":
                lookalikes.append(Lookalikes(names, _decision(details.get("worst_acceptable", "NO"))))
            elif key == "ambiguous" and len(names) > 1:
                ambiguous |= {_pair(a, b) for a, b in combinations(names, 2)}
            elif key == "ambiguous":
                unsure.update(names)
    return GroundTruth(
        clusters,
        tuple(singles),
        variants,
        kinds,
        tuple(lookalikes),
        frozenset(ambiguous),
        frozenset(unsure),
        difficulties,
        frozenset(distractors),
    )


def _pair(a: str, b: str) -> tuple[str, str]:
    return min(a, b), max(a, b)


def _list(document: Mapping[str, Any], key: str) -> list[Any]:
    found = document.get(key, [])
    if not isinstance(found, list):
        raise BadFile(f"{key} is no list")
    return found


def _decision(value: Any) -> Decision:
    try:
        return Decision(str(value).upper())
    except ValueError:
        raise BadFile(f"worst_acceptable {value!r} is no decision; write NO or MAYBE") from None


def _files(entry: Any) -> tuple[str, ...]:
    """Return the file names of an entry: a name, a list of names, or an object with file, files or pair."""
    if isinstance(entry, Mapping):
        entry = entry.get("files") or entry.get("pair") or entry.get("file")
    names = entry if isinstance(entry, list) else [entry]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise BadFile(f"{entry!r} names no file; write a file name, or an object with file or files")
    return tuple(names)
