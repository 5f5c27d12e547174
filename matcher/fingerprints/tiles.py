"""Tiles: the picture in 4 x 4 parts, each hashed by itself, so that a banner or a dialog spoils only those it covers."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.fingerprints.base import Fingerprint, VotingFingerprint
from matcher.picture import VIEWS, Picture

GRID = 4
SIDE = 16
# The lowest 32 frequencies of a tile but its mean, lowest first.
ORDER = sorted(((y, x) for y in range(8) for x in range(8) if (y, x) != (0, 0)), key=lambda at: (at[0] + at[1], at[0]))[:32]
ROWS, COLUMNS = (np.array(axis) for axis in zip(*ORDER, strict=True))
# Standard deviation, of 255, below which a tile is flat.
FLAT = 6.0
FEWEST = 6
KEY_BITS = 12


class TileSigns(Fingerprint):
    """The signs of the 32 lowest frequencies of each of 4 x 4 tiles.

    compute: 2 bytes telling which tiles are not flat, then 4 bytes a tile, row by row; None with fewer than 6 such tiles.
    distance: mean share of differing bits over the better three quarters of the tiles that neither picture has flat; 1 with
        fewer than 6 such tiles.
    """

    family = "frequency"
    default = True
    views = tuple(VIEWS)

    def compute(self, picture: Picture) -> bytes | None:
        grid = cv2.resize(picture.grey(512), (GRID * SIDE, GRID * SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        tiles = grid.reshape(GRID, SIDE, GRID, SIDE).swapaxes(1, 2).reshape(-1, SIDE, SIDE)
        textured = tiles.std(axis=(1, 2)) >= FLAT
        if np.count_nonzero(textured) < FEWEST:
            return None
        signs = np.array([cv2.dct(tile)[ROWS, COLUMNS] > 0 for tile in tiles])
        signs[~textured] = False
        return np.packbits(textured).tobytes() + np.packbits(signs, axis=1).tobytes()

    def valid(self, fingerprint: bytes) -> bool:
        return len(fingerprint) == 2 + 4 * GRID * GRID and np.bitwise_count(np.frombuffer(fingerprint, np.uint8, 2)).sum() >= FEWEST

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> NDArray[np.float64]:
        if not candidates:
            return np.zeros(0)
        known = np.frombuffer(b"".join(candidates), np.uint8).reshape(len(candidates), -1)
        asked = np.frombuffer(query, np.uint8)
        both = np.unpackbits(known[:, :2] & asked[:2], axis=1).astype(np.bool_)
        differing = np.bitwise_count(known[:, 2:] ^ asked[2:]).reshape(len(candidates), GRID * GRID, 4).sum(axis=2) / 32.0
        ordered = np.sort(np.where(both, differing, 1.0), axis=1)
        count = both.sum(axis=1)
        kept = -(-count * 3 // 4)
        used = np.arange(GRID * GRID) < kept[:, None]
        mean = (ordered * used).sum(axis=1) / np.maximum(kept, 1)
        return np.asarray(np.where(count >= FEWEST, mean, 1.0), np.float64)


class Tiles(TileSigns, VotingFingerprint):
    """The tiles of the whole picture, found by the tiles that two pictures have in common."""

    name, version = "tiles", 1

    def keys(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        textured = np.flatnonzero(np.unpackbits(np.frombuffer(fingerprint, np.uint8, 2)))
        words = np.frombuffer(fingerprint, ">u4", offset=2).astype(np.int64)
        return textured.astype(np.int64), words[textured] >> (32 - KEY_BITS)

    def probes(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        slots, keys = self.keys(fingerprint)
        masks = np.concatenate([[0], 1 << np.arange(KEY_BITS)])
        each = len(masks)
        return np.repeat(slots, each), (keys[:, None] ^ masks).ravel(), np.repeat(slots, each)
