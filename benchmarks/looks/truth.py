"""Which pictures of the set belong together, written as `shared/eval/score.py` and `kuato calibrate` read it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

NOTE = (
    "clusters: looks at one page of one brand; the first is the original. distractors: match nothing. hard_negatives: pages of one design under other "
    "brands or with other contents, pairwise different: YES is an error, MAYBE (the same kit) is none."
)


@dataclass
class Truth:
    """Collects the labels while the pictures are made."""

    clusters: list[dict[str, Any]] = field(default_factory=list)
    distractors: list[dict[str, Any]] = field(default_factory=list)
    hard_negatives: list[dict[str, Any]] = field(default_factory=list)

    def page(self, source: str, members: Sequence[tuple[str, str, str]]) -> list[str]:
        """Add a page's pictures, each a file, a variant and a difficulty; return the files."""
        if len(members) == 1:
            self.distractors.append({"file": members[0][0], "kind": "screenshot", "source": source})
        else:
            shown = [{"file": file, "variant": variant, "difficulty": difficulty} for file, variant, difficulty in members]
            self.clusters.append({"id": f"look{len(self.clusters):03}", "kind": "screenshot", "source": source, "members": shown})
        return [member[0] for member in members]

    def alike(self, id: str, pages: Sequence[Sequence[str]], why: str, worst: str = "MAYBE") -> None:
        """Say that pages, each given by the files that show it, look alike and are different.

        Files of one page must not be in one group, so there are as many groups as it takes for every pair of files of two pages to be in one.
        """
        for number, files in enumerate(transversals(pages)):
            self.hard_negatives.append(
                {"id": f"{id}-{number}", "kind": "screenshot", "relation": "pairwise different", "worst_acceptable": worst, "why": why, "files": files}
            )

    def document(self, name: str) -> dict[str, Any]:
        return {
            "set": name,
            "note": NOTE,
            "clusters": self.clusters,
            "distractors": self.distractors,
            "hard_negatives": self.hard_negatives,
            "ambiguous": [],
        }


def transversals(pages: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """Yield groups with at most one file of each page, so that every two files of different pages are together in just one group.

    Page i gives file (start + step * i) modulo a prime p: two files fix start and step, since i - j has an inverse modulo p.
    """
    largest = max(len(pages), *(len(files) for files in pages))
    p = next(n for n in count(max(2, largest)) if all(n % d for d in range(2, n)))
    for step in range(p):
        for start in range(p):
            places = [(start + step * i) % p for i in range(len(pages))]
            group = [files[place] for files, place in zip(pages, places, strict=True) if place < len(files)]
            if len(group) > 1:
                yield group
