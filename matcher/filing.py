"""Which index a fingerprint is filed in."""

from collections.abc import Iterator, Mapping

from matcher.fingerprints.base import BinaryFingerprint, Fingerprint, SketchedFingerprint, VotingFingerprint
from matcher.index import INDEXED, BandIndex, Entries, VoteIndex
from matcher.store import Store


class Filing:
    """The indexes of the enabled algorithms.

    bands: by space, for fingerprints found by their distance, vectors by that of their sketches. votes: by algorithm, for those
    found by common keys.
    large_names: algorithms whose fingerprints are kept beside the record.
    """

    def __init__(self, store: Store, algorithms: Mapping[str, Fingerprint]) -> None:
        binary = {name: algorithm for name, algorithm in algorithms.items() if isinstance(algorithm, BinaryFingerprint)}
        self._vectors = {name: algorithm for name, algorithm in algorithms.items() if isinstance(algorithm, SketchedFingerprint)}
        bits = {name: algorithm.bits for name, algorithm in binary.items() if algorithm.bits in INDEXED}
        bits |= {name: algorithm.SKETCH_BITS for name, algorithm in self._vectors.items()}
        self._spaces = {name: algorithms[name].space or name for name in bits}
        self.bands = {space: BandIndex(store, space, bits[name]) for name, space in self._spaces.items()}
        self.voting = {name: algorithm for name, algorithm in algorithms.items() if isinstance(algorithm, VotingFingerprint)}
        self.votes = {name: VoteIndex(store, name) for name in self.voting}
        self.large_names = tuple(name for name, algorithm in algorithms.items() if algorithm.large)

    def space(self, name: str) -> str | None:
        """Return the band index an algorithm is found by, None for one found otherwise."""
        return self._spaces.get(name)

    def banded(self, name: str, value: bytes) -> bytes:
        """Return by which bits a fingerprint is found in its band index: its own, those of a vector's sketch."""
        return self._vectors[name].sketch(value) if name in self._vectors else value

    def entries(self, id: int, values: Mapping[str, bytes]) -> Entries:
        """Return the postings of a picture with these fingerprints: (key, entry) pairs."""
        found: Entries = []
        for name, value in values.items():
            if name in self._spaces:
                found += self.bands[self._spaces[name]].entries(id, self.banded(name, value))
            elif name in self.voting:
                found += self.votes[name].entries(id, *self.voting[name].keys(value))
        return found

    def widths(self) -> Iterator[tuple[bytes, int]]:
        """Yield the kind (the beginning of the key) and the bytes of an entry of all lists."""
        yield from (index.width for index in self.bands.values())
        yield from (index.width for index in self.votes.values())
