"""Which algorithms fingerprints from outside may be of, how theirs are written, and whether they can be searched here."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from matcher.filing import Filing
from matcher.fingerprints import registry
from matcher.fingerprints.base import BinaryFingerprint, Fingerprint, VectorFingerprint, VotingFingerprint

# A record keeps the length of a fingerprint in 16 bits; of those kept beside it none of ours has a tenth of the other.
LONGEST, LONGEST_LARGE = 0xFFFF, 1 << 20
PHOTODNA, PERCEPTION = "photodna", "phash-perception"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


@dataclass(frozen=True)
class _Foreign:
    """What is exchanged although nothing here computes it. size: bytes."""

    size: int
    why: str


FOREIGN = {
    # Equal to ImageHash's in definition, but for the filter that shrinks the picture: a third of the pictures differ in bits.
    PERCEPTION: _Foreign(8, "it is not the pHash that is computed here, and a few bits from it"),
}


class Algorithms:
    """What is known of every algorithm here: those enabled, those installed, those only exchanged.

    enabled: by name. filing: which of them candidates are found by.
    """

    def __init__(self, enabled: Mapping[str, Fingerprint], filing: Filing) -> None:
        self._enabled = enabled
        self._filing = filing
        self._known = {name: kind() for name, kind in registry.available().items()} | dict(enabled)

    @property
    def names(self) -> set[str]:
        """All names of which something is known."""
        return set(self._known) | set(FOREIGN)

    def version(self, name: str) -> int:
        """Return the version that a list means which does not say."""
        return self._known[name].version if name in self._known else 1

    def large(self, name: str) -> bool:
        """Whether fingerprints of this algorithm are kept beside the record."""
        return name in self._known and self._known[name].large

    def shows_pixels(self, name: str) -> bool:
        """Whether something of the picture can be seen in such a fingerprint; of unknown algorithms that must be assumed."""
        if name in self._known:
            return self._known[name].shows_pixels
        return name not in FOREIGN

    def size(self, name: str) -> int | None:
        """Return how many bytes every fingerprint has, None where that differs or nobody knows."""
        algorithm = self._known.get(name)
        if isinstance(algorithm, BinaryFingerprint):
            return algorithm.bits // 8
        if isinstance(algorithm, VectorFingerprint):
            return algorithm.dimension
        return FOREIGN[name].size if algorithm is None and name in FOREIGN else None

    def check(self, name: str, version: int, value: bytes, large: bool | None = None) -> None:
        """Raise ValueError for what can be no fingerprint of this algorithm. large: whether it was kept beside its record."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name[:80]!r} cannot be an algorithm")
        if not 0 <= version <= 255:
            raise ValueError(f"{name} of version {version}; versions are 0 to 255")
        most = LONGEST_LARGE if self.large(name) or large else LONGEST
        if not 1 <= len(value) <= most:
            raise ValueError(f"a fingerprint {name} of {len(value)} bytes; at most {most} can be kept")
        size, algorithm = self.size(name), self._known.get(name)
        if size is not None and version == self.version(name) and len(value) != size:
            raise ValueError(f"a fingerprint {name} of {len(value)} bytes, where {size} are wanted")
        if algorithm is None or version != algorithm.version:
            return
        if large is not None and large is not algorithm.large:
            raise ValueError(f"a fingerprint {name} that is {'' if large else 'not '}marked as large")
        if size is None:
            _try(name, algorithm, value)
        elif not algorithm.valid(value):
            raise ValueError(f"{len(value)} bytes that {name} makes of no picture")

    def why_unsearchable(self, name: str, version: int) -> str | None:
        """Return why such fingerprints lead to no match, and what to do; None when they do."""
        if name in self._enabled and version == self._enabled[name].version:
            if self._filing.space(name) is None and name not in self._filing.voting:
                return "they are compared, but pictures are not found by them"
            return None
        if name in self._known and version != self._known[name].version:
            return f"they are of version {version}, version {self._known[name].version} is in use; add the pictures again"
        if name in self._known:
            return f'enable it (fingerprints.enabled = [.., "{name}"]), then run `kuato doctor --deep`, which files them'
        return FOREIGN[name].why if name in FOREIGN else "no algorithm of this name is installed"

    def reader(self, name: str) -> Callable[[str], bytes]:
        """Return what reads one fingerprint as lists write it. Both raise ValueError."""
        if name not in self.names:
            raise ValueError(f"{name[:80]!r} is no algorithm known here; there are {', '.join(sorted(self.names))}")
        size = self.size(name)
        if name == PHOTODNA and size:
            return lambda text: _vector(text, size)
        if name == PERCEPTION and size:
            return lambda text: _base64(text, size)
        prefix = "T1" if name == "tlsh" else ""
        return lambda text: _hexadecimal(name, text.strip().removeprefix(prefix), size)


def _hexadecimal(name: str, text: str, size: int | None) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    # fromhex overlooks spaces between bytes; a fingerprint in two pieces is a damaged line.
    if not value or 2 * len(value) != len(text) or (size is not None and len(value) != size):
        wanted = f"{2 * size} hexadecimal digits" if size else "hexadecimal digits"
        raise ValueError(f"{text[:80]!r} is no {name}: it takes {wanted}")
    return value


def _base64(text: str, size: int) -> bytes:
    """Read base64, or hexadecimal where the length tells."""
    text = text.strip()
    try:
        value = bytes.fromhex(text) if len(text) == 2 * size else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        value = b""
    if len(value) != size:
        raise ValueError(f"{text[:80]!r} is not {size} bytes in base64")
    return value


def _vector(text: str, size: int) -> bytes:
    """Read numbers from 0 to 255 between commas, base64, or hexadecimal."""
    if "," not in text:
        return _base64(text, size)
    try:
        value = bytes(int(part) for part in text.strip().strip("[]").split(","))
    except ValueError:
        value = b""
    if len(value) != size:
        raise ValueError(f"{text[:80]!r} are not {size} numbers from 0 to 255")
    return value


def _try(name: str, algorithm: Fingerprint, value: bytes) -> None:
    """Let the algorithm itself read the value as a search would."""
    try:
        algorithm.distance(value, [value])
        if isinstance(algorithm, VotingFingerprint):
            algorithm.keys(value)
    except Exception as error:  # noqa: BLE001 - an algorithm may be a stranger's, and the bytes are whatever they are
        raise ValueError(f"{len(value)} bytes that {name} cannot read ({type(error).__name__}: {str(error)[:100]})") from None
