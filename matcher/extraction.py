"""Bytes -> fingerprints: what runs in a worker, and in-process where the input is trusted."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np

from matcher.decode import Limits, decode
from matcher.errors import BadPicture, DecodeCrash, TooLarge
from matcher.fingerprints.base import Fingerprint
from matcher.picture import Picture, Pixels, fitting

AS_IS = "as is"


@dataclass(frozen=True)
class Fingerprints:
    """All that is known of a picture once its pixels are gone.

    sha256: of the file, in hexadecimal. format: Pillow's name. size: width and height after turning. bytes_size: of the file.
    views: view -> algorithm -> fingerprint; "as is" is always there, an algorithm that found the picture too simple is not.
    too_simple: algorithms that found nothing in the picture as it is. warnings: what the decoder overlooked.
    timings: milliseconds of "decode" and of each algorithm over all its views.
    pixels: uint8 (height, width, 3) where they were asked for, to be handed on; None otherwise. small: the same for a thumbnail.
    """

    sha256: str
    format: str
    size: tuple[int, int]
    bytes_size: int
    views: dict[str, dict[str, bytes]]
    too_simple: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict, compare=False)
    pixels: Pixels | None = field(default=None, compare=False, repr=False)
    small: Pixels | None = field(default=None, compare=False, repr=False)

    @property
    def values(self) -> dict[str, bytes]:
        """The fingerprints of the picture as it is, by algorithm."""
        return self.views[AS_IS]


def extract(
    data: bytes,
    algorithms: Mapping[str, Fingerprint],
    limits: Limits,
    query: bool = False,
    *,
    name: str = "picture",
    digest: str | None = None,
    pixels: int = 0,
    side: int = 0,
) -> Fingerprints:
    """Decode `data` and compute its fingerprints.

    query: also of the turned, mirrored and negative views that each algorithm asks with.
    name: what an error calls the picture. digest: the SHA-256 of `data` where it is known already.
    pixels: how many of the picture's pixels to hand on at most; a larger picture is shrunk. side: the longer side of a thumbnail's.
    Raises BadPicture: of its family what `decode` does, TooLarge without memory, DecodeCrash when an algorithm fails.
    """
    timings: dict[str, float] = {}
    started = time.perf_counter()
    picture = whole = decode(data, limits, name=name)
    # A fingerprint must not depend on which others are wanted, so only the exact ones see the exact pixels.
    if (pixels or any(a.exact for a in algorithms.values())) and max(picture.pixels.shape[:2]) < max(picture.size):
        whole = decode(data, limits, full=True, name=name)
    timings["decode"] = _milliseconds(started)

    views: dict[str, dict[str, bytes]] = {AS_IS: {}}
    for key, algorithm in algorithms.items():
        started = time.perf_counter()
        source = whole if algorithm.exact else picture
        for view, fingerprint in _compute(key, algorithm, source, query, name, limits).items():
            views.setdefault(view, {})[key] = fingerprint
        timings[key] = _milliseconds(started)
    return Fingerprints(
        sha256=sha256(data).hexdigest() if digest is None else digest,
        format=picture.format,
        size=picture.size,
        bytes_size=len(data),
        views=views,
        too_simple=tuple(key for key in algorithms if key not in views[AS_IS]),
        warnings=picture.warnings,
        timings=timings,
        pixels=np.ascontiguousarray(fitting(whole.rgb(), pixels)) if pixels else None,
        small=np.ascontiguousarray(picture.rgb(side)) if side else None,
    )


def _compute(key: str, algorithm: Fingerprint, picture: Picture, query: bool, name: str, limits: Limits) -> dict[str, bytes]:
    try:
        if query:
            return algorithm.compute_views(picture)
        fingerprint = algorithm.compute(picture)
        return {} if fingerprint is None else {AS_IS: fingerprint}
    except BadPicture:
        raise
    except Exception as error:  # an algorithm may be a stranger's; its failure costs this picture, nothing else
        if isinstance(error, MemoryError) or "Insufficient memory" in str(error):
            allowed = f"a worker may use, {limits.memory >> 20} MiB (picture.max_memory)"
            raise TooLarge(f"{name} needs more memory for {key} than {allowed}") from error
        raise DecodeCrash(f"{name} made the fingerprint {key} fail: {type(error).__name__}: {str(error)[:200]}") from error


def _milliseconds(started: float) -> float:
    return (time.perf_counter() - started) * 1000
