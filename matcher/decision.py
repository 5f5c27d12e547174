"""From the distances of several algorithms to one decision: thresholds and the rule that merges them."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matcher.errors import BadSettings
from matcher.match import Decision, Evidence, Relation
from matcher.settings import config_dir

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RULES = ("verified",)


@dataclass(frozen=True)
class Bounds:
    """yes, maybe: the largest distances that are a YES, a MAYBE. alone: a YES that needs no second family."""

    yes: float
    maybe: float
    alone: bool = False

    def decide(self, distance: float) -> Decision:
        """Return what a distance means."""
        if distance <= self.yes:
            return Decision.YES
        return Decision.MAYBE if distance <= self.maybe else Decision.NO


# An algorithm the file does not know has no say until somebody calibrates it.
SILENT = Bounds(-1.0, -1.0)


@dataclass(frozen=True)
class Rules:
    """The thresholds of every algorithm, by name, and the name of the rule that merges decisions."""

    bounds_of: Mapping[str, Bounds]
    rule: str = "verified"

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
        rule = table.pop("rule", "verified")
        if rule not in RULES:
            raise BadSettings(f"{path}: there is no rule {rule!r}; there are {', '.join(RULES)} (decision.rules)")
        return cls({name: _bounds(name, row, path) for name, row in table.items()}, rule)

    def bounds(self, algorithm: str) -> tuple[float, float]:
        """Return the YES and the MAYBE distance of an algorithm; both negative when it has none."""
        found = self.bounds_of.get(algorithm, SILENT)
        return found.yes, found.maybe

    def judge(self, evidence: Sequence[Evidence], thresholds: Mapping[str, float] = {}) -> tuple[Decision, Relation, float]:
        """Return decision, relation and distance of a pair of pictures.

        thresholds: stricter or wider bounds for this pair, "algorithm.yes" or "algorithm.maybe" to a distance.
        """
        if not evidence:
            return Decision.NO, Relation.SHARES_CONTENT, 1.0
        decided = [(self._again(one, thresholds), one) for one in evidence]
        saying_yes = [one for decision, one in decided if decision is Decision.YES]
        verified = any(self.bounds_of.get(one.algorithm, SILENT).alone for one in saying_yes)
        if verified or len({one.family for one in saying_yes}) > 1:
            decision, speakers = Decision.YES, saying_yes
        else:
            speakers = [one for decision, one in decided if decision is not Decision.NO]
            decision = Decision.MAYBE if speakers else Decision.NO
        speakers = speakers or list(evidence)
        whole = any(one.family != "local" for one in speakers if one in saying_yes or decision is not Decision.YES)
        relation = Relation.SAME_PICTURE if whole else Relation.SHARES_CONTENT
        return decision, relation, min(one.distance for one in speakers)

    def _again(self, one: Evidence, thresholds: Mapping[str, float]) -> Decision:
        if not thresholds:
            return one.decision
        bounds = self.bounds_of.get(one.algorithm, SILENT)
        yes = thresholds.get(f"{one.algorithm}.yes", bounds.yes)
        return Bounds(yes, max(yes, thresholds.get(f"{one.algorithm}.maybe", bounds.maybe))).decide(one.distance)


def _bounds(name: str, row: Any, path: Path) -> Bounds:
    try:
        yes, maybe, alone = float(row["yes"]), float(row["maybe"]), bool(row.get("alone", False))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadSettings(f"{path}: [{name}] needs the numbers yes and maybe (decision.rules)") from error
    if not yes <= maybe <= 1:
        raise BadSettings(f"{path}: [{name}] yes {yes} must be at most maybe {maybe}, and that at most 1 (decision.rules)")
    return Bounds(yes, maybe, alone)
