"""What a search answers: decisions, their evidence, matches."""

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matcher.records import Record


class Decision(str, Enum):
    """YES: accepted. MAYBE: a person should look. NO: rejected."""

    YES = "YES"
    MAYBE = "MAYBE"
    NO = "NO"

    @property
    def rank(self) -> int:
        """0 for YES, 1 for MAYBE, 2 for NO: the order of answers."""
        return ("YES", "MAYBE", "NO").index(self.value)


class Relation(str, Enum):
    """Whether the whole pictures agree, or a verified region of them."""

    SAME_PICTURE = "same picture"
    SHARES_CONTENT = "shares content"


@dataclass(frozen=True)
class Region:
    """A rectangle in fractions (0..1) of a picture's width and height, as stored (view undone)."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        """Share of the picture, 0..1."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)


@dataclass(frozen=True)
class Detail:
    """How far the fine details of two pictures agree where they overlap.

    blocks: how many show something in either picture. agreeing: the share of these that agrees; lower, median: quartiles of their
    correlations, -1..1. both: the share that shows something in both pictures; both_lowest, both_lower: the first tenth and quartile of
    their correlations. patch: the largest share that lies together and contradicts. together: the mean correlation where all blocks lie
    beside their places alike. finer: how much more finely the finer of both is kept where they overlap, as a logarithm.
    """

    blocks: int = 0
    agreeing: float = 0.0
    lower: float = 0.0
    median: float = 0.0
    both: float = 0.0
    both_lowest: float = 0.5
    both_lower: float = 0.5
    patch: float = 0.0
    together: float = 0.0
    finer: float = 0.0


@dataclass(frozen=True)
class Alignment:
    """A transformation that carries features of the query onto those of a known picture.

    inliers: matched features that obey it; weight: the same, each counted by its rarity in the store (0..1).
    query_region, known_region: what the inliers cover.
    matrix: float64 (2, 3), query coordinates (fractions of the longer side) to those of the known picture.
    places: distinct places of the inliers, those close together counted once. coverage: the larger share of a picture that
    the inliers enclose, 0..1. share: how many of the features enclosed found a
    partner, of those that would in a copy, 0..1; everywhere: the same of all features where the pictures overlap. differing: the share
    of bits that differ between partners, 0..1. blocks: how many parts of the overlap, of 16, show something; agreement: the
    share of these that show the same, 0..1. contrast: standard deviation of the brightness, of 255, where the pictures overlap.
    content: the share that all features enclose, inliers or not, in the emptier of the two pictures, 0..1.
    recoloured: how far the colours lie apart there, 0..2; 0 where either picture is grey. detail: how far the fine details agree. Both
    are looked at only where the rest does not speak against the pictures.
    sameness: how probably these are one picture, not two of one kind, 0..1.
    """

    inliers: int
    weight: float
    query_region: Region
    known_region: Region
    matrix: NDArray[np.float64] = field(compare=False)
    places: int = 0
    coverage: float = 0.0
    share: float = 0.0
    everywhere: float = 0.0
    differing: float = 0.0
    blocks: int = 0
    agreement: float = 0.0
    recoloured: float = 0.0
    contrast: float = 0.0
    content: float = 1.0
    detail: Detail = Detail()
    sameness: float = 1.0


@dataclass(frozen=True)
class Evidence:
    """What one algorithm says of a pair.

    distance: 0 (same) to 1. threshold: the YES bound it was held against.
    view: how the query was turned ("as is", "mirrored", "negative", ..). alignment: for local features.
    note: a sentence for people. places: what part of the query and of the known picture is meant, None for the whole of both.
    """

    algorithm: str
    family: str
    distance: float
    threshold: float
    decision: Decision
    view: str = "as is"
    alignment: Alignment | None = None
    note: str = ""
    places: tuple[Region, Region] | None = None

    @property
    def regions(self) -> tuple[Region, Region] | None:
        """What part of the query and of the known picture this is about, None for the whole of both."""
        return (self.alignment.query_region, self.alignment.known_region) if self.alignment else self.places


@dataclass(frozen=True)
class Match:
    """A known picture that the query may be. emits: what the known picture's banks tag whatever matches it with a YES."""

    picture: "Record"
    decision: Decision
    relation: Relation
    distance: float
    evidence: tuple[Evidence, ...]
    emits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The answer to one search.

    decision: that of the best match, NO without any. matches: by decision, then distance.
    suppressed: matches withheld because the known picture is in an `ignore` bank.
    too_simple: no algorithm found enough in the query to match by content; its SHA-256 was still looked up.
    truncated: a posting list was too long to be read whole. fingerprints: of the query, by algorithm, without those that show pixels.
    timings: milliseconds by step.
    """

    sha256: str
    decision: Decision
    matches: tuple[Match, ...]
    suppressed: tuple[Match, ...] = ()
    too_simple: bool = False
    truncated: bool = False
    fingerprints: dict[str, bytes] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
