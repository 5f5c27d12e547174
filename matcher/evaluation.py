"""Quality on a folder of pictures: add all, search each among the others, write who was found.

One line a picture: {"query": "a.png", "matches": [{"file": "b.png", "decision": "YES", "distance": 0.08}, ..]}, or
{"query": .., "error": ..} where the picture was refused.
"""

import json
import os
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matcher.engine import Matcher
from matcher.errors import BadPicture, BadRequest
from matcher.extraction import Fingerprints
from matcher.records import Record
from matcher.settings import Settings
from matcher.source import Source

LIMIT = 200
KIND = "file"


@dataclass(frozen=True)
class Evaluation:
    """pictures: how many were searched. refused: how many could not be decoded. matches: YES and MAYBE answers in all."""

    pictures: int
    refused: int
    matches: int


def evaluate(
    images: Path, out: Path, settings: Settings, progress: Callable[[str, int, int], None] = lambda step, done, total: None
) -> Evaluation:
    """Evaluate the settings on every file directly in `images`, in a store of its own that is deleted afterwards.

    progress: told the step, how many are done, and of how many. Holds all fingerprints in memory, about 15 KB a picture.
    Raises BadRequest when there are no pictures, StoreUnavailable.
    """
    files = sorted(path for path in images.iterdir() if path.is_file()) if images.is_dir() else []
    if not files:
        raise BadRequest(f"{images} holds no files to evaluate; give a folder of pictures")
    aside = settings.with_overrides({"redis.prefix": f"kuato-evaluation-{uuid.uuid4().hex[:8]}:"})
    with Matcher.open(aside) as matcher:
        try:
            return _evaluate(matcher, files, out, progress)
        finally:
            matcher.reset()


def _evaluate(matcher: Matcher, files: list[Path], out: Path, progress: Callable[[str, int, int], None]) -> Evaluation:
    queries: dict[str, Fingerprints | BadPicture] = {}

    def add(path: Path) -> None:
        try:
            fingerprints = matcher.pool.fingerprint(path.read_bytes(), query=True, name=path.name)
            matcher.collection.add(fingerprints, [Source(KIND, path.name)])
            queries[path.name] = fingerprints
        except BadPicture as error:
            queries[path.name] = error

    def search(path: Path) -> dict[str, Any]:
        query = queries[path.name]
        if isinstance(query, BadPicture):
            return {"query": path.name, "error": str(query)}
        answer = matcher.search_fingerprints(query, limit=LIMIT, exclude=lambda record: _names(record) == [path.name])
        found = [
            {"file": name, "decision": match.decision.value, "distance": round(match.distance, 4)}
            for match in answer.matches
            for name in _names(match.picture)
            if name != path.name
        ]
        return {"query": path.name, "matches": found}

    with ThreadPoolExecutor((os.cpu_count() or 1) + 1) as threads:
        for done, _ in enumerate(threads.map(add, files), 1):
            progress("add", done, len(files))
        lines = []
        for done, line in enumerate(threads.map(search, files), 1):
            lines.append(line)
            progress("search", done, len(files))
    out.write_text("".join(json.dumps(line) + "\n" for line in lines))
    refused = sum("error" in line for line in lines)
    return Evaluation(len(files), refused, sum(len(line.get("matches", ())) for line in lines))


def _names(record: Record) -> list[str]:
    return [source.id for source in record.sources if source.kind == KIND]
