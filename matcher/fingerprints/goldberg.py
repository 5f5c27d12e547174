"""The signature of H. C. Wong, M. Bern and D. Goldberg: which of 9 x 9 places are brighter or darker than their neighbours.

Source: "An Image Signature for Any Kind of Image", ICIP 2002; image-match, github.com/ProvenanceLabs/image-match, whose
signatures of RGB pixels these equal, but where its relabelling overwrites what it has yet to read (pages of pure black and
white). It takes no notice of EXIF's orientation and drops transparency, so of such files its signatures are others.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from matcher.fingerprints.base import Floats, VotingFingerprint
from matcher.picture import ALL_VIEWS, AS_IS, NEGATIVE, VIEWS, Picture, Pixels

Letters = NDArray[np.int8]

LUMA = np.array([0.2125, 0.7154, 0.0721])
POINTS = 9
# Neighbours in the order of the letters: rows and columns away.
NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
LETTERS = POINTS * POINTS * len(NEIGHBOURS)
SAME = 2 / 255
WORDS, WORD = 63, 16
STARTS = np.arange(WORDS) * LETTERS // WORDS
NOTHING = 21_523_360  # the word of sixteen letters that say "the same": half of all pictures have it
PACKED = LETTERS // 3
EMPTY = 62  # three letters that say "the same"
# The three letters of each byte.
THREE = np.stack([np.arange(256) // 25 % 5, np.arange(256) // 5 % 5, np.arange(256) % 5], axis=1).astype(np.int8) - np.int8(2)
KEY_BITS = 24
_PIXELS = 1 << 22  # taken to brightness at a time


class Goldberg(VotingFingerprint):
    """How much brighter or darker each of 9 x 9 places is than each of its eight neighbours, from -2 to 2.

    compute: 216 bytes, three letters in each; None when all places are the same.
    distance: length of the difference / sum of the lengths, in 0..1; unrelated pictures lie near 0.7, image-match's cut-off is 0.45.
    Two pictures are candidates of each other when they share one of 63 words of sixteen letters, at its place.
    """

    name, version, family = "goldberg", 1, "gradient"
    views = ALL_VIEWS
    exact = True

    def compute(self, picture: Picture) -> bytes | None:
        rgb = picture.rgb()
        return _packed(signature(rgb, *_busyness(rgb)))

    def compute_views(self, picture: Picture) -> dict[str, bytes]:
        rgb = picture.rgb()
        rows, columns = _busyness(rgb)
        found = dict[str, bytes]()
        for view, turn in VIEWS.items():
            if view == NEGATIVE:
                continue
            # What becomes of 0 1 / 2 3 tells whether rows have become columns, and whether they begin at the other end.
            corner = turn(np.arange(4).reshape(2, 2))
            down, right = corner[1, 0] - corner[0, 0], corner[0, 1] - corner[0, 0]
            sides = (rows, columns) if abs(down) == 2 else (columns, rows)
            letters = signature(turn(rgb), sides[0][:: np.sign(down)], sides[1][:: np.sign(right)])
            # The negative of a picture has the negative signature, exactly.
            negative = NEGATIVE if view == AS_IS else f"{NEGATIVE} {view}"
            found |= {name: packed for name, packed in ((view, _packed(letters)), (negative, _packed(-letters))) if packed is not None}
        return found

    def valid(self, fingerprint: bytes) -> bool:
        return len(fingerprint) == PACKED and max(fingerprint) < 5**3 and any(byte != EMPTY for byte in fingerprint)

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> Floats:
        # Whole numbers below 2^24, so exact; as float32 they are multiplied fastest.
        ours, theirs = unpacked([query])[0].astype(np.float32), unpacked(candidates).astype(np.float32)
        squares, own = np.einsum("ij,ij->i", theirs, theirs).astype(np.float64), float(ours @ ours)
        apart = np.sqrt(squares + own - 2 * (theirs @ ours))
        lengths = np.sqrt(squares) + np.sqrt(own)
        return np.asarray(np.where(lengths > 0, apart / np.maximum(lengths, 1e-9), 1.0), np.float64)

    def keys(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        found = words(unpacked([fingerprint])[0])
        places = np.flatnonzero(found != NOTHING)
        # A word has 26 bits, a key 24: the rest goes into the slot.
        return places + WORDS * (found[places] >> KEY_BITS), found[places] & ((1 << KEY_BITS) - 1)

    def probes(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        slots, keys = self.keys(fingerprint)
        return slots, keys, slots % WORDS


def words(letters: Letters, starts: NDArray[np.int64] = STARTS, length: int = WORD) -> NDArray[np.int64]:
    """Return the words that begin at `starts`, int64 (n,): the signs of `length` letters as digits of base 3, the first one least."""
    padded = np.sign(np.pad(letters.astype(np.int64), (0, length)))
    return np.asarray((padded[starts[:, None] + np.arange(length)] + 1) @ 3 ** np.arange(length), np.int64)


def signature(rgb: Pixels, rows: Floats, columns: Floats) -> Letters:
    """Return the 648 letters of a picture, uint8 (height, width, 3), of whose rows and columns the busyness is known."""
    means = _means(rgb, _places(rows), _places(columns))
    around = np.zeros((POINTS, POINTS, len(NEIGHBOURS)))
    inner = np.pad(means, 1, constant_values=np.nan)
    for n, (down, right) in enumerate(NEIGHBOURS):
        around[..., n] = means - inner[1 + down : 1 + down + POINTS, 1 + right : 1 + right + POINTS]
    apart = np.nan_to_num(around, nan=0.0).ravel()
    apart[np.abs(apart) < SAME] = 0
    letters = np.sign(apart).astype(np.int8)
    for sign in (1, -1):
        some = apart[apart * sign > 0]
        if some.size:
            letters[(apart - np.median(some)) * sign > 0] = 2 * sign
    return letters


def unpacked(fingerprints: Sequence[bytes]) -> Letters:
    """Return the letters of fingerprints, int8 (n, 648)."""
    packed = np.frombuffer(b"".join(fingerprints), np.uint8)
    return THREE[packed].reshape(len(fingerprints), LETTERS)


def _packed(letters: Letters) -> bytes | None:
    if not letters.any():
        return None
    return ((letters.reshape(-1, 3).astype(np.int64) + 2) @ [25, 5, 1]).astype(np.uint8).tobytes()


def _brightness(rgb: Pixels) -> Floats:
    return np.asarray((rgb * (1 / 255)) @ LUMA, np.float64)


def _busyness(rgb: Pixels) -> tuple[Floats, Floats]:
    """Return how much the brightness changes along each row, (height,), and along each column, (width,)."""
    height, width = rgb.shape[:2]
    rows, columns = np.zeros(height), np.zeros(width)
    step = max(2, _PIXELS // width)
    for top in range(0, height, step):
        grey = _brightness(rgb[top : top + step + 1])  # with the first row of what follows
        rows[top : top + step] = np.abs(np.diff(grey[:step], axis=1)).sum(axis=1)
        columns += np.abs(np.diff(grey, axis=0)).sum(axis=0)
    return rows, columns


def _places(busyness: Floats) -> NDArray[np.int64]:
    """Return nine places along a side, evenly between where 5 and 95 % of its changes lie behind."""
    summed = np.cumsum(busyness)
    first = int(np.searchsorted(summed, np.percentile(summed, 5), side="right"))
    last = int(np.searchsorted(summed, np.percentile(summed, 95), side="left"))
    if first > last:
        first, last = int(5 / 100 * len(summed)), int(95 / 100 * len(summed))
    return np.linspace(first, last, POINTS + 2, dtype=np.int64)[1:-1]


def _means(rgb: Pixels, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Floats:
    """Return the mean brightness of the squares around each place, (9, 9)."""
    height, width = rgb.shape[:2]
    side = max(2.0, int(0.5 + min(height, width) / 20))
    spans = [[_span(at, side, length) for at in places] for places, length in ((rows, height), (columns, width))]
    return np.array([[_brightness(rgb[down, right]).mean() for right in spans[1]] for down in spans[0]])


def _span(at: np.int64, side: float, length: int) -> slice:
    start = int(max(at - side / 2, 0))
    return slice(start, int(min(start + side, length)))
