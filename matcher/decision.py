"""From the distances of several algorithms to one decision: thresholds and the rule that merges them."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matcher import merging
from matcher.errors import BadSettings
from matcher.match import Alignment, Decision, Evidence, Relation
from matcher.settings import config_dir

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RULES = ("verified", *merging.RULES)
DISTANCES = ("nearest", *merging.DISTANCES)


@dataclass(frozen=True)
class Bounds:
    """yes, maybe: the largest distances that are a YES, a MAYBE.

    alone: compares place by place, so that its YES needs no second family, and its MAYBE is enough for another's YES.
    weight: of its vote and its distance, for the rules that count them.
    """

    yes: float
    maybe: float
    alone: bool = False
    weight: float = 1.0

    def decide(self, distance: float) -> Decision:
        """Return what a distance means."""
        if distance <= self.yes:
            return Decision.YES
        return Decision.MAYBE if distance <= self.maybe else Decision.NO


# An algorithm the file does not know has no say until somebody calibrates it.
SILENT = Bounds(-1.0, -1.0)


@dataclass(frozen=True)
class Rules:
    """The thresholds of every algorithm, by name, and how they are merged.

    rule: one of RULES. content: the share of a picture, 0..1, that must not be empty for a hash to say YES.
    same: how probably aligned pictures must be one, not two of one kind, for anybody's YES to hold, 0..1;
    other: for a MAYBE of local features to hold.
    distance: one of DISTANCES; "nearest" is the least distance of the algorithms that are of the decision.
    """

    bounds_of: Mapping[str, Bounds]
    rule: str = "verified"
    content: float = 0.2
    same: float = 0.7
    other: float = 0.01
    distance: str = "nearest"

    @classmethod
    def load(cls, path: Path | str | None = None) -> "Rules":
        """Return the rules of a file, by default config/decision.toml. Raises BadSettings."""
        path = Path(path) if path else config_dir() / "decision.toml"
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BadSettings(f"the rules {path} cannot be read: {error.strerror} (decision.rules)") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadSettings(f"the rules {path} are no TOML: {error} (decision.rules)") from error
        rule, distance = table.pop("rule", "verified"), table.pop("distance", "nearest")
        if rule not in RULES:
            raise BadSettings(f"{path}: there is no rule {rule!r}; there are {', '.join(RULES)} (decision.rules)")
        if distance not in DISTANCES:
            raise BadSettings(f"{path}: there is no distance {distance!r}; there are {', '.join(DISTANCES)} (decision.rules)")
        shares = {name: _share(table.pop(name, getattr(cls, name)), name, path) for name in ("content", "same", "other")}
        return cls({name: _bounds(name, row, path) for name, row in table.items()}, rule, distance=distance, **shares)

    def bounds(self, algorithm: str) -> tuple[float, float]:
        """Return the YES and the MAYBE distance of an algorithm; both negative when it has none."""
        found = self.bounds_of.get(algorithm, SILENT)
        return found.yes, found.maybe

    def decide(self, algorithm: str, distance: float) -> Decision:
        """Return what a distance of this algorithm means by itself."""
        return self.bounds_of.get(algorithm, SILENT).decide(distance)

    def differing(self, alignment: Alignment) -> bool:
        """Whether two pictures are alike as those of one kind are: one template, other contents."""
        return alignment.sameness < self.same

    def held(self, decision: Decision, alignment: Alignment) -> Decision:
        """Return what a decision comes to where the pictures lie upon each other like this."""
        if decision is Decision.YES and self.differing(alignment):
            return Decision.MAYBE
        return Decision.NO if decision is Decision.MAYBE and alignment.sameness < self.other else decision

    def sparse(self, alignment: Alignment) -> bool:
        """Whether one of the two pictures is so empty that a hash sees little but the emptiness."""
        return alignment.content < self.content

    def judge(self, evidence: Sequence[Evidence], thresholds: Mapping[str, float] = {}) -> tuple[Decision, Relation, float]:
        """Return decision, relation and distance of a pair of pictures.

        thresholds: stricter or wider bounds for this pair, "algorithm.yes" or "algorithm.maybe" to a distance.
        """
        if not evidence:
            return Decision.NO, Relation.SHARES_CONTENT, 1.0
        sparse = any(one.alignment is not None and self.sparse(one.alignment) for one in evidence)
        differing = any(one.alignment is not None and self.differing(one.alignment) for one in evidence)
        decided = [(self._decided(one, thresholds, differing or (sparse and one.alignment is None)), one) for one in evidence]
        yes = [one for decision, one in decided if decision is Decision.YES]
        maybe = [one for decision, one in decided if decision is Decision.MAYBE]
        verified = self._verify(yes) or (yes and self._verify(maybe))
        if self.rule in merging.RULES:
            voters = [(said, one) for said, one in decided if one.algorithm in self.bounds_of]
            decision = merging.decide(self.rule, [(said, self._weight(one)) for said, one in voters]) if voters else Decision.NO
            speakers = [one for said, one in voters if said is decision]
        elif verified or len({one.family for one in yes}) > 1:
            decision, speakers = Decision.YES, yes
        else:
            decision, speakers = (Decision.MAYBE if yes or maybe else Decision.NO), yes + maybe
        speakers = speakers or list(evidence)
        whole = any(one.family != "local" and one.places is None for one in speakers)
        relation = Relation.SAME_PICTURE if whole else Relation.SHARES_CONTENT
        if self.distance in merging.DISTANCES:
            return decision, relation, merging.distance(self.distance, [(one.distance, self._weight(one)) for one in evidence])
        return decision, relation, min(one.distance for one in speakers)

    def _weight(self, one: Evidence) -> float:
        return self.bounds_of.get(one.algorithm, SILENT).weight

    def _verify(self, evidence: Sequence[Evidence]) -> bool:
        return any(self.bounds_of.get(one.algorithm, SILENT).alone for one in evidence)

    def _decided(self, one: Evidence, thresholds: Mapping[str, float], doubtful: bool) -> Decision:
        """Return what one algorithm says, by the thresholds of this pair; a doubtful YES is a MAYBE."""
        bounds = self.bounds_of.get(one.algorithm, SILENT)
        yes = thresholds.get(f"{one.algorithm}.yes", bounds.yes)
        maybe = thresholds.get(f"{one.algorithm}.maybe", bounds.maybe)
        decision = Bounds(yes, max(yes, maybe)).decide(one.distance)
        if one.alignment is not None:
            decision = self.held(decision, one.alignment)
        return Decision.MAYBE if doubtful and decision is Decision.YES else decision


def _share(value: Any, name: str, path: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise BadSettings(f"{path}: {name} {value!r} must be a number from 0 to 1 (decision.rules)")
    return float(value)


def _bounds(name: str, row: Any, path: Path) -> Bounds:
    try:
        yes, maybe, alone, weight = float(row["yes"]), float(row["maybe"]), bool(row.get("alone", False)), float(row.get("weight", 1))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadSettings(f"{path}: [{name}] needs the numbers yes and maybe (decision.rules)") from error
    if not yes <= maybe <= 1:
        raise BadSettings(f"{path}: [{name}] yes {yes} must be at most maybe {maybe}, and that at most 1 (decision.rules)")
    if not 0 <= weight < float("inf"):
        raise BadSettings(f"{path}: [{name}] weight {weight} must not be negative (decision.rules)")
    return Bounds(yes, maybe, alone, weight)
