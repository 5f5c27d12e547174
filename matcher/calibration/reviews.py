"""Pairs that a person confirmed or rejected, added to what the ground truth says.

One JSON document a line: {"a": "x.png", "b": "y.png", "verdict": "confirmed"}, or "rejected"; "same" and "different" mean as much. A
picture is named by its path in the folder, by its file name where that is enough, or by its SHA-256. Lines whose SHA-256 is no picture's
of the folder are passed over: a store has reviews of other pictures too.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from matcher.errors import BadFile, BadRequest, NotFound
from matcher.labelled import locate
from matcher.truth import GroundTruth

_VERDICTS = {"confirmed": True, "same": True, "rejected": False, "different": False}
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Review:
    """Two pictures as a line names them, and whether a person says that they belong together. place: "file:line", for errors."""

    a: str
    b: str
    same: bool
    place: str = ""


def read(path: Path) -> list[Review]:
    """Return the reviews in a file. Raises NotFound, BadRequest, BadFile."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist; name a file of reviews, one JSON document a line") from None
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadFile(f"{path} is no JSON: {error}") from error
    return [_review(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]


def labels(truth: GroundTruth, reviews: Sequence[Review], found: Mapping[str, Path], folder: Path) -> list[tuple[str, str, bool]]:
    """Return every pair that counts, by the names of `found`, and whether it belongs together: those of the truth, and the reviewed ones.

    What the ground truth leaves open, a review decides; one of a SHA-256 that is not there is passed over. Raises BadFile where they
    contradict each other, or a file is not there.
    """
    known = {(min(a, b), max(a, b)): same for a, b, same in truth.pairs()}
    name_of = _names(reviews, found, folder)
    for review in reviews:
        if review.a not in name_of or review.b not in name_of:
            continue
        a, b = name_of[review.a], name_of[review.b]
        if a == b:
            raise BadFile(f"{review.place}: {a} is reviewed against itself; name two pictures")
        if known.setdefault((min(a, b), max(a, b)), review.same) != review.same:
            said = ("different", "together") if review.same else ("together", "different")
            raise BadFile(f"{review.place}: contradictory labels: {a} and {b} were {said[0]}, and are reviewed as {said[1]}; settle it")
    return [(a, b, same) for (a, b), same in known.items()]


def groups(pairs: Iterable[tuple[str, str, bool]]) -> dict[str, str]:
    """Return for each picture the first, by name, of all that belong together with it, directly or by way of others."""
    above: dict[str, str] = {}

    def root(name: str) -> str:
        while above.setdefault(name, name) != name:
            above[name] = above[above[name]]
            name = above[name]
        return name

    for a, b, same in pairs:
        first, second = sorted((root(a), root(b)))
        if same:
            above[second] = first
    return {name: root(name) for name in above}


def _review(line: str, place: str) -> Review:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{place} is no JSON: {error}") from error
    fields = document if isinstance(document, dict) else {}
    a, b, verdict = fields.get("a"), fields.get("b"), fields.get("verdict")
    if not isinstance(a, str) or not isinstance(b, str) or not isinstance(verdict, str) or verdict not in _VERDICTS:
        raise BadFile(f'{place} is no review; write {{"a": FILE, "b": FILE, "verdict": "confirmed"}}, or "rejected"')
    return Review(a, b, _VERDICTS[verdict], place)


def _names(reviews: Sequence[Review], found: Mapping[str, Path], folder: Path) -> dict[str, str]:
    named = dict.fromkeys(name for review in reviews for name in (review.a, review.b))
    digests = {name for name in named if _SHA256.fullmatch(name)}
    by_digest = {sha256(path.read_bytes()).hexdigest(): name for name, path in found.items()} if digests else {}
    files = locate(GroundTruth({}, tuple(name for name in named if name not in digests)), found, folder)
    return {**files, **{digest: by_digest[digest] for digest in digests if digest in by_digest}}
