"""Whether anything is lost or tagged twice when consumers are killed and AIL's Redis is restarted.

    python -m benchmarks.ail_crash --messages 20000 --consumers 3 --kills 200 --restarts 3

An AIL stand-in sends images of chats, each a variant of a page in a known-bad bank. Consumers are processes of `kuato ail consume`;
one at random is killed (SIGKILL) and started again, over and over; the Redis of AIL's queues is ended and started again. At the end
every object must have been given each of its tags once, AIL's account must be empty, and nothing held or given up.
"""

import argparse
import io
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image

from matcher.engine import Matcher
from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings
from tests.ail_connector.pages import jpeg, page
from tests.ail_connector.stand_in import Ail

YES = 'image-match:decision="yes"'
PER_KIT = 20  # variants of one page
SIZE = (320, 240)


@dataclass(frozen=True)
class Result:
    """objects: distinct. wrong: objects whose decision tag was given another number of times than once. repeated: any tag given twice."""

    messages: int
    objects: int
    kills: int
    restarts: int
    seconds: float
    wrong: int
    repeated: int
    dead: int
    left: list[str]

    @property
    def right(self) -> bool:
        return not (self.wrong or self.repeated or self.dead or self.left)


@lru_cache(maxsize=2)
def kit(number: int) -> Image.Image:
    return page(number, SIZE)


def variant(number: int) -> bytes:
    """A copy of a page that differs from the others in a pixel of its edge at most, and in a comment, and so in its SHA-256."""
    image, file = kit(number // PER_KIT).copy(), io.BytesIO()
    image.putpixel((number % PER_KIT, SIZE[1] - 1), (255, 255, 255))
    image.save(file, "JPEG", quality=90, comment=str(number))
    return file.getvalue()


class Crowd:
    """Consumers that are killed now and then."""

    def __init__(self, command: list[str], size: int, log: Path, rng: random.Random) -> None:
        self._command, self._log, self._rng = command, log.open("ab"), rng
        self._processes = [self._start() for _ in range(size)]

    def kill_one(self) -> None:
        n = self._rng.randrange(len(self._processes))
        self._processes[n].kill()
        self._processes[n].wait()
        self._processes[n] = self._start()

    def end(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(60)
        self._log.close()

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(self._command, stderr=self._log)


def run(folder: Path, *, messages: int, consumers: int, kills: int, restarts: int, seed: int = 1) -> Result:
    """The kills are spread over the work that gets done, whatever time that takes."""
    ail = Ail(folder / "ail").start()
    overrides = {"ail.home": ail.home, "data.dir": folder / "data", "workers.count": 1, "ail.daily": 0}
    overrides |= {"ail.lease_seconds": 20, "ail.bank_minutes": 0, "ail.retry_seconds": 1}
    settings = [f"--set={name}={value}" for name, value in overrides.items()]
    began, rng = time.monotonic(), random.Random(seed)
    crowd = None
    try:
        with Matcher.open(Settings.load(environ={}, overrides=overrides)) as matcher:
            matcher.banks.create("kits", kind="known-bad")
            for number in range((messages - 1) // PER_KIT + 1):
                matcher.add(jpeg(kit(number), 95), banks=["kits"])
        command = [str(Path(sys.executable).with_name("kuato")), *settings, "ail", "consume", "--workers", "2"]
        crowd = Crowd(command, consumers, folder / "consumers.log", rng)
        tags = Counter[tuple[str, str]]()
        gids = list[str]()
        feeding = _fed(ail, messages, gids)
        killed = restarted = done = 0
        deadline = time.monotonic() + 600 + messages
        while time.monotonic() < deadline:
            fed, given = next(feeding, None), ail.run_tags()
            tags += given
            done += sum(tag == YES for _, tag in given)
            if done >= (killed + rng.uniform(0.2, 0.8)) * messages * 0.85 / kills and killed < kills:
                crowd.kill_one()
                killed += 1
                if restarted < restarts and killed >= (restarted + 1) * kills // (restarts + 1):
                    ail.queue_server.stop()
                    time.sleep(0.5)
                    ail.queue_server.start()
                    restarted += 1
            if fed is None:
                time.sleep(0.2)
                if killed == kills and _idle(ail):
                    break
        crowd.end()
        crowd = None
        ail.drain("OcrExtractor")
        tags += ail.run_tags()
        left = [
            *map(str, ail.account()),
            *(key for key in ail.queues.keys("kuato:*") if key.rsplit(":", 1)[-1] in ("held", "due", "holders")),
        ]
        return Result(
            messages,
            len(set(gids)),
            killed,
            restarted,
            round(time.monotonic() - began, 1),
            sum(tags[gid, YES] != 1 for gid in set(gids)),
            sum(times > 1 for times in tags.values()),
            int(ail.queues.hlen("kuato:KuatoImages:dead")),
            left,
        )
    finally:
        if crowd is not None:
            crowd.end()
        ail.stop()
        EmbeddedRedis(folder / "data").stop()


def _fed(ail: Ail, messages: int, gids: list[str]) -> Iterator[int]:
    """Send the messages, some at a time; every tenth object comes twice."""
    sender = ail.module("Global")
    for number in range(messages):
        gid = ail.store_image(variant(number if number % 10 else max(number - 5, 1)), f"net:{number % 50}")
        sender.send_message(gid, "20260715", "Images")
        gids.append(gid)
        if number % 20 == 19:
            yield number


def _idle(ail: Ail) -> bool:
    return not (ail.queues.llen("queue:KuatoImages:in") or ail.queues.zcard("kuato:KuatoImages:due"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, usual in (("messages", 20_000), ("consumers", 3), ("kills", 200), ("restarts", 3)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(Path(folder), **vars(asked))
    print(json.dumps(asdict(result)))
    sys.exit(not result.right)


if __name__ == "__main__":
    main()
