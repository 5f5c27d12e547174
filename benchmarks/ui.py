"""How long a person waits in front of the pages, in a real browser.

    python benchmarks/ui.py IMAGES [--pictures 100000] [--known 150] [--searches 20] [--pairs 30]

Some pictures of the folder IMAGES become known as usual, so that pairs of them wait; then the store grows to --pictures by composed ones
(grow/mixing.py). A search is of a PNG of 1920 x 1080 pixels, from choosing the file to the answer on the screen. The next pair is timed
twice: as the server makes it (four at once, as the page asks), and from the key of a verdict to the pair on the screen. With --thumbnails
the known pictures are shown. Bars: 1 s for a search, 150 ms for a pair.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from grow.making import Kit, strangers
from grow.mixing import donors
from grow.stranger import Stranger

sys.path.insert(0, str(Path(__file__).parent.parent))

from matcher.bulk import BulkAdder
from matcher.engine import Matcher
from matcher.errors import BadPicture
from matcher.extraction import Fingerprints
from matcher.records import Record
from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings
from matcher.source import Source
from matcher.waiting import Waiting
from tests.matcher.in_process import services_on
from tests.matcher.ui.chromium import Watched, launched
from tests.matcher.ui.conftest import listening

CHUNK, HASHED, SEED = 2000, 2000, 5
FEWEST = 10  # pairs that wait
SEARCH_BAR, PAIR_BAR = 1000.0, 150.0  # milliseconds
NEXT = """skip => {
  const begun = performance.now();
  return fetch(`/review/next?skip=${skip}`, {headers: {Accept: "text/html"}}).then(answer => answer.text()).then(text => [
    performance.now() - begun, (text.match(/review-pair/g) ?? []).length]);
}"""
JUDGED = """key => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error("no further pair came within 20 s")), 20000);
  const place = document.getElementById("pairs");
  const before = place.querySelector(".review-pair");
  const begun = performance.now();
  const seen = new MutationObserver(() => {
    const now = place.querySelector(".review-pair");
    if (now && now !== before) { seen.disconnect(); requestAnimationFrame(() => resolve(performance.now() - begun)); }
  });
  seen.observe(place, {childList: true});
  document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
})"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--known", type=int, default=150)
    parser.add_argument("--searches", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--thumbnails", action="store_true")
    arguments = parser.parse_args()
    files = sorted(path for path in arguments.images.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp"))
    with tempfile.TemporaryDirectory() as folder:
        redis = EmbeddedRedis(Path(folder) / "redis")
        overrides: dict[str, Any] = {"redis.url": redis.ensure(), "data.dir": Path(folder) / "data", "web.rate_limit": 0}
        overrides["thumbnails.enabled"] = arguments.thumbnails
        try:
            with services_on(Settings.load(environ={}, overrides=overrides)) as services:
                grow(services.matcher, files[: arguments.known], arguments.pictures)
                known, waiting = services.matcher.stats()["pictures"], Waiting(services.matcher).count()
                if waiting < FEWEST:
                    parser.error(f"only {waiting} pairs wait, {FEWEST} are needed; let more pictures be known (--known)")
                with listening(services) as url, launched() as browser:
                    page = Watched(browser.new_context(viewport={"width": 1280, "height": 800}), url)
                    found = {
                        "search": searches(page, full_hd(files, arguments.searches, Path(folder))),
                        **pairs(page, min(arguments.pairs, waiting - 6)),
                    }
                    page.check()
        finally:
            redis.stop()
    print(json.dumps({"pictures": known, "pairs waiting": waiting, **{name: told(times) for name, times in found.items()}}, indent=1))
    met = np.median(found["search"]) <= SEARCH_BAR and np.median(found["next pair, made"]) <= PAIR_BAR
    return 0 if met else 1


def grow(matcher: Matcher, files: Sequence[Path], wanted: int) -> None:
    """Let files be known, and composed pictures until there are so many."""
    given: list[Fingerprints] = []
    for path in files:
        data = path.read_bytes()
        try:
            matcher.add(data, sources=[Source("file", path.name, 1.7e9, 1.7e9)], name=path.name)
            given.append(matcher.pool.fingerprint(data, name=path.name))
        except BadPicture as error:
            print(f"left out: {error}", file=sys.stderr)
    missing = wanted - matcher.stats()["pictures"]
    if missing <= 0:
        return
    prepared = donors([one.values["local"] for one in given if "local" in one.values], np.random.default_rng(SEED))
    made = strangers(Kit(prepared, list(files), list(matcher.algorithms), matcher.settings.limits(), HASHED), 0)
    with BulkAdder(matcher.collection) as adder:
        while missing > 0 and (some := list(islice(made, min(CHUNK, missing)))):
            missing -= len(some)
            large = matcher.collection.filing.large_names
            beside = {n: {name: one.values[name] for name in large if name in one.values} for n, one in enumerate(some)}
            adder.add((record_of(matcher, one) for one in some), {n: values for n, values in beside.items() if values})
            print(f"{wanted - missing} of {wanted}", file=sys.stderr)


def record_of(matcher: Matcher, one: Stranger) -> Record:
    collection = matcher.collection
    small = {key: value for key, value in one.values.items() if key not in collection.filing.large_names}
    versions = {key: collection.versions[key] for key in one.values}
    return Record(0, one.sha256, "PNG", one.size, 200_000, 1.7e9, small, versions, (Source("file", one.sha256, 1.7e9, 1.7e9),), placed=True)


def full_hd(files: Sequence[Path], count: int, folder: Path) -> Iterator[Path]:
    """Yield PNG files of 1920 x 1080 pixels, made from the last of the files."""
    for number, path in enumerate(list(files)[-count:]):
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is not None:
            made = folder / f"query-{number}.png"
            cv2.imwrite(str(made), cv2.resize(picture, (1920, 1080), interpolation=cv2.INTER_CUBIC))
            yield made


def searches(watched: Watched, files: Iterator[Path]) -> list[float]:
    """Return the milliseconds from choosing each file to its answer on the screen; the first one warms up."""
    page, times = watched.go("/search"), []
    for path in files:
        page.evaluate("() => document.getElementById('answer').replaceChildren()")
        started = time.perf_counter()
        page.locator("#file").set_input_files(path)
        page.locator(".answer").wait_for()
        times.append((time.perf_counter() - started) * 1000)
    return times[1:]


def pairs(watched: Watched, count: int) -> dict[str, list[float]]:
    """Return the milliseconds until each next pair."""
    page = watched.go("/review")
    page.locator(".review-pair").first.wait_for()
    made = [page.evaluate(NEXT, number) for number in range(max(1, count))]
    shown = [page.evaluate(JUDGED, "r") for _ in range(max(1, count))]
    return {"next pair, made": [ms for ms, found in made[1:] if found], "next pair, shown": shown[1:]}


def told(times: Sequence[float]) -> dict[str, float]:
    values = np.array(times or [np.nan])
    return {"n": len(times), "p50 ms": round(float(np.median(values)), 1), "p95 ms": round(float(np.percentile(values, 95)), 1)}


if __name__ == "__main__":
    sys.exit(main())
