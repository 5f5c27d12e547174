"""k-majority: k-means for bits. A centre is what most of its members have in each bit, near means few differing bits.

Source: C. Grana et al., "A Fast Approach for Integrating ORB Descriptors in the Bag of Words Model", SPIE 2013. Douglas-Quaid
trained its words by k-means on the values of bytes, which Hamming distances know nothing of.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]

_ROWS = 1 << 21  # distances held at once


@dataclass(frozen=True)
class Clustering:
    """centres: uint8 (k, bytes). labels: the centre of each descriptor, int64 (n,). rounds: assignments made.

    apart: differing bits of all descriptors from their centres. settled: whether a further round would change nothing.
    """

    centres: Bits
    labels: NDArray[np.int64]
    rounds: int
    apart: int
    settled: bool


def k_majority(
    descriptors: Bits, start: Bits, most: int = 100, progress: Callable[[int, int], None] = lambda _round, _apart: None
) -> Clustering:
    """Cluster descriptors, uint8 (n, bytes; a multiple of 8 of these is fastest), from the centres `start`, uint8 (k, bytes).

    A descriptor belongs to the nearest centre, of equals the first. A bit of a centre is what most of its members have; on a
    tie, and without members, it stays. most: rounds at most. progress: told each round and its differing bits.
    """
    centres = start.copy()
    for turn in range(1, most + 1):
        labels, distances = nearest(descriptors, centres)
        apart = int(distances.sum())
        progress(turn, apart)
        moved = _majority(descriptors, labels, centres)
        if np.array_equal(moved, centres):
            return Clustering(centres, labels, turn, apart, True)
        centres = moved
    labels, distances = nearest(descriptors, centres)
    return Clustering(centres, labels, most, int(distances.sum()), False)


def nearest(descriptors: Bits, centres: Bits) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the nearest centre of each descriptor, of equals the first, and the differing bits, int64 (n,) each."""
    ours, theirs = _words(descriptors), _words(centres)
    labels, distances = np.zeros(len(ours), np.int64), np.zeros(len(ours), np.int64)
    step = max(1, _ROWS // len(theirs))
    for first in range(0, len(ours), step):
        some = ours[first : first + step]
        differing = np.zeros((len(some), len(theirs)), np.uint16)
        for column in range(ours.shape[1]):
            differing += np.bitwise_count(some[:, column, None] ^ theirs[:, column])
        labels[first : first + step] = differing.argmin(axis=1)
        distances[first : first + step] = differing.min(axis=1)
    return labels, distances


def _words(descriptors: Bits) -> NDArray[np.unsignedinteger]:
    """Return rows of bytes as rows of the largest words they are made of."""
    wide = descriptors.shape[1] % 8 == 0
    return np.ascontiguousarray(descriptors).view(np.uint64) if wide else descriptors


def _majority(descriptors: Bits, labels: NDArray[np.int64], centres: Bits) -> Bits:
    order = np.argsort(labels, kind="stable")
    present, starts, sizes = np.unique(labels[order], return_index=True, return_counts=True)
    ones = np.add.reduceat(np.unpackbits(descriptors[order], axis=1), starts, axis=0, dtype=np.int64)
    before = np.unpackbits(centres, axis=1)
    doubled, all_of = 2 * ones, sizes[:, None]
    before[present] = np.where(doubled == all_of, before[present], doubled > all_of)
    return np.packbits(before, axis=1)
