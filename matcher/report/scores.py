"""The figures by which answers are judged: how many true pairs were found, how many answers are wrong, by variant and difficulty.

All of them count the answers to each picture, searched among all the others. Pairs that the truth calls ambiguous count nowhere.

recall_yes, recall_any   share of the true pairs (query, other member of its cluster) answered YES; YES or MAYBE
base_yes, base_any       the same for (variant, the first member of its cluster)
top1                     share of queries with a true partner whose first answer is one
precision_yes            true YES / all YES; precision_base: the same among answers that name a first member or a single picture
false_yes                wrong YES; ..._hard: between look-alikes; ..._per_million: of the wrong pairs that were possible
lone_yes_per_1000        wrong YES a thousand queries that match nothing
review_load              wrong MAYBE a query; one between look-alikes that may be a MAYBE is none
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from matcher.evaluation import Found
from matcher.match import Decision
from matcher.truth import GroundTruth

Answers = Mapping[str, Sequence[Found]]
KINDS = ("all", "screenshot", "photo")
_KIND = "screenshot"  # of a picture whose kind the truth does not tell


@dataclass(frozen=True)
class Scorer:
    """Judges answers by a ground truth. queries: the pictures that were asked with, None: all of them."""

    truth: GroundTruth
    queries: frozenset[str] | None = None

    def scores(self, answers: Answers) -> dict[str, Any]:
        """Return the figures of all pictures, of screenshots and of photographs, then `rows` of variants and difficulties.

        A share of nothing is None. Pictures without an entry in `answers` found nothing, and are counted as missing_queries.
        """
        rows: dict[str, Counter[str]] = defaultdict(Counter)
        report: dict[str, Any] = {kind: _figures(self._counted(kind, answers, rows)) for kind in KINDS}
        report["rows"] = {
            name: {"n": row["n"], "yes": _share(row["yes"], row["n"]), "any": _share(row["any"], row["n"])}
            for name, row in sorted(rows.items())
        }
        report["missing_queries"] = sum(name not in answers for name in self._asked)
        return report

    def kind(self, name: str) -> str:
        """Return "screenshot" or "photo"."""
        return self.truth.kind_of.get(name, _KIND)

    def first(self, name: str) -> str | None:
        """Return the first member of a picture's cluster, None where it is in none."""
        cluster = self.truth.cluster_of.get(name)
        return self.truth.clusters[cluster][0] if cluster is not None else None

    @cached_property
    def _asked(self) -> tuple[str, ...]:
        return tuple(name for name in self.truth.names if self.queries is None or name in self.queries)

    @cached_property
    def _gallery(self) -> frozenset[str]:
        return frozenset((*self.truth.singles, *(members[0] for members in self.truth.clusters.values())))

    @cached_property
    def _group(self) -> dict[str, int]:
        return {name: number for number, group in enumerate(self.truth.lookalikes) for name in group.files}

    def _members(self, name: str) -> tuple[str, ...]:
        cluster = self.truth.cluster_of.get(name)
        return self.truth.clusters[cluster] if cluster is not None else (name,)

    def _counted(self, kind: str, answers: Answers, rows: dict[str, Counter[str]]) -> Counter[str]:
        n: Counter[str] = Counter()
        for query in self._asked:
            if kind not in ("all", self.kind(query)):
                continue
            found = [one for one in answers.get(query, ()) if one.file != query and one.decision is not Decision.NO]
            decided = {one.file: one.decision for one in found}
            members = self._members(query)
            partners = [name for name in members if name != query and not self.truth.skipped(query, name)]
            n["queries"] += 1
            n["lone"] += query in self.truth.lone
            n["negatives"] += len(self.truth.names) - len(members)
            n["pairs"] += len(partners)
            n["yes"] += sum(decided.get(name) is Decision.YES for name in partners)
            n["any"] += sum(name in decided for name in partners)
            self._count_base(query, decided, n, rows if kind == "all" else None)
            if partners:
                n["with_partner"] += 1
                n["top1"] += next((one.file for one in found if not self.truth.skipped(query, one.file)), None) in partners
            self._count_wrong(query, decided, n)
        return n

    def _count_base(self, query: str, decided: Mapping[str, Decision], n: Counter[str], rows: dict[str, Counter[str]] | None) -> None:
        first = self.first(query)
        if first is None or first == query or self.truth.skipped(query, first):
            return
        seen = {"n": 1, "yes": int(decided.get(first) is Decision.YES), "any": int(first in decided)}
        n.update({f"base_{key}": value for key, value in seen.items()})
        if rows is not None:
            rows[f"{self.kind(query)}:{self.truth.variant_of.get(query, '?')}"].update(seen)
            rows[f"difficulty:{self.truth.difficulty_of.get(query, '?')}"].update(seen)

    def _count_wrong(self, query: str, decided: Mapping[str, Decision], n: Counter[str]) -> None:
        for name, decision in decided.items():
            if self.truth.same(query, name) or self.truth.skipped(query, name):
                continue
            if decision is Decision.MAYBE:
                n["maybe_wrong"] += self.truth.worst(query, name) is Decision.NO
                continue
            n["false_yes"] += 1
            n["false_yes_hard"] += query in self._group and self._group[query] == self._group.get(name)
            n["false_yes_base"] += name in self._gallery and query not in self._gallery
            n["false_yes_lone"] += query in self.truth.lone


def _figures(n: Counter[str]) -> dict[str, Any]:
    return {
        "queries": n["queries"],
        "true_pairs": n["pairs"],
        "recall_yes": _share(n["yes"], n["pairs"]),
        "recall_any": _share(n["any"], n["pairs"]),
        "base_yes": _share(n["base_yes"], n["base_n"]),
        "base_any": _share(n["base_any"], n["base_n"]),
        "top1": _share(n["top1"], n["with_partner"]),
        "precision_yes": _share(n["yes"], n["yes"] + n["false_yes"]),
        "precision_base": _share(n["base_yes"], n["base_yes"] + n["false_yes_base"]),
        "false_yes": n["false_yes"],
        "false_yes_hard": n["false_yes_hard"],
        "false_yes_per_million": round(1e6 * n["false_yes"] / n["negatives"], 3) if n["negatives"] else None,
        "lone_yes_per_1000": _share(1000 * n["false_yes_lone"], n["lone"]),
        "review_load": _share(n["maybe_wrong"], n["queries"]),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
