"""Compared pairs, kept for a while: to judge them by other bounds takes milliseconds, to compare them anew seconds.

A value is JSON, compressed: of each pair its pictures, whether they belong together, and of each algorithm the distance and, for local
features, what a rule looks at. It expires, and can be made again at any time.
"""

import json
import zlib
from hashlib import sha256
from typing import Any

import numpy as np

from matcher.calibration.pairs import Pair, Pairs
from matcher.errors import NotFound
from matcher.match import Alignment, Decision, Evidence, Region
from matcher.protocol import command
from matcher.store import Store

KIND = b"C"
_SECONDS = 6 * 3600
_NOWHERE = Region(0.0, 0.0, 0.0, 0.0)


class Comparisons:
    """The comparisons that are kept in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, pairs: Pairs) -> str:
        """Keep compared pairs; return the name under which they are found for some hours."""
        value = packed(pairs)
        name = sha256(value).hexdigest()[:32]
        self._store.exchange([command(b"SET", self._key(name), value, b"EX", b"%d" % _SECONDS)])
        return name

    def get(self, name: str) -> Pairs:
        """Return compared pairs. Raises NotFound when they have expired."""
        value = self._store.read([self._key(name)])[0]
        if value is None:
            raise NotFound("this comparison is not kept any more; compare the pictures again")
        return unpacked(value)

    def _key(self, name: str) -> bytes:
        return self._store.key(KIND, name.encode("utf-8", "replace")[:64])


def packed(pairs: Pairs) -> bytes:
    """Return the pairs as kept."""
    told = {
        "pairs": [[one.a, one.b, one.same, [_said(each) for each in one.evidence]] for one in pairs.pairs],
        "groups": dict(pairs.group_of),
    }
    return zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 3)


def unpacked(value: bytes) -> Pairs:
    """Return pairs as they were kept."""
    told = json.loads(zlib.decompress(value))
    pairs = (Pair(a, b, same, tuple(_evidence(*said) for said in evidence)) for a, b, same, evidence in told["pairs"])
    return Pairs(tuple(pairs), told["groups"])


def _said(one: Evidence) -> list[Any]:
    found = one.alignment
    return [one.algorithm, one.family, one.distance, one.threshold, one.decision.value, found and [found.content, found.sameness]]


def _evidence(algorithm: str, family: str, distance: float, threshold: float, decision: str, about: list[float] | None) -> Evidence:
    alignment = Alignment(0, 0.0, _NOWHERE, _NOWHERE, np.zeros((2, 3)), content=about[0], sameness=about[1]) if about else None
    return Evidence(algorithm, family, distance, threshold, Decision(decision), alignment=alignment)
