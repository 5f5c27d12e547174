"""Bag of words: how often each word of a visual vocabulary occurs among the picture's ORB features, wherever they are.

Source: J. Sivic, A. Zisserman, "Video Google", ICCV 2003; Douglas-Quaid's BOW_ORB. Candidates are found by min-hashes:
O. Chum, J. Philbin, A. Zisserman, "Near Duplicate Image Detection: min-Hash and tf-idf Weighting", BMVC 2008. A thousand words
by themselves would be a thousand lists, each with a quarter of the store: of those near enough, 1 % were found by votes for
words, 73 % by sketches, among 3,293 pictures.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matcher.errors import BadSettings
from matcher.fingerprints.base import VotingFingerprint
from matcher.orb import MOST, keypoints
from matcher.picture import Picture
from matcher.vocabulary import DIGEST, Vocabulary

if TYPE_CHECKING:
    from typing_extensions import Self

Floats = NDArray[np.float64]

FEWEST = 20
WORD = np.dtype([("word", "<u2"), ("count", "<u2")])
SKETCHES, TOGETHER = 64, 3
KEY_BITS = 20
STEP = np.uint64(0x9E3779B97F4A7C15)


class BoW(VotingFingerprint):
    """The histogram of the words of 500 ORB features (at most 1,000, where many are equally strong).

    compute: 8 bytes of the vocabulary's SHA-256, then word and count (uint16 each) of every word there is, in their order;
        None with fewer than 20 features.
    distance: of the shares of all words, "bhattacharyya" or "correlation" ((1 - Pearson's) / 2, Douglas-Quaid's default, which
        finds half as many at the same rate of errors); 0 for equal bytes, 1 between different vocabularies.
    version: 1 for the vocabulary that comes with Kuato, 2 to 255 for others, so that a store tells of fingerprints that were
        made with another one; where two have the same number, the 8 bytes tell them apart.
    keys: 64 sketches of 3 words each. Two pictures share a sketch with the probability (shared features / all features) ** 3.
    """

    name, version, family = "bow", 1, "local"
    settings = ("bow.vocabulary", "bow.distance")

    def __init__(self, vocabulary: Vocabulary | None = None, distance: str = "bhattacharyya") -> None:
        self.vocabulary = vocabulary if vocabulary is not None else Vocabulary.load()
        if distance not in DISTANCES:
            raise BadSettings(f"there is no distance {distance!r}; there are {', '.join(DISTANCES)} (bow.distance)")
        self._measure = DISTANCES[distance]
        if vocabulary is not None and vocabulary.digest != Vocabulary.load().digest:
            self.version = 2 + int.from_bytes(vocabulary.digest, "little") % 254  # type: ignore[misc]

    @classmethod
    def configured(cls, settings: Mapping[str, Any]) -> "Self":
        path = settings.get("bow.vocabulary")
        return cls(Vocabulary.load(path) if path else None, settings.get("bow.distance") or "bhattacharyya")

    def compute(self, picture: Picture) -> bytes | None:
        found = keypoints(picture)
        if len(found) < FEWEST:
            return None
        words, counts = np.unique(self.vocabulary.word_of(found.descriptors), return_counts=True)
        histogram = np.zeros(len(words), WORD)
        histogram["word"], histogram["count"] = words, counts
        return self.vocabulary.digest + histogram.tobytes()

    def valid(self, fingerprint: bytes) -> bool:
        if fingerprint[:DIGEST] != self.vocabulary.digest or len(fingerprint) % WORD.itemsize:
            return False
        found = np.frombuffer(fingerprint, WORD, offset=DIGEST)
        in_order = len(found) > 0 and bool((np.diff(found["word"].astype(np.int64)) > 0).all()) and found["word"][-1] < len(self.vocabulary)
        return bool(in_order and found["count"].all() and FEWEST <= found["count"].sum(dtype=np.int64) <= MOST)

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> Floats:
        found = np.ones(len(candidates))
        alike = [n for n, known in enumerate(candidates) if known[:DIGEST] == query[:DIGEST]]
        if alike:
            asked, *_ = shares = _shares([query, *(candidates[n] for n in alike)], len(self.vocabulary))
            equal = np.array([candidates[n] == query for n in alike])
            found[alike] = np.where(equal, 0.0, self._measure(asked, shares[1:]))
        return found

    def keys(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return np.arange(SKETCHES), _sketches(fingerprint)

    def probes(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        return *self.keys(fingerprint), np.arange(SKETCHES)


def correlation(query: Floats, known: Floats) -> Floats:
    """Return (1 - Pearson's correlation) / 2 of a histogram (words,) and others (n, words), 0..1."""
    ours, theirs = query - query.mean(), known - known.mean(axis=1, keepdims=True)
    lengths = np.sqrt((ours**2).sum() * (theirs**2).sum(axis=1))
    # A histogram in which all words are equally frequent has no direction: as far as unrelated ones.
    found = np.divide((theirs * ours).sum(axis=1), lengths, out=np.zeros(len(known)), where=lengths > 0)
    return np.asarray(np.clip((1 - found) / 2, 0, 1), np.float64)


def bhattacharyya(query: Floats, known: Floats) -> Floats:
    """Return sqrt(1 - what they share) of a histogram (words,) and others (n, words), 0..1."""
    shared = np.sqrt(known * query).sum(axis=1) / np.sqrt(known.sum(axis=1) * query.sum())
    return np.asarray(np.sqrt(np.clip(1 - shared, 0, 1)), np.float64)


DISTANCES = {"bhattacharyya": bhattacharyya, "correlation": correlation}


def _histogram(fingerprint: bytes) -> NDArray[np.void]:
    return np.frombuffer(fingerprint, WORD, offset=DIGEST)


def _shares(fingerprints: Sequence[bytes], words: int) -> Floats:
    """Return the share of each word, float64 (n, words); more columns where the vocabulary, another one, has more words."""
    found = np.frombuffer(b"".join(one[DIGEST:] for one in fingerprints), WORD)
    rows = np.repeat(np.arange(len(fingerprints)), [(len(one) - DIGEST) // WORD.itemsize for one in fingerprints])
    shares = np.zeros((len(fingerprints), max(words, int(found["word"].max(initial=0)) + 1)))
    shares[rows, found["word"]] = found["count"]
    return np.asarray(shares / np.maximum(shares.sum(axis=1, keepdims=True), 1), np.float64)


def _sketches(fingerprint: bytes) -> NDArray[np.int64]:
    """Return 64 keys. Each is made of 3 words, drawn so that pictures with the same features draw the same ones."""
    found = _histogram(fingerprint)
    words = np.repeat(found["word"].astype(np.uint64), found["count"])
    # The second occurrence of a word is an item of its own, and so on: what counts is how many features are shared.
    first = np.repeat(np.cumsum(found["count"], dtype=np.int64) - found["count"], found["count"])
    items = words << np.uint64(16) | (np.arange(len(words)) - first).astype(np.uint64)
    draws = _mixed(items[:, None] + np.arange(1, SKETCHES * TOGETHER + 1, dtype=np.uint64) * STEP)
    drawn = words[draws.argmin(axis=0)].reshape(SKETCHES, TOGETHER)
    key = np.full(SKETCHES, int.from_bytes(fingerprint[:DIGEST], "little"), np.uint64)
    for column in range(TOGETHER):
        key = _mixed(key ^ drawn[:, column])
    return (key >> np.uint64(64 - KEY_BITS)).astype(np.int64)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return numbers of 64 bits that depend on each bit of the values (SplitMix64's finish)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
