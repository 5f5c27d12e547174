"""From words to the pictures that show them: shingles -> candidates -> their texts -> how near the words are to a part of one."""

import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from matcher.bank import Bank
from matcher.collection import Collection
from matcher.errors import BadRequest, BadSettings
from matcher.fingerprints.base import Fingerprint
from matcher.fingerprints.words import Words, keys_of, normalised, words
from matcher.index import VoteIndex
from matcher.match import Answer, Decision, Evidence, Match, Relation
from matcher.records import Record
from matcher.search import Scope, emitted

LONGEST = 500
# Distances at which the words are there, and at which they may be: one letter in ten and in four read otherwise.
YES, MAYBE = 0.1, 0.25
# How many candidates' texts are read, and how many entries of a list.
CONSIDERED, MOST_ENTRIES = 300, 20_000
# How much of a word must be there for it to count, and how sure all words in another order are.
_WORD, _SCATTERED = 0.7, 0.95
_SHORT = 3
_AROUND = 40  # characters shown on each side of what was found


class TextSearch:
    """Searches the texts on known pictures, and their captions, as far as these are enabled."""

    def __init__(self, collection: Collection, algorithms: Mapping[str, Fingerprint]) -> None:
        self._collection = collection
        self._kinds = {name: algorithm for name, algorithm in algorithms.items() if isinstance(algorithm, Words)}
        self._indexes = {name: VoteIndex(collection.store, name, MOST_ENTRIES) for name in self._kinds}

    def answer(self, text: str, scope: Scope) -> Answer:
        """Return the pictures on which words like these can be read, or whose captions have them.

        A match's distance is 0 where the text is there letter by letter (case, accents and spaces apart).
        Raises BadRequest for a text without two letters in a row, too long, or when no text is kept.
        """
        asked = words(normalised(text, LONGEST + 1))
        if not self._kinds:
            raise BadRequest('no text is kept of pictures; enable it first (fingerprints.enabled = [.., "text"])')
        if len(text) > LONGEST or not any(len(word) > 1 for word in asked):
            raise BadRequest(f"a text to search for has at least two letters in a row, and at most {LONGEST} characters")
        started = time.perf_counter()
        book = {bank.id: bank for bank in self._collection.banks.list()}
        found, truncated = dict[int, Match](), False
        for name, algorithm in self._kinds.items():
            ballot = self._indexes[name].vote(*keys_of(asked), CONSIDERED)
            truncated |= bool((ballot.lengths >= MOST_ENTRIES).any())
            live = self._collection.records.live(ballot.ids.tolist()).values()
            records = {record.id: record for record in self._collection.named(live) if scope.admits(record)}
            for id, value in self._collection.current_large(name, records.values()).items():
                match = _match(asked, value.decode(errors="replace"), algorithm, records[id], book)
                if match is not None and (id not in found or match.distance < found[id].distance):
                    found[id] = match
        matches = sorted(found.values(), key=lambda match: (match.distance, match.picture.id))
        ignored = {bank.id for bank in book.values() if bank.kind == "ignore"}
        shown = [match for match in matches if not ignored.intersection(match.picture.bank_ids)]
        return Answer(
            sha256="0" * 64,
            decision=shown[0].decision if shown else Decision.NO,
            matches=tuple(shown[: scope.limit]),
            suppressed=tuple(match for match in matches if ignored.intersection(match.picture.bank_ids)),
            truncated=truncated or len(shown) > scope.limit,
            timings={"text": (time.perf_counter() - started) * 1000},
        )


def _match(asked: list[str], text: str, algorithm: Words, record: Record, book: Mapping[int, Bank]) -> Match | None:
    distance, place = _distance(asked, text)
    if distance > MAYBE:
        return None
    decision = Decision.YES if distance <= YES else Decision.MAYBE
    # Of a sensitive picture nothing but the match may be shown.
    note = "" if record.sensitive or not place else f"reads: {place}"
    evidence = Evidence(algorithm.name, algorithm.family, distance, YES, decision, note=note)
    emits = emitted(record, book) if decision is Decision.YES else ()
    return Match(record, decision, Relation.SHARES_CONTENT, distance, (evidence,), emits)


def _distance(asked: list[str], text: str) -> tuple[float, str]:
    """Return how far the words are from the nearest part of a text, 0..1, and that part with what is around it."""
    fuzz = _fuzz()
    query, whole = " ".join(asked), " ".join(words(text))
    found = fuzz.partial_ratio_alignment(query, whole)
    if found is None:
        return 1.0, ""
    start, end = max(0, found.dest_start - _AROUND), found.dest_end + _AROUND
    place = f"{'..' if start else ''}{whole[start:end]}{'..' if end < len(whole) else ''}"
    # A text that is a part of the query is no answer to all of it.
    part = found.score / 100 * min(1.0, len(whole) / len(query))
    there = [(len(word), _nearness(fuzz, word, whole)) for word in asked]
    each = sum(length * near for length, near in there) / sum(length for length, _ in there)
    # In another order the words are still there, but that is less sure.
    return 1.0 - max(min(part, each), _SCATTERED * each), place


def _nearness(fuzz: Any, word: str, whole: str) -> float:
    """Return how much of a word a text has, 0..1; a word of three letters is there, or is not."""
    if word in whole or len(word) <= _SHORT:
        return float(word in whole)
    return float(fuzz.partial_ratio(word, whole, score_cutoff=100 * _WORD)) / 100


def _fuzz() -> Any:
    try:
        return import_module("rapidfuzz.fuzz")
    except ImportError:
        raise BadSettings("searching for text needs the extra `ocr`: pip install 'kuato[ocr]'") from None
