"""Whether a consumer of AIL grows with the messages it has worked on.

    python -m benchmarks.ail_memory --messages 100000

Messages about --pictures images that come again and again from one chat after another, every tenth an odd one. Told is what
the consumer's process holds (not its decoder, which has a limit of its own), at each tenth of the way.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from matcher.redis_server import EmbeddedRedis
from tests.ail_connector.pages import jpeg, page
from tests.ail_connector.stand_in import Ail

LIST = "queue:KuatoImages:in"


def held(pid: int) -> int:
    """Return how many bytes of memory a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))


def measure(folder: Path, messages: int, pictures: int) -> dict[str, Any]:
    ail = Ail(folder / "ail").start()
    settings = [f"--set={name}" for name in (f"ail.home={ail.home}", f"data.dir={folder / 'data'}", "workers.count=1")]
    process = None
    try:
        gids = [ail.store_image(jpeg(page(n, (320, 240))), f"net:{n % 7}") for n in range(pictures)]
        odd = ["martian::1;x", "::;x", "no separator", "image::zz;20260715"]
        process = subprocess.Popen([str(Path(sys.executable).with_name("kuato")), *settings, "ail", "consume"], stderr=subprocess.DEVNULL)
        found = list[int]()
        begun = time.perf_counter()
        for tenth in range(10):
            pipeline = ail.queues.pipeline(transaction=False)
            for n in range(tenth * messages // 10, (tenth + 1) * messages // 10):
                pipeline.rpush(LIST, odd[n // 10 % len(odd)] if n % 10 == 9 else f"{gids[n % pictures]};{20260101 + n % 28}")
            pipeline.execute()
            while ail.queues.llen(LIST) or ail.queues.zcard("kuato:KuatoImages:due"):
                assert process.poll() is None, "the consumer ended"
                time.sleep(0.1)
            found.append(held(process.pid))
        seconds = time.perf_counter() - begun
        return {
            "messages": messages,
            "a_second": round(messages / seconds),
            "megabytes_at_each_tenth": [round(one / 1e6, 1) for one in found],
            "grown_megabytes_after_the_first_tenth": round((found[-1] - found[0]) / 1e6, 1),
        }
    finally:
        if process is not None:
            process.terminate()
            process.wait(60)
        ail.stop()
        EmbeddedRedis(folder / "data").stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--pictures", type=int, default=300)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), asked.messages, asked.pictures), indent=1))


if __name__ == "__main__":
    main()
