"""How soon the graph of a thousand pictures can be used in a real browser: drawn, a picture chosen in it, moved.

    python benchmarks/ui_graph.py [--pictures 1000] [--clusters 20] [--rounds 3] [--json]

Makes a store of its own with pictures tied into clusters, serves the pages on loopback, and opens the graph in Chromium. drawn: from the
beginning of the navigation until the graph is on the canvas. chosen: from the press on a picture until what is known of it stands beside
the graph. frames: the longest time between two frames while the graph is dragged. processor: what the page's thread and the server took
of the processor until it was drawn, whatever else the machine does. Milliseconds. Exits with 1 where drawn is beyond 2 s.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from matcher.settings import Settings
from tests.matcher.in_process import services_on
from tests.matcher.ui.boards import tied
from tests.matcher.ui.chromium import DESKTOP, Watched, launched
from tests.matcher.ui.conftest import listening

LIMIT = 2000.0
FRAMES = """() => new Promise(done => {
  let last = performance.now(), longest = 0, left = 60;
  const step = now => { longest = Math.max(longest, now - last); last = now; if (left--) requestAnimationFrame(step); else done(longest); };
  requestAnimationFrame(step);
})"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--clusters", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(environ={}, overrides={"data.dir": Path(folder), "workers.count": 1})
        with services_on(settings) as services:
            tied(services.matcher, args.clusters, args.pictures // args.clusters)
            with listening(services) as url, launched() as browser:
                rows = [measured(browser.new_context(viewport=DESKTOP), url) for _ in range(args.rounds)]
    found = {name: round(statistics.median(row[name] for row in rows)) for name in rows[0]}
    if args.json:
        print(json.dumps(found))
    else:
        print(f"{found['pictures']} pictures, {found['ties']} ties (median of {args.rounds})")
        print(" | ".join(f"{name} {found[name]} ms" for name in ("answered", "drawn", "chosen", "frames", "processor")))
    return int(found["drawn"] > LIMIT)


def measured(context: object, url: str) -> dict[str, float]:
    watched = Watched(context, url)  # type: ignore[arg-type]
    debugger = watched.page.context.new_cdp_session(watched.page)
    debugger.send("Performance.enable", {"timeDomain": "threadTicks"})
    begun = time.process_time()
    page = watched.go("/graph")
    card = page.locator("#graph[data-drawn]")
    card.wait_for()
    metrics = {one["name"]: one["value"] for one in debugger.send("Performance.getMetrics")["metrics"]}
    processor = (time.process_time() - begun + metrics["TaskDuration"]) * 1000
    drawn = float(card.get_attribute("data-milliseconds") or 0)
    data = page.evaluate("performance.getEntriesByType('resource').find(one => one.name.includes('/graph/data'))?.duration ?? 0")
    pictures, ties = (int("".join(filter(str.isdigit, part))) for part in page.locator("#told").inner_text().split(",")[:2])
    page.get_by_text("The same as a list").click()
    page.locator("#list button").nth(pictures // 2).wait_for()
    begun = time.perf_counter()
    page.locator("#list button").nth(pictures // 2).click()
    page.locator("#chosen dl").wait_for()
    chosen = (time.perf_counter() - begun) * 1000
    page.get_by_role("button", name="Fit").click()
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.evaluate(f"window.longest = ({FRAMES})()")
    for step in range(20):
        page.mouse.move(box["x"] + 5 + 8 * step, box["y"] + 5 + 4 * step)
    page.mouse.up()
    longest = float(page.evaluate("window.longest"))
    watched.check()
    return {
        "pictures": pictures,
        "ties": ties,
        "answered": data,
        "drawn": drawn,
        "chosen": chosen,
        "frames": longest,
        "processor": processor,
    }


if __name__ == "__main__":
    sys.exit(main())
