"""A sync with write-back of many attributes, killed again and again, and what must be there in the end."""

import io
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tests.misp_module.fake_misp import FOREIGN, OWN, FakeMisp, Row

PROGRAM = str(Path(sys.executable).with_name("kuato"))
WRITES = "sightings,tags,relations,objects"
_LATEST = 1_772_600_000


@dataclass(frozen=True)
class Expected:
    """What must be there: pictures by attribute; pairs (newer, older); attributes to be tagged; objects' events by newer attribute."""

    attributes: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    own_newer: frozenset[str]


def picture(seed: int) -> bytes:
    """Return a small PNG, another one for every seed, that no other is like."""
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((96, 72), Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()


def filled(misp: FakeMisp, count: int, seed: int) -> Expected:
    """Put so many attributes into events of both organisations.

    A fifth each: seen once; copies in two events; no pictures; deleted; in events that may not be told of, beside a copy that may.
    """
    chance = random.Random(seed)
    events = [misp.event(f"event {n}", OWN if n % 2 else FOREIGN, locked=n % 10 == 3) for n in range(max(4, count // 20))]
    secret = [misp.event(f"secret {n}", OWN, distribution="0") for n in range(4)]
    here, pairs, own = list[str](), list[tuple[str, str]](), list[str]()
    for n in range(count // 5):
        when = 1_772_000_000 + chance.randrange(500_000)

        def attach(event: Row, data: bytes, later: int = 0, when: int = when) -> Row:
            return misp.attach(event, data, f"{chance.random()}.png", timestamp=str(when + later))

        here.append(attach(chance.choice(events), picture(4 * n))["uuid"])
        older, newer = (attach(event, picture(4 * n + 1), k) for k, event in enumerate(chance.sample(events, 2)))
        pairs.append((newer["uuid"], older["uuid"]))
        here += [older["uuid"], newer["uuid"]]
        event = misp.events[newer["event_id"]]
        if event["orgc_id"] == OWN and not event["locked"]:
            own.append(newer["uuid"])
        attach(chance.choice(events), b"GIF87 no picture")
        gone = attach(chance.choice(events), picture(4 * n + 2))
        misp.delete(gone, when + 1)
        here.append(attach(chance.choice(secret), picture(4 * n), 5)["uuid"])
    return Expected(frozenset(here), frozenset(pairs), frozenset(own))


def run_killed(environ: Mapping[str, str], misp: FakeMisp, kills: int, seed: int, most: int, log: Path) -> int:
    """Run syncs until one ends well, and kill the first `kills` of them; return how many were killed.

    most: each is killed after as many requests at most, so that a fast machine comes as far as a slow one.
    """
    chance, killed = random.Random(seed), 0
    while True:
        end = len(misp.requests) + chance.randint(most // 20, most)
        with log.open("ab") as file:
            running = subprocess.Popen([PROGRAM, "misp", "sync"], env=dict(environ), stdout=file, stderr=file, start_new_session=True)
        try:
            while running.poll() is None and (killed == kills or len(misp.requests) < end):
                time.sleep(0.002)
            if running.returncode == 0:
                return killed
            if killed < kills and running.returncode is None:
                os.killpg(running.pid, signal.SIGKILL)
                killed += 1
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def differences(misp: FakeMisp, expected: Expected, known: Mapping[str, str]) -> list[str]:
    """Return what is not as it must be. known: attributes that the store has, each with its picture."""
    wrong = list[str]()

    def same(what: str, found: Counter[object], wanted: Counter[object]) -> None:
        if found != wanted:
            wrong.append(f"{what}: {len(found - wanted)} too many, {len(wanted - found)} missing")

    same("attributes", Counter(list(known)), Counter(expected.attributes))
    same("sightings", Counter(row["attribute_uuid"] for row in misp.sightings.values()), Counter(older for _, older in expected.pairs))
    links = Counter((row["object_uuid"], row["related_object_uuid"]) for row in misp.analyst.values())
    same("relationships", links, Counter(expected.pairs))
    tagged = Counter(row["uuid"] for row in misp.attributes.values() if row["type"] == "attachment" and row["Tag"])
    same("tagged", tagged, Counter(newer for newer, _ in expected.pairs))
    objects = [row for row in misp.objects.values() if row["name"] == "image-similarity" and not row["deleted"]]
    annotated = Counter(one["referenced_uuid"] for row in objects for one in row["ObjectReference"])
    same("objects", annotated, Counter(expected.own_newer))
    return wrong
