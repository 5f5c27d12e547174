"""The figures of a store that grows, side by side."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

MARK, END = "<!-- grown -->\n", "<!-- end of grown -->"
MADE = ("real", "collage", "mixed")
FIGURES = {
    "base_yes": "variant found by its original, YES",
    "base_any": "variant found by its original, YES or MAYBE",
    "top1": "first answer is right",
    "precision_yes": "YES that are right",
    "lone_yes_per_1000": "wrong YES per 1,000 queries without a partner",
    "lone_maybe": "wrong MAYBE a query without a partner",
    "review_load": "wrong MAYBE a query",
    "p50_ms": "answer, p50, ms",
    "p95_ms": "answer, p95, ms",
    "redis_bytes_per_picture": "memory of Redis, bytes a picture",
}


def table(figures: Sequence[Mapping[str, Any]]) -> str:
    """Return the figures of all sizes in Markdown."""
    lines = [f"{figures[0]['queries']:,} queries, {figures[0]['lone']} of them without a partner.", ""]
    lines += [row("pictures in the store", (f"{one['pictures']:,}" for one in figures)), "|---|" + "---|" * len(figures)]
    lines += [row(title, (shown(one[name]) for one in figures)) for name, title in FIGURES.items()]
    for kind in MADE:
        if any(kind in one["made"] for one in figures):
            cells = (f"{rate(one, 'YES', kind)} / {rate(one, 'MAYBE', kind)}" for one in figures)
            lines.append(row(f"YES / MAYBE a million pairs of a query and a {kind} picture", cells))
    return "\n".join(lines) + "\n"


def row(title: str, cells: Iterable[str]) -> str:
    return f"| {title} | {' | '.join(cells)} |"


def rate(figures: Mapping[str, Any], decision: str, kind: str) -> str:
    """Return how often a kind of stranger was given as an answer, a million pairs."""
    wrong = sum(figures["wrong"].get(f"{asked} {decision}, {kind}", 0) for asked in ("lone", "other"))
    pairs = figures["queries"] * figures["made"].get(kind, 0)
    return f"{1e6 * wrong / pairs:.2f}" if pairs else "-"


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def put(page: Path, text: str) -> None:
    """Put a text between the marks of a page."""
    before, mark, rest = page.read_text().partition(MARK)
    if not mark or END not in rest:
        raise SystemExit(f"{page} has no {MARK.strip()} with {END} after it")
    page.write_text(before + mark + text + rest[rest.index(END) :])
