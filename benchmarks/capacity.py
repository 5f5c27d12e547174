"""A model of memory, cores and nodes up to 10^9 pictures, from what was measured.

    python benchmarks/scaling.py --json growth.json
    python benchmarks/scaling.py --layouts --json layouts.json
    python benchmarks/capacity.py --growth growth.json --layouts layouts.json [--stats stats.json] [--node-gb 64] [--searches 5] [--turns 8]

Memory: bytes a picture of the largest size in growth.json (global hashes, records), or of a store of yours, all that it keeps, where
--stats names what `kuato stats --json` printed there; the keys of each layout by themselves, as their number does not grow with the
pictures. Of a node's memory 60 % is filled: the rest is for rewriting the append-only file and for growth. Cores: the milliseconds of a
processor that lists and bytes cost, fitted in layouts.json, for so many searches a second of so many turns each; they are shared by
Redis and the clients. Nothing here is measured beyond the largest size; the table says what to expect, and what to measure next.
"""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

from grow.bands import Layout

SIZES = (10**6, 10**7, 10**8, 10**9)
LAYOUTS = (Layout(16, 14, 1), Layout(16, 16, 1), Layout(12, 21, 2), Layout(11, 23, 2))
FILLED = 0.6
KEY = 90  # bytes that a key costs beyond its value, with its slot in the table
ENTRY = 16
LONGEST = 20_000  # entries of a list that are read


def keys(layout: Layout, pictures: int) -> float:
    """Return how many lists of the layout have an entry."""
    return layout.bands * 2**layout.key_bits * -math.expm1(-pictures / 2**layout.key_bits)


def rest(growth: dict[str, Any], stats: dict[str, Any] | None) -> float:
    """Return the bytes a picture takes besides the index of its 256-bit hash."""
    today = LAYOUTS[0]
    row = max(growth["sizes"], key=lambda one: one["pictures"])
    whole, pictures = float(row["bytes_a_picture"]), int(row["pictures"])
    if stats:
        whole, pictures = float(stats["memory"]["bytes_per_picture"]), int(stats["pictures"])
    return whole - today.bands * ENTRY - KEY * keys(today, pictures) / pictures


def rows(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the figures of each size and layout."""
    growth, fitted = json.loads(arguments.growth.read_text()), json.loads(arguments.layouts.read_text())["cost"]
    besides = rest(growth, json.loads(arguments.stats.read_text()) if arguments.stats else None)
    found = list[dict[str, Any]]()
    for pictures in SIZES:
        for layout in LAYOUTS:
            each = besides + layout.bands * ENTRY + KEY * keys(layout, pictures) / pictures
            nodes = max(1, math.ceil(each * pictures / (arguments.node_gb * 1e9 * FILLED)))
            read = layout.bytes_read(pictures)
            ms = fitted["fixed_ms"] + fitted["ms_a_list"] * layout.lists + fitted["ms_a_kb"] * read / 1e3
            found.append(
                {
                    "pictures": pictures,
                    "layout": layout,
                    "gb": each * pictures / 1e9,
                    "nodes": nodes,
                    "read_mb": read / 1e6,
                    "ms": ms,
                    "cores": ms * arguments.turns * arguments.searches / 1e3,
                    "cut": pictures / 2**layout.key_bits > LONGEST,
                }
            )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--growth", type=Path, required=True)
    parser.add_argument("--layouts", type=Path, required=True)
    parser.add_argument("--stats", type=Path)
    parser.add_argument("--node-gb", type=float, default=64)
    parser.add_argument("--searches", type=float, default=5, help="a second")
    parser.add_argument("--turns", type=int, default=8, help="of each query")
    arguments = parser.parse_args()
    print("| pictures | layout | memory | masters | read by a turn | processor a turn | cores | |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows(arguments):
        note = "lists are longer than what is read" if row["cut"] else ""
        print(
            f"| {row['pictures']:,} | {row['layout']} | {row['gb']:,.1f} GB | {row['nodes']} | {row['read_mb']:,.2f} MB "
            f"| {row['ms']:,.1f} ms | {row['cores']:,.1f} | {note} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
