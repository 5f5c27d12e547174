"""Texts as fingerprints: normalised, cut into shingles, found by those they share.

Shingles are four letters in a row of a word, so that a letter that was read wrongly spoils few of them; in scripts without spaces
two letters in a row. Source: A. Broder, "On the resemblance and containment of documents", 1997.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from matcher.fingerprints.base import VotingFingerprint

SHINGLE, DENSE = 4, 2
# Shingles asked for at most: those of least hash, so that two texts that are alike ask for the same.
ASKED = 250
SHINGLES, WORDS, PAIRS = 0, 1, 2  # slots
# Scripts written without spaces: Thai and Lao, kana, Han, Hangul is not among them.
_DENSE = "\u0e00-\u0eff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_DENSE}]+|(?:(?![{_DENSE}])[^\W_])+")
_BETWEEN_DENSE = re.compile(rf"(?<=[{_DENSE}])[^\S\n]+(?=[{_DENSE}])")
_IS_DENSE = re.compile(f"[{_DENSE}]")


def normalised(text: str, longest: int) -> str:
    """Return `text` in NFKC, without control and formatting characters, spaces folded, cut to `longest` characters.

    Lines stay lines; spaces within scripts that have none are dropped.
    """
    text = unicodedata.normalize("NFKC", text)
    text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c)[0] != "C")
    lines = (_BETWEEN_DENSE.sub("", " ".join(line.split())) for line in text.splitlines())
    return "\n".join(line for line in lines if line)[:longest].strip()


def words(text: str) -> list[str]:
    """Return the words of a text, case and marks (accents, vowel signs) folded; a run of a script without spaces is one word."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return _WORD.findall(unicodedata.normalize("NFKC", plain))


def shingles(some: Sequence[str]) -> Counter[str]:
    """Return the shingles of words, and how often each is there; a word shorter than a shingle is one."""
    found: Counter[str] = Counter()
    for word in some:
        size = DENSE if _IS_DENSE.match(word) else SHINGLE
        found.update(word[n : n + size] for n in range(max(1, len(word) - size + 1)))
    return found


class Words(VotingFingerprint):
    """A text in UTF-8, normalised.

    distance: 1 - the weighted Jaccard similarity of the shingles: what is common (of each shingle the smaller count) by what is
        in either (the larger).
    """

    large = True
    shows_pixels = True  # what can be read on the picture

    def valid(self, fingerprint: bytes) -> bool:
        try:
            return bool(words(fingerprint.decode()))
        except UnicodeDecodeError:
            return False

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> NDArray[np.float64]:
        asked = counted(query)
        return np.array([0.0 if one == query else 1.0 - resemblance(asked, counted(one)) for one in candidates], np.float64)

    def keys(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return keys_of(words(fingerprint.decode(errors="replace")))

    def probes(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        slots, keys = self.keys(fingerprint)
        pairs, some = np.flatnonzero(slots == PAIRS), np.flatnonzero(slots == SHINGLES)
        asked = np.concatenate([part[np.argsort(keys[part], kind="stable")[:ASKED]] for part in (pairs, some)])
        return slots[asked], keys[asked], np.arange(len(asked))


def keys_of(some: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return slots and keys, int64 (n,) each, of the shingles of words, the words, and the pairs of words that follow each other."""
    pairs = [f"{a} {b}" for a, b in pairwise(some)]
    parts = [(SHINGLES, set(shingles(some))), (WORDS, set(some)), (PAIRS, set(pairs))]
    slots = [slot for slot, part in parts for _ in part]
    keys = [crc32(one.encode()) & 0xFFFFFF for _, part in parts for one in sorted(part)]
    return np.array(slots, np.int64), np.array(keys, np.int64)


def resemblance(a: Counter[str], b: Counter[str]) -> float:
    """Return how much of two texts' shingles is common, 0..1."""
    either = (a | b).total()
    return (a & b).total() / either if either else 0.0


@lru_cache(1000)
def counted(text: bytes) -> Counter[str]:
    """Return the shingles of a text in UTF-8."""
    return shingles(words(text.decode(errors="replace")))
