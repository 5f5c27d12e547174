"""A picture that shows nothing of what is asked for, by its fingerprints, and how a screen is divided among several pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

Block = tuple[int, int, int, int]  # left, top, width, height


@dataclass(frozen=True)
class Stranger:
    """made: how ("mixed", "collage", "real"). size: width and height in pixels. values: algorithm -> fingerprint."""

    made: str
    sha256: str
    size: tuple[int, int]
    values: Mapping[str, bytes]


def divided(size: tuple[int, int], parts: int, chance: Random) -> list[Block]:
    """Cut a rectangle into so many, each time the largest across its longer side, somewhere in its middle third."""
    blocks: list[Block] = [(0, 0, *size)]
    while len(blocks) < parts:
        blocks.sort(key=lambda block: block[2] * block[3])
        left, top, width, height = blocks.pop()
        if width >= height:
            cut = max(1, round(width * chance.uniform(1 / 3, 2 / 3)))
            blocks += [(left, top, cut, height), (left + cut, top, width - cut, height)]
        else:
            cut = max(1, round(height * chance.uniform(1 / 3, 2 / 3)))
            blocks += [(left, top, width, cut), (left, top + cut, width, height - cut)]
    return blocks
