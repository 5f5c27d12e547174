"""What a consumer of AIL does in a second on one core, and what each step costs.

    python -m benchmarks.ail --known 100000 --messages 1000

Crawled pages of 1280 x 800 pixels, PNG, every tenth a copy of a page in a known-bad bank; the store holds --known further
pictures, perturbed from real ones as in benchmarks/store.py. Everything (consumer, decoder, Kuato's Redis, AIL's two) runs on one
core. `a_second` is by the clock, `a_cpu_second` by the processor time of all of them, which also holds where others use the
core. `steps_ms` is processor time, in milliseconds a picture: of the consumer's steps, and of the other processes.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from ail_connector.front import Front
from benchmarks.store import perturbed
from matcher.bulk import BulkAdder
from matcher.engine import Matcher
from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings
from tests.ail_connector.pages import jpeg, png
from tests.ail_connector.stand_in import Ail
from tests.matcher.processes import children

SIZE = (1280, 800)
STEPPED = 200  # messages that are timed step by step


def page(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Return a page with a header, pictures and paragraphs, each of its own kind."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(int(c) for c in rng.integers(200, 256, 3)))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, size[0], int(rng.integers(30, 140))), fill=tuple(int(c) for c in rng.integers(0, 200, 3)))
    for _ in range(int(rng.integers(1, 5))):
        width, height = int(rng.integers(120, 500)), int(rng.integers(80, 300))
        blobs = rng.integers(0, 256, (int(rng.integers(3, 12)), int(rng.integers(3, 12)), 3), np.uint8)
        photo = Image.fromarray(blobs).resize((width, height), Image.Resampling.BICUBIC)
        image.paste(photo, (int(rng.integers(0, size[0] - 120)), int(rng.integers(40, size[1] - 80))))
    for _ in range(int(rng.integers(2, 9))):
        x, y = int(rng.integers(10, size[0] - 300)), int(rng.integers(40, size[1] - 60))
        for line in range(int(rng.integers(1, 12))):
            words = " ".join("".join(chr(97 + c) for c in rng.integers(0, 26, int(rng.integers(2, 10)))) for _ in range(8))
            draw.text((x, y + line * 14), words, fill=tuple(int(c) for c in rng.integers(0, 120, 3)))
    return image


def fill(matcher: Matcher, count: int, rng: np.random.Generator) -> None:
    real = [matcher.pool.fingerprint(png(page(seed, SIZE)), query=True) for seed in range(60)]
    large = matcher.collection.filing.large_names
    with BulkAdder(matcher.collection) as adder:
        for start in range(0, count, 5000):
            some = [perturbed(real, n, rng) for n in range(start, min(start + 5000, count))]
            records = [matcher.collection.draft(one, (), (), ()) for one in some]
            adder.add(records, {n: {name: one.values[name] for name in large if name in one.values} for n, one in enumerate(some)})


def feed(ail: Ail, first: int, count: int) -> None:
    for number in range(first, first + count):
        data = jpeg(page(1000 + number % 40, SIZE), 70 + number % 25) if number % 10 == 0 else png(page(2000 + number, SIZE))
        ail.crawl(f"site{number}.onion", data, number)


def redis_seconds(clients: list[Any]) -> float:
    told = [client.info() for client in clients]
    return sum(float(one[name]) for one in told for name in ("used_cpu_user", "used_cpu_sys"))


def children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def steps(front: Front, ail: Ail) -> dict[str, float]:
    """Handle messages in this thread, and return where the processor time went."""
    spent: Counter[str] = Counter()
    clients = [matcher_client(front.matcher), ail.queues, ail.kvrocks]

    def timed(name: str, what: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            begun = time.thread_time()
            try:
                return what(*arguments, **named)
            finally:
                spent[name] += (time.thread_time() - begun) * 1000  # type: ignore[assignment]

        return run

    matcher, queue = front.matcher, front.queues[1]
    for owner, method, name in (
        (queue, "take", "take the message"),
        (queue, "finish", "send tags, end the message"),
        (front.files, "read", "read the file"),
        (front.database, "screenshots", "ask AIL for screenshots"),
        (front.database, "sighting", "ask AIL for tags"),
        (matcher.pool, "fingerprint", "speak with the decoder"),
        (matcher.collection, "add", "remember"),
        (matcher, "search_fingerprints", "search"),
        (matcher.clustering, "place", "cluster"),
    ):
        setattr(owner, method, timed(name, getattr(owner, method)))
    handling, count = front.handling, 0
    decoder, servers, begun = decoder_seconds(), [redis_seconds([one]) for one in clients], time.thread_time()
    while (taken := queue.take("steps")) is not None:
        handled = handling.handle(taken.message, False)
        queue.finish("steps", taken, handled.tags, handled.outcome)
        count += 1
    spent["the rest"] = (time.thread_time() - begun) * 1000 - sum(spent.values())  # type: ignore[assignment]
    spent["decoder: decode, fingerprints"] = (decoder_seconds() - decoder) * 1000  # type: ignore[assignment]
    for name, client, before in zip(("Kuato's Redis", "AIL's Redis", "AIL's Kvrocks"), clients, servers, strict=True):
        spent[name] = (redis_seconds([client]) - before) * 1000  # type: ignore[assignment]
    spent["together"] = sum(spent.values())
    return {name: round(value / count, 2) for name, value in spent.most_common()}


def matcher_client(matcher: Matcher) -> Any:
    return matcher.collection.store._client()


def decoder_seconds() -> float:
    """Return the processor time of this process's children that decode."""
    ticks = 0
    for pid in children():
        if "matcher.worker" in Path(f"/proc/{pid}/cmdline").read_text():
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(folder: Path, known: int, messages: int) -> dict[str, Any]:
    ail = Ail(folder / "ail").start()
    overrides = {"ail.home": ail.home, "data.dir": folder / "data", "workers.count": 1, "ail.bank_minutes": 0, "ail.daily": 0}
    overrides |= {"search.candidates": 6}
    store = EmbeddedRedis(folder / "data")
    try:
        with Matcher.open(Settings.load(environ={}, overrides=overrides)) as matcher:
            client = matcher.collection.store._client()
            client.config_set("appendonly", "no")
            fill(matcher, known, np.random.default_rng(1))
            client.config_set("appendonly", "yes")
            matcher.banks.create("kits", kind="known-bad")
            for seed in range(1000, 1040):
                matcher.add(png(page(seed, SIZE)), banks=["kits"])
            feed(ail, 0, messages)
            while client.info()["aof_rewrite_in_progress"]:
                time.sleep(0.5)
            clients = [client, ail.queues, ail.kvrocks]
            settings = [f"--set={name}={value}" for name, value in overrides.items()]
            command = [str(Path(sys.executable).with_name("kuato")), *settings, "ail", "consume", "--until-empty", "--workers", "2"]
            # What starting it costs is not counted: a consumer runs for weeks.
            begun, used = time.perf_counter(), redis_seconds(clients) + children_seconds()
            subprocess.run(command, check=True, capture_output=True)
            took, cost = time.perf_counter() - begun, redis_seconds(clients) + children_seconds() - used
            used = redis_seconds(clients) + children_seconds()
            begun = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            took, cost = took - (time.perf_counter() - begun), cost - (redis_seconds(clients) + children_seconds() - used)
            front = Front.open(matcher)
            tagged = len({gid for gid, tag in ail.run_tags() if tag.startswith("image-match:bank")})
            counts = front.queues[1].counts()
            feed(ail, messages, min(STEPPED, messages))
            matcher.pool.fingerprint(png(page(1, SIZE)))
            return {
                "known": known,
                "messages": messages,
                "a_second": round(messages / took, 1),
                "a_cpu_second": round(messages / cost, 1),
                "tagged": tagged,
                "outcomes": counts,
                "steps_ms": steps(front, ail),
            }
    finally:
        ail.stop()
        store.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--known", type=int, default=100_000)
    parser.add_argument("--messages", type=int, default=1000)
    asked = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), asked.known, asked.messages), indent=1))


if __name__ == "__main__":
    main()
