"""How long an analyst waits: MISP's questions through a stock misp-modules server, with many pictures known.

    python -m benchmarks.misp --pictures 100000 [--images FOLDER] [--queries 100]

Starts a stock server with Kuato's module file, and `kuato serve misp` with a Redis of its own; fills it with pictures as
benchmarks/store.py makes them. Asked are screenshots of 1920 x 1080 pixels as PNG, each one new, half of them of pages that are
known; hovers; ten at once; a PNG of 30 MB. Times are those of the whole way: HTTP, JSON and base64, the stock server, the
module file, Kuato, and back.
"""

import argparse
import base64
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import urllib3
from PIL import Image, ImageDraw

from benchmarks.store import perturbed
from matcher.bulk import BulkAdder
from matcher.engine import Matcher
from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings
from matcher.source import Source

AT_ONCE = 5000
BIN = Path(sys.executable).parent


def screenshot(seed: int, noise: int = 0) -> Image.Image:
    """Return a page of 1920 x 1080 pixels with text, boxes and a picture of its own; noise: a small change of every pixel."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (1920, 1080), tuple(int(v) for v in rng.integers(225, 256, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y, width, height = (int(v) for v in rng.integers((0, 0, 60, 20), (1700, 1000, 500, 160)))
        draw.rectangle((x, y, x + width, y + height), fill=tuple(int(v) for v in rng.integers(0, 256, 3)), outline="black")
        draw.text((x + 4, y + 4), "".join(chr(int(c)) for c in rng.integers(97, 123, 30)), fill="black")
    small = rng.integers(0, 256, (18, 32, 3), np.uint8)
    image.paste(
        Image.fromarray(small).resize((640, 360), Image.Resampling.BICUBIC), (int(rng.integers(0, 1200)), int(rng.integers(0, 700)))
    )
    if noise:
        pixels = np.asarray(image).astype(np.int16) + np.random.default_rng(noise).integers(-3, 4, (1080, 1920, 1), np.int16)
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return image


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=3)
    return file.getvalue()


def question(data: bytes | None, name: str = "", **more: Any) -> bytes:
    attribute: dict[str, Any] = {"type": "attachment", "uuid": name or str(uuid.uuid4()), "value": "screenshot.png", "event_id": "1"}
    if data is not None:
        attribute["data"] = base64.b64encode(data).decode()
        more.setdefault("event_id", "1")
    return json.dumps({"module": "image_correlation", "attribute": attribute, "config": {}, **more}).encode()


@contextmanager
def running(words: Sequence[object], url: str, path: str, log: Path, **environ: str) -> Iterator[int]:
    """Run a server until the end of the block, from the moment that it answers; return its process."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("KUATO_")} | environ
    with log.open("w") as out, subprocess.Popen([str(word) for word in words], env=given, stdout=out, stderr=out) as process:
        try:
            give_up = time.monotonic() + 120
            while True:
                try:
                    urllib3.request("GET", url + path, retries=False, timeout=5)
                    break
                except urllib3.exceptions.HTTPError:
                    if process.poll() is not None or time.monotonic() > give_up:
                        raise SystemExit(f"the server did not start: {log.read_text()[-2000:]}") from None
                    time.sleep(0.2)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)


class Analyst:
    """Asks, and takes the time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = urllib3.PoolManager(maxsize=16, retries=False)
        self.errors: list[str] = []

    def ask(self, body: bytes) -> tuple[float, dict[str, Any]]:
        """Return how long it took, in seconds, and the answer."""
        started = time.perf_counter()
        answer = json.loads(self._http.request("POST", f"{self._url}/query", body=body, timeout=60).data)
        took = time.perf_counter() - started
        if answer.get("error"):
            self.errors.append(answer["error"])
        return took, answer


def fill(settings: Settings, pictures: int, images: Path, known: Sequence[bytes]) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    with Matcher.open(settings) as matcher:
        files = sorted(path for path in images.rglob("*") if path.suffix in (".png", ".jpg", ".webp"))
        real = [matcher.pool.fingerprint(path.read_bytes(), query=True, name=path.name) for path in files[:: max(1, len(files) // 300)]]
        # Reading is what is timed later; the append-only file would make the filling as slow as the disk.
        matcher.collection.store._client().config_set("appendonly", "no")
        started = time.perf_counter()
        with BulkAdder(matcher.collection) as bulk:
            for start in range(0, pictures, AT_ONCE):
                some = [perturbed(real, n, rng) for n in range(start, min(pictures, start + AT_ONCE))]
                large = {n: {"local": one.values["local"]} for n, one in enumerate(some) if "local" in one.values}
                bulk.add((matcher.collection.draft(one, [seen(start + n)], (), ()) for n, one in enumerate(some)), large)
        for n, data in enumerate(known):
            matcher.add(data, sources=[Source("misp-attribute", hovered(n), 1.7e9, 1.7e9, {}, {"distribution": "1"})])
        return {"pictures": matcher.stats()["pictures"], "filled_s": round(time.perf_counter() - started)}


def seen(n: int) -> Source:
    metadata = {"event_uuid": str(uuid.UUID(int=n // 10))}
    return Source("misp-attribute", str(uuid.UUID(int=1 << 64 | n)), 1.7e9, 1.7e9, metadata, {"distribution": "1"})


def hovered(n: int) -> str:
    return str(uuid.UUID(int=2 << 64 | n))


def spread(seconds: Sequence[float]) -> dict[str, float]:
    return {f"p{p}": round(float(np.percentile(seconds, p)), 3) for p in (50, 95)} | {"max": round(max(seconds), 3)}


def cpu(pids: Sequence[int]) -> float:
    """Return the processor time, in seconds, that processes and their children have used."""
    times, parents = dict[int, float](), dict[int, int]()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            times[int(entry.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    ours = set(pids)
    for _ in range(4):
        ours |= {pid for pid, parent in parents.items() if parent in ours}
    return sum(times[pid] for pid in ours if pid in times)


def measure(url: str, known: int, queries: int, pids: Sequence[int]) -> dict[str, Any]:
    analyst = Analyst(url)
    bodies = [question(png(screenshot(n // 2 % known if n % 2 else 10_000 + n, noise=1 + n))) for n in range(queries)]
    analyst.ask(bodies[0])
    used = cpu(pids)
    asked = [analyst.ask(body) for body in bodies]
    used = (cpu(pids) - used) / queries
    found = sum("Object" in answer["results"] for _, answer in asked[1::2])
    hovers = [analyst.ask(question(None, hovered(n % known))) for n in range(queries)]
    with ThreadPoolExecutor(10) as threads:
        started = time.perf_counter()
        together = list(threads.map(analyst.ask, bodies[:10]))
        took = time.perf_counter() - started
    large = png(Image.fromarray(np.random.default_rng(3).integers(0, 256, (3150, 3150, 3), np.uint8)))
    listing = time.perf_counter()
    urllib3.request("GET", f"{url}/modules", retries=False, timeout=5)
    listing = time.perf_counter() - listing
    return {
        "screenshot_bytes": round(float(np.mean([len(body) for body in bodies])) * 0.75),
        "button_s": spread([seconds for seconds, _ in asked]),
        "button_processor_s": round(used, 3),
        "known_pages_found": f"{found} of {len(asked[1::2])}",
        "hover_s": spread([seconds for seconds, _ in hovers]),
        "ten_at_once_s": spread([seconds for seconds, _ in together]) | {"all": round(took, 3)},
        "large_bytes": len(large),
        "large_s": [round(analyst.ask(question(large))[0], 3) for _ in range(3)],
        "modules_s": round(listing, 3),
        "errors": analyst.errors,
        "load": os.getloadavg()[0],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=Path(__file__).parent.parent / "samples")
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--port", type=int, default=7667, help="first of two ports of loopback")
    arguments = parser.parse_args()
    ours, stock = (f"http://127.0.0.1:{arguments.port + n}" for n in (0, 1))
    known = [png(screenshot(n)) for n in range(min(20, arguments.queries))]
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        try:
            settings = Settings.load(environ={}, overrides={"data.dir": folder / "data"})
            figures = fill(settings, arguments.pictures, arguments.images, known)
            subprocess.run(
                [BIN / "kuato", "misp", "install-module", folder / "custom", "--url", ours], check=True, stdout=subprocess.DEVNULL
            )
            serve = [BIN / "kuato", "--set", f"data.dir={folder / 'data'}", "--set", f"misp.listen={ours[7:]}", "serve", "misp"]
            modules = [BIN / "misp-modules", "-l", "127.0.0.1", "-p", stock.rpartition(":")[2], "-c", folder / "custom"]
            with (
                running(serve, ours, "/healthcheck", folder / "kuato.log", XDG_CONFIG_HOME=text) as kuato,
                running(modules, stock, "/healthcheck", folder / "modules.log") as host,
            ):
                figures |= measure(stock, len(known), arguments.queries, [kuato, host])
        finally:
            EmbeddedRedis(folder / "data").stop()
    print(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
