"""Quality on a folder of pictures: add all, search each among the others, tell who was found.

One line a picture: {"query": "a.png", "matches": [{"file": "b.png", "decision": "YES", "distance": 0.08}, ..]}, or
{"query": .., "error": ..} where the picture was refused.
"""

import json
import os
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from matcher.decision import Rules
from matcher.engine import Matcher
from matcher.errors import BadPicture, BadRequest
from matcher.extraction import Fingerprints
from matcher.fingerprints.base import Fingerprint
from matcher.match import Decision, Match, Relation
from matcher.records import Record
from matcher.settings import Settings
from matcher.source import Source

LIMIT = 200
KIND = "file"
Query = Fingerprints | BadPicture
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Evaluation:
    """pictures: how many were searched. refused: how many could not be decoded. matches: YES and MAYBE answers in all."""

    pictures: int
    refused: int
    matches: int


@dataclass(frozen=True)
class Found:
    """One answer to a query: another picture's name, and what was said of it. distances: by algorithm, where one was told."""

    file: str
    decision: Decision
    distance: float
    relation: Relation = Relation.SAME_PICTURE
    distances: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """What came of searching each picture of a set among all the others.

    queries: name -> its fingerprints, or why it was refused. answers: name -> YES and MAYBE, best first; empty where it was refused.
    algorithms, rules: those that were in force.
    """

    queries: Mapping[str, Query]
    answers: Mapping[str, tuple[Found, ...]]
    algorithms: Mapping[str, Fingerprint]
    rules: Rules

    @property
    def figures(self) -> Evaluation:
        """How much was searched and found."""
        refused = sum(isinstance(query, BadPicture) for query in self.queries.values())
        return Evaluation(len(self.queries), refused, sum(map(len, self.answers.values())))

    def lines(self) -> list[dict[str, Any]]:
        """Return a JSON document a picture, as the head of this module has them."""
        return [
            {"query": name, "error": str(query)}
            if isinstance(query, BadPicture)
            else {
                "query": name,
                "matches": [
                    {"file": one.file, "decision": one.decision.value, "distance": round(one.distance, 4)} for one in self.answers[name]
                ],
            }
            for name, query in self.queries.items()
        ]

    def write(self, out: Path) -> None:
        """Write the lines to a file. Raises OSError."""
        out.write_text("".join(json.dumps(line) + "\n" for line in self.lines()))


def no_progress(step: str, done: int, total: int) -> None:
    """Tell nobody."""


def evaluate(images: Path, out: Path, settings: Settings, progress: Progress = no_progress) -> Evaluation:
    """Evaluate the settings on every file directly in `images`, in a store of its own that is deleted afterwards.

    progress: told the step, how many are done, and of how many. Holds all fingerprints in memory, about 15 KB a picture.
    Raises BadRequest when there are no pictures, StoreUnavailable.
    """
    files = {path.name: path for path in sorted(images.iterdir()) if path.is_file()} if images.is_dir() else {}
    if not files:
        raise BadRequest(f"{images} holds no files to evaluate; give a folder of pictures")
    found = trial(files, settings, progress)
    found.write(out)
    return found.figures


def trial(
    files: Mapping[str, Path], settings: Settings, progress: Progress = no_progress, known: Mapping[str, Query] | None = None
) -> Trial:
    """Search each of the files (name -> path) among all the others, in a store of its own that is deleted afterwards.

    known: their fingerprints, where an earlier trial has computed them (of all algorithms that are enabled now, at least).
    Raises StoreUnavailable, BadSettings.
    """
    aside = settings.with_overrides({"redis.prefix": f"kuato-evaluation-{uuid.uuid4().hex[:8]}:"})
    with Matcher.open(aside) as matcher:
        try:
            return _tried(matcher, files, progress, known)
        finally:
            matcher.reset()


def fingerprinted(files: Mapping[str, Path], settings: Settings, progress: Progress = no_progress) -> dict[str, Query]:
    """Return the fingerprints of each file (name -> path), as a query has them; nothing is stored. Raises BadSettings."""
    with Matcher.open(settings) as matcher, ThreadPoolExecutor(settings.workers() + 1) as threads:
        queries = dict[str, Query]()
        computed = threads.map(lambda name: _fingerprinted(matcher, name, files[name]), files)
        for done, (name, query) in enumerate(zip(files, computed, strict=True), 1):
            queries[name] = query
            progress("fingerprint", done, len(files))
        return queries


def only(query: Fingerprints, algorithms: Mapping[str, Fingerprint]) -> Fingerprints:
    """Return what is known of a picture by some of the algorithms."""
    views = {view: {name: values[name] for name in algorithms if name in values} for view, values in query.views.items()}
    kept = {view: values for view, values in views.items() if values or view == "as is"}
    return replace(query, views=kept, too_simple=tuple(name for name in algorithms if name not in kept["as is"]))


def _fingerprinted(matcher: Matcher, name: str, path: Path) -> Query:
    try:
        return matcher.pool.fingerprint(path.read_bytes(), query=True, name=name)
    except BadPicture as error:
        return error


def _tried(matcher: Matcher, files: Mapping[str, Path], progress: Progress, known: Mapping[str, Query] | None) -> Trial:
    queries: dict[str, Query] = {}

    def add(name: str) -> None:
        query = known[name] if known else _fingerprinted(matcher, name, files[name])
        if not isinstance(query, BadPicture):
            query = only(query, matcher.algorithms)
            matcher.collection.add(query, [Source(KIND, name)])
        queries[name] = query

    def search(name: str) -> tuple[Found, ...]:
        query = queries[name]
        if isinstance(query, BadPicture):
            return ()
        answer = matcher.search_fingerprints(query, limit=LIMIT, exclude=lambda record: _names(record) == [name])
        return tuple(_found(match, other) for match in answer.matches for other in _names(match.picture) if other != name)

    with ThreadPoolExecutor((os.cpu_count() or 1) + 1) as threads:
        for done, _ in enumerate(threads.map(add, files), 1):
            progress("add", done, len(files))
        answers = {}
        for done, (name, found) in enumerate(zip(files, threads.map(search, files), strict=True), 1):
            answers[name] = found
            progress("search", done, len(files))
    return Trial({name: queries[name] for name in files}, answers, matcher.algorithms, matcher.rules)


def _found(match: Match, name: str) -> Found:
    distances = {one.algorithm: one.distance for one in match.evidence}
    return Found(name, match.decision, match.distance, match.relation, distances)


def _names(record: Record) -> list[str]:
    return [source.id for source in record.sources if source.kind == KIND]
