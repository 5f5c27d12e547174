"""Pictures inside a page: each is hashed by itself, so that a photograph is found in the pages that show it, and they by it.

What belongs to the page is flat and of a colour that much of it has. What lies in between, as large as a picture, of many
tones, and not as thin as text, is taken for one.
Source: the hash is PDQ's (github.com/facebook/ThreatExchange, folder pdq) with plain area averages for its two blurs, as those of a
part would have to be made anew for each; the search for parts is ours.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.fingerprints import pdq
from matcher.fingerprints.base import VotingFingerprint
from matcher.match import Region
from matcher.picture import Picture, Pixels

LONGEST = 512
MOST = 6
# Bytes of an item: its place, and its hash.
PLACE, HASH = 4, 32
ITEM = PLACE + HASH
# Of the 256 tones, how far those of one colour of the page lie apart; within 3 x 3 pixels; and beside where it is commonest.
FLAT, NEARBY = 4, 6
# Shares of the page that are one of its colours at least, and that hang together; four colours at most.
COLOUR, AREA, COLOURS = 0.04, 0.03, 4
# Pixels of 512 that text and lines are thinner than.
THICK = 5
# Of a part: its shorter side, of the page's longer one; its share of the page, at least and at most; the share of its box that it fills.
SHORTEST, SMALLEST, LARGEST, FILLED = 0.06, 0.006, 0.95, 0.4
# Of 64 tones, the share of a picture beyond the six commonest; logos, buttons and drawn shapes have fewer.
TONES = 0.25

_WHOLE = bytes([0, 0, 255, 255])
# Two pages may show one photograph of a stock, and two kits one button: no part alike makes two pages one.
_PARTS = 0.13
_SLOTS = 8
_FLIPS = np.concatenate([[0], 1 << np.arange(16)])


class SubPictures(VotingFingerprint):
    """The hash of the whole picture, and of each part that is a picture by itself.

    compute: for each its place, 4 bytes (left, top, right, bottom in 255ths of the picture's width and height), and its hash, 32 bytes; the
        whole first, then at most 6 parts, the largest first. None when all are too simple.
    distance: the least share of differing bits of any part and the other picture's whole or one of its parts, where that of two parts
        counts as 0.13 at least; 1 where neither has parts, as the wholes are for other hashes to compare. 0 for equal bytes.
    """

    name, version, family = "sub-pictures", 1, "frequency"
    default = True

    def compute(self, picture: Picture) -> bytes | None:
        grey = picture.grey(LONGEST)
        height, width = grey.shape
        whole = hashed(grey)
        found = [] if whole is None else [_WHOLE + whole]
        for left, top, right, bottom in parts(grey):
            part = np.ascontiguousarray(grey[top:bottom, left:right])
            value = hashed(part) if tones(part) >= TONES else None
            if value is not None:
                place = np.round(np.array([left / width, top / height, right / width, bottom / height]) * 255)
                found.append(place.astype(np.uint8).tobytes() + value)
        return b"".join(found) or None

    def valid(self, fingerprint: bytes) -> bool:
        return len(fingerprint) % ITEM == 0 and 0 < len(fingerprint) <= ITEM * (1 + MOST)

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> NDArray[np.float64]:
        if not candidates:
            return np.zeros(0)
        starts = np.cumsum([0, *(len(known) // ITEM for known in candidates[:-1])])
        nearest = np.minimum.reduceat(_apart(query, b"".join(candidates)).min(axis=0), starts)
        equal = np.array([known == query for known in candidates])
        return np.asarray(np.where(equal, 0.0, nearest), np.float64)

    def places(self, query: bytes, known: bytes) -> tuple[Region, Region] | None:
        apart = _apart(query, known)
        ours, theirs = np.unravel_index(apart.argmin(), apart.shape)
        return (_region(query, int(ours)), _region(known, int(theirs))) if apart[ours, theirs] < 1 else None

    def keys(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        # The lower frequencies, which stand last, are those that differ least in copies.
        words = _hashes(fingerprint).view(">u2")[:, -_SLOTS:].astype(np.int64)
        return np.tile(np.arange(_SLOTS), len(words)), words.ravel()

    def probes(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        slots, keys = self.keys(fingerprint)
        each = len(_FLIPS)
        items = np.arange(len(keys)) // _SLOTS
        return np.repeat(slots, each), (keys[:, None] ^ _FLIPS).ravel(), np.repeat(items, each)


def hashed(grey: Pixels) -> bytes | None:
    """Return the 256 bits of a grey, uint8 (height, width), or None when it is too simple."""
    grid = cv2.resize(grey, (pdq.SIDE, pdq.SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    return pdq.signs(grid).tobytes() if pdq.steepness(grid) >= pdq.MIN_QUALITY else None


def tones(grey: Pixels) -> float:
    """Return the share of a grey, uint8 (height, width), that is of other tones than the six commonest of 64."""
    counts = np.sort(cv2.calcHist([grey], [0], None, [64], [0, 256]).ravel())
    return float(counts[:-6].sum() / grey.size)


def parts(grey: Pixels) -> list[tuple[int, int, int, int]]:
    """Return left, top, right, bottom of the parts of a grey page, uint8 (height, width), that may be pictures; the largest first."""
    between = 1 - _page(grey)
    if between.all():
        return []
    thick = cv2.morphologyEx(between, cv2.MORPH_OPEN, np.ones((THICK, THICK), np.uint8))
    found = list[tuple[int, tuple[int, int, int, int]]]()
    for filled, piece in _pieces(np.asarray(thick, np.uint8), FILLED * SMALLEST * grey.size):
        left, top, width, height = cv2.boundingRect(piece)
        size = width * height
        large = min(width, height) >= SHORTEST * max(grey.shape) and SMALLEST * grey.size <= size <= LARGEST * grey.size
        if large and filled >= FILLED * size:
            found.append((size, (left, top, left + width, top + height)))
    return [place for _, place in sorted(found, key=lambda part: -part[0])[:MOST]]


def _pieces(mask: Pixels, least: float) -> Iterator[tuple[int, Pixels]]:
    """Yield what hangs together of a mask, uint8 (height, width) of 0 and 1, from so many pixels on: how many it has, and its own mask."""
    # OpenCV's own statistics take three times as long as the labels.
    count, labels = cv2.connectedComponents(mask, connectivity=4)
    sizes = np.bincount(labels.ravel(), minlength=count)
    sizes[0] = 0
    for label in np.flatnonzero((sizes >= least) & (sizes > 0)).tolist():
        yield int(sizes[label]), (labels == label).view(np.uint8)


def _page(grey: Pixels) -> Pixels:
    """Return 1 where a grey shows the page itself, 0 elsewhere, uint8 (height, width)."""
    around = np.ones((3, 3), np.uint8)
    flat = (cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, around) <= FLAT).view(np.uint8)
    counts = np.convolve(cv2.calcHist([grey], [0], flat, [256], [0, 256]).ravel(), np.ones(3), "same")
    colours = np.zeros(256, np.uint8)
    for _ in range(COLOURS):
        commonest = int(counts.argmax())
        if counts[commonest] < COLOUR * grey.size:
            break
        near = slice(max(0, commonest - NEARBY), commonest + NEARBY + 1)
        colours[near], counts[near] = 1, 0
    # Within a photograph there are such tones, too, but in spots.
    page = np.zeros_like(grey)
    for _, piece in _pieces(np.asarray(cv2.LUT(grey, colours), np.uint8), AREA * grey.size):
        page |= piece
    return page


def _apart(query: bytes, known: bytes) -> NDArray[np.float64]:
    """Return how far each item of one is from each of the other, float64 (n, m), as `distance` counts it."""
    ours, theirs = _hashes(query).view(np.uint64), _hashes(known).view(np.uint64)
    found = np.bitwise_count(ours[:, None] ^ theirs).sum(axis=2, dtype=np.int64) / (8 * HASH)
    whole, other = _wholes(query)[:, None], _wholes(known)
    return np.where(whole & other, 1.0, np.where(whole | other, found, np.maximum(found, _PARTS)))


def _items(fingerprint: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(fingerprint, np.uint8).reshape(-1, ITEM)


def _hashes(fingerprint: bytes) -> NDArray[np.uint8]:
    return np.ascontiguousarray(_items(fingerprint)[:, PLACE:])


def _wholes(fingerprint: bytes) -> NDArray[np.bool_]:
    return np.asarray((_items(fingerprint)[:, :PLACE] == np.frombuffer(_WHOLE, np.uint8)).all(axis=1), np.bool_)


def _region(fingerprint: bytes, item: int) -> Region:
    left, top, right, bottom = (_items(fingerprint)[item, :PLACE] / 255).tolist()
    return Region(left, top, right, bottom)
