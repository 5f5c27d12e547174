"""How a worker and its host talk: frames of JSON and bytes over pipes, and the host's distrust of them.

A frame is two little-endian uint32 (length of the JSON, length of the bytes), the JSON, the bytes. No pickles: what comes
from a worker that has touched hostile bytes is checked field by field before anybody uses it.
"""

import json
import math
import struct
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from matcher.decode import Limits
from matcher.errors import BadPicture, BadSettings, KuatoError
from matcher.extraction import AS_IS, Fingerprints
from matcher.formats import FORMATS
from matcher.picture import ALL_VIEWS
from matcher.plaintext import printable as printable

PREFIX = struct.Struct("<II")
MAX_HEADER, MAX_BODY = 256 << 10, 32 << 20  # of an answer; nine views of all algorithms come to some 100 kB, the rest is pixels
MAX_PIXELS = 10_000_000  # that are handed on
_Sides = tuple[int, int]


class Nonsense(Exception):
    """A worker's answer that no healthy worker gives."""


def head(header: Mapping[str, Any], body_length: int = 0) -> bytes:
    """Return the frame up to its bytes, which the caller sends after it."""
    text = json.dumps(header).encode()
    return PREFIX.pack(len(text), body_length) + text


def lengths(prefix: bytes) -> tuple[int, int]:
    """Return the lengths of an answer's JSON and bytes. Raises Nonsense beyond the bounds."""
    header, body = PREFIX.unpack(prefix)
    if header > MAX_HEADER or body > MAX_BODY:
        raise Nonsense(f"an answer of {header} + {body} bytes")
    return header, body


def parsed(text: bytes) -> dict[str, Any]:
    """Return the JSON object in `text`. Raises Nonsense."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Nonsense("no JSON") from error
    if not isinstance(header, dict):
        raise Nonsense("no JSON object")
    return header


def limits_to_json(limits: Limits) -> dict[str, Any]:
    """Return what `Limits(**..)` takes."""
    return asdict(limits)


def answer(found: Fingerprints) -> tuple[dict[str, Any], bytes]:
    """Return header and body for `found`, without what the host knows better: digest and number of bytes."""
    parts = [(view, name, value) for view, values in found.views.items() for name, value in values.items()]
    header = {
        "format": found.format,
        "size": found.size,
        "fingerprints": [(view, name, len(value)) for view, name, value in parts],
        "warnings": found.warnings,
        "timings": found.timings,
    }
    body = b"".join(value for _, _, value in parts)
    for name, handed in (("pixels", found.pixels), ("small", found.small)):
        if handed is not None:
            header[name] = handed.shape[:2]
            body += handed.tobytes()
    return header, body


def believed(
    header: dict[str, Any],
    body: bytes,
    *,
    limits: Limits,
    asked: Collection[str],
    query: bool,
    digest: str,
    bytes_size: int,
    pixels: int = 0,
    side: int = 0,
) -> Fingerprints:
    """Return what an answer says, if it can be true. Raises Nonsense."""
    try:
        kind, (width, height) = header["format"], header["size"]
        _require(kind in FORMATS, "format")
        _require(type(width) is type(height) is int and width > 0 < height, "size")
        _require(max(width, height) <= limits.max_side and width * height <= limits.max_pixels, "size")
        large, small = _handed(header, "pixels", pixels), _handed(header, "small", side * side)
        _require(small is None or max(small) <= side, "thumbnail")
        lengths = [3 * sides[0] * sides[1] if sides else 0 for sides in (large, small)]
        _require(sum(lengths) <= len(body), "length")
        at = len(body) - sum(lengths)
        views = _views(header["fingerprints"], body[:at], asked, ALL_VIEWS if query else (AS_IS,))
        timings = {str(name): float(spent) for name, spent in header["timings"].items()}
        _require(timings.keys() <= {"decode", *asked} and all(math.isfinite(t) and t >= 0 for t in timings.values()), "timings")
        warnings = header["warnings"]
        _require(isinstance(warnings, list) and len(warnings) <= 20, "warnings")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Nonsense("an incomplete answer") from error
    return Fingerprints(
        sha256=digest,
        format=kind,
        size=(width, height),
        bytes_size=bytes_size,
        views=views,
        too_simple=tuple(name for name in asked if name not in views[AS_IS]),
        warnings=tuple(printable(str(w), 300) for w in warnings),
        timings=timings,
        pixels=np.frombuffer(body, np.uint8, lengths[0], at).reshape(*large, 3) if large else None,
        small=np.frombuffer(body, np.uint8, lengths[1], at + lengths[0]).reshape(*small, 3) if small else None,
    )


def _handed(header: Mapping[str, Any], name: str, most: int) -> _Sides | None:
    """Return height and width of the pixels that an answer hands on under a name, where at most so many were asked for."""
    if not most:
        return None
    height, width = header[name]
    _require(type(height) is type(width) is int and height > 0 < width and height * width <= most, "number of pixels")
    return int(height), int(width)


def _views(parts: list[Any], body: bytes, asked: Collection[str], known: Collection[str]) -> dict[str, dict[str, bytes]]:
    views: dict[str, dict[str, bytes]] = {AS_IS: {}}
    position = 0
    for view, name, length in parts:
        _require(view in known and name in asked and name not in views.get(view, {}), "name")
        _require(type(length) is int and 0 <= length <= len(body) - position, "length")
        views.setdefault(view, {})[name] = body[position : position + length]
        position += length
    _require(position == len(body), "length")
    return views


def failure(header: dict[str, Any], family: type[KuatoError] = BadPicture) -> KuatoError | None:
    """Return the error that an answer reports, of the given family or of its head; None when it reports none."""
    if "error" not in header:
        return None
    kinds: list[type[KuatoError]] = [family, *family.__subclasses__(), BadSettings]
    kind = next((k for k in kinds if k.code == header["error"]), family)
    return kind(printable(str(header.get("text", "")), 700))


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Nonsense(f"an impossible {what}")
