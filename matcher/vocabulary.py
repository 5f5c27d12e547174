"""Vocabularies of visual words: typical ORB descriptors, made from pictures by k-majority.

File: a NumPy array (.npy), uint8 (words, 32), as Douglas-Quaid's vocab.npy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.errors import BadRequest, BadSettings
from matcher.kmajority import Clustering, k_majority, nearest
from matcher.newfile import new_file
from matcher.orb import BYTES, Descriptors
from matcher.settings import config_dir

FEWEST, MOST = 2, 65_535
DIGEST = 8
# Descriptors that words are made of, at most: more take longer, and no longer change much.
SAMPLE = 200_000


@dataclass(frozen=True)
class Vocabulary:
    """words: uint8 (k, 32), 2 to 65,535 different ones; a word is its row."""

    words: Descriptors

    @classmethod
    def load(cls, path: Path | str | None = None) -> "Vocabulary":
        """Return the vocabulary in a file, by default the one that comes with Kuato. Raises BadSettings."""
        path = Path(path) if path else default_path()
        setting = "(bow.vocabulary)"
        try:
            with path.open("rb") as file:
                words = np.lib.format.read_array(file, allow_pickle=False, max_header_size=1000)
        except OSError as error:
            raise BadSettings(f"the vocabulary {path} cannot be read: {error.strerror or error} {setting}") from error
        except (ValueError, EOFError, MemoryError) as error:
            instead = "make one with `kuato vocabulary build`"
            raise BadSettings(f"the vocabulary {path} is no NumPy array: {str(error)[:200]}; {instead} {setting}") from error
        if words.dtype != np.uint8 or words.ndim != 2 or words.shape[1] != BYTES:
            wanted = f"must be bytes (uint8), {BYTES} for each word"
            raise BadSettings(f"the vocabulary {path} holds {words.dtype} of shape {words.shape}, but {wanted} {setting}")
        if not FEWEST <= len(words) <= MOST:
            raise BadSettings(f"the vocabulary {path} has {len(words)} words; {FEWEST} to {MOST:,} can be used {setting}")
        return cls(np.ascontiguousarray(words))

    def save(self, path: Path, replace: bool = False) -> None:
        """Write the words into a file. Raises Conflict where there is one, NotFound without its folder, OSError."""
        with new_file(path, replace) as file:
            np.lib.format.write_array(file, self.words, allow_pickle=False)

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def digest(self) -> bytes:
        """8 bytes that no other vocabulary has."""
        return sha256(self.words.tobytes()).digest()[:DIGEST]

    def word_of(self, descriptors: Descriptors) -> NDArray[np.int64]:
        """Return the nearest word of each descriptor, int64 (n,); of equals the first."""
        return nearest(descriptors, self.words)[0]


def default_path() -> Path:
    """Return the file with the vocabulary that comes with Kuato."""
    return config_dir() / "vocabulary.npy"


def build(
    descriptors: Descriptors, words: int, seed: int = 0, progress: Callable[[int, int], None] = lambda _round, _apart: None
) -> tuple[Vocabulary, Clustering]:
    """Return a vocabulary of so many words made from descriptors, uint8 (n, 32), and how it came about.

    The same descriptors, in whatever order, and the same seed give the same words. progress: told each round and its differing
    bits. Raises BadRequest when there are not enough different descriptors for so many words.
    """
    if not FEWEST <= words <= MOST:
        raise BadRequest(f"a vocabulary of {words} words cannot be; {FEWEST} to {MOST:,} can (--words)")
    random = np.random.default_rng(seed)
    distinct, counts = np.unique(descriptors, axis=0, return_counts=True)
    if len(distinct) < words:
        too_few = f"the pictures have {len(distinct):,} different features, too few for {words:,} words"
        raise BadRequest(f"{too_few}; give more pictures or ask for fewer words")
    start = distinct[np.sort(random.choice(len(distinct), words, replace=False))]
    all_of = np.repeat(distinct, counts, axis=0)
    some = all_of if len(all_of) <= SAMPLE else all_of[np.sort(random.choice(len(all_of), SAMPLE, replace=False))]
    found = k_majority(some, start, progress=progress)
    # Two centres that have become alike: the later one would never be the nearest.
    return Vocabulary(np.unique(found.centres, axis=0)), found
