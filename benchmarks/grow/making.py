"""Strangers without end, made in processes of their own."""

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain, count, repeat
from pathlib import Path

import cv2

from matcher.decode import Limits
from matcher.fingerprints import registry

from .collages import collages
from .mixing import Donor, Mixer
from .stranger import Stranger

COLLAGES, MIXES = 500, 2000  # how many are made in one go
WORKERS, AHEAD = 2, 6  # processes that make them, and goes that are begun in advance


@dataclass(frozen=True)
class Kit:
    """What strangers are made of. files: pictures that collages are cut from. algorithms: whose fingerprints they are to have.

    hashed: how many are drawn, from whose hashes those of all mixed ones are blended.
    """

    donors: Sequence[Donor]
    files: Sequence[Path]
    algorithms: Sequence[str]
    limits: Limits
    hashed: int


def strangers(kit: Kit, of_pixels: int) -> Iterator[Stranger]:
    """Yield strangers for ever: first so many collages, then mixed ones."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the processes to come: their matrices are small, threads would only wait for each other
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn"), prepare, (kit,)) as processes:
        sizes = [min(COLLAGES, of_pixels - done) for done in range(0, of_pixels, COLLAGES)]
        goes = chain(((collaged, size) for size in sizes), repeat((mixed, MIXES)))
        coming = deque(processes.submit(make, seed, size) for seed, (make, size) in zip(range(AHEAD), goes, strict=False))
        for seed in count(AHEAD):
            some = coming.popleft().result()
            make, size = next(goes)
            coming.append(processes.submit(make, seed, size))
            yield from some


_kits: list[tuple[Kit, Mixer]] = []


def prepare(kit: Kit) -> None:
    """Keep the kit in a process that was just started."""
    cv2.setNumThreads(1)
    _kits[:] = [(kit, Mixer(kit.donors, registry.load(kit.algorithms), kit.hashed))]


def mixed(seed: int, count: int) -> list[Stranger]:
    return list(_kits[0][1].strangers(count, seed))


def collaged(seed: int, count: int) -> list[Stranger]:
    kit, _ = _kits[0]
    return list(collages(kit.files, count, registry.load(kit.algorithms), kit.limits, seed))
