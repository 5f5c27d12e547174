"""Named collections of known pictures."""

from dataclasses import dataclass, field

KINDS = ("baseline", "known-bad", "ignore", "observed")


@dataclass(frozen=True)
class Bank:
    """A named collection; a picture can be in many, and all others are simply observed.

    kind: one of KINDS. tags: what a match with a member emits. domains: who may show a baseline.
    thresholds: bounds of its own, "algorithm.yes" or "algorithm.maybe" to a distance.
    sensitive: no thumbnail, text or caption of members leaves Kuato.
    keep_days: how long members are kept after they were last seen, None for what is said of its kind (retention.banks), 0 for ever.
    """

    id: int
    name: str
    kind: str = "observed"
    tags: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    thresholds: dict[str, float] = field(default_factory=dict)
    sensitive: bool = False
    note: str = ""
    keep_days: int | None = None
