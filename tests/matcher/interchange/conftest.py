"""A matcher on an empty store, and pictures that need no decoding."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from matcher.engine import Matcher
from matcher.extraction import Fingerprints
from matcher.fingerprints.local import FEATURE, HEAD
from matcher.records import Record
from matcher.settings import Settings
from matcher.source import Source


@pytest.fixture
def matcher(settings: Settings) -> Iterator[Matcher]:
    with Matcher.open(settings) as opened:
        yield opened


def pdq(seed: int) -> bytes:
    """A fingerprint as PDQ makes them: half of its bits are set."""
    bits = np.repeat(np.array([0, 1], np.uint8), 128)
    return np.packbits(np.random.default_rng(seed).permutation(bits)).tobytes()


def fingerprints(seed: int) -> Fingerprints:
    """What extraction makes of a picture; every seed is another."""
    random = np.random.default_rng(seed)
    values = {"pdq": pdq(seed), "tiles": b"\xff\xff" + random.bytes(64), "local": random.bytes(HEAD.itemsize + 12 * FEATURE.itemsize)}
    return Fingerprints(random.bytes(32).hex(), "PNG", (640, 480), 1234 + seed, {"as is": values})


def remember(matcher: Matcher, seed: int, *, sources: Sequence[Source] = (), tags: Iterable[str] = (), banks: Iterable[str] = ()) -> Record:
    ids = [matcher.banks.get(name).id for name in banks]
    return matcher.collection.add(fingerprints(seed), sources, tags, ids).record


def everything(matcher: Matcher) -> list[Record]:
    """All pictures, oldest first."""
    return list(matcher.collection.newest())[::-1]


def filled(matcher: Matcher) -> None:
    """Put into a store some of everything that can be there."""
    matcher.banks.create("phishing", kind="known-bad", tags=('circl:incident="phishing"',), thresholds={"pdq.yes": 0.05}, keep_days=30)
    matcher.banks.create("shop", kind="baseline", domains=("shop.example",), note="logos, näh\nand a line")
    matcher.banks.create("deleted later")
    seen = Source("misp-attribute", "u-u-i-d", 1000, 2000, {"event": [1, {"a": None, "x": 0.5}]}, {"tlp": "amber"})
    elsewhere = [Source("url", "https://a.example/ä?b=1|2", visibility=told) for told in ({}, {"org": "us"}, {"org": "them"})]
    remember(matcher, 1, sources=[seen, *elsewhere], tags=["one", "t|w|o\\"], banks=["phishing"])
    remember(matcher, 2, banks=["shop", "phishing", "deleted later"])
    gone = remember(matcher, 3)
    remember(matcher, 4, sources=[Source("file", "\udcff.png", -5, 10)], tags=["one"])
    matcher.collection.remove(gone.sha256)
    matcher.banks.delete("deleted later")


def write(path: Path, text: str | bytes) -> Path:
    """The file with this text."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path
