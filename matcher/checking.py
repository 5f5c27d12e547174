"""One call for pipelines: look a picture up and remember where it was seen, for one decode."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matcher.clustering import MOST_LINKS
from matcher.engine import check_sources, checked_tags
from matcher.match import Answer
from matcher.records import Record
from matcher.source import Source

if TYPE_CHECKING:
    from matcher.engine import Matcher


@dataclass(frozen=True)
class Checked:
    """record: as it is known now. new: whether it was not known before. answer: which other known pictures it may be."""

    record: Record
    new: bool
    answer: Answer


def check(
    matcher: "Matcher",
    data: bytes,
    source: Source | Sequence[Source],
    *,
    tags: Iterable[str] = (),
    banks: Iterable[str] = (),
    limit: int = MOST_LINKS,
    turned: bool = True,
    exclude: Callable[[Record], bool] | None = None,
    name: str = "picture",
    waiting: float | None = None,
) -> Checked:
    """Remember a picture seen at `source`, and tell which other known pictures it may be.

    It is remembered before it is looked up: of two that come at once, at least the second one finds the first. turned: also ask for
    mirrored, turned and negative copies. exclude: pictures that are no answer. Raises what Matcher.add does.
    """
    sources = [source] if isinstance(source, Source) else list(source)
    check_sources(sources)
    bank_ids, tags = [matcher.banks.get(bank).id for bank in banks], checked_tags(tags)
    found = matcher.pool.fingerprint(data, query=turned, name=name, waiting=waiting)
    seen = checked_tags(tag for key, value in found.values.items() for tag in matcher.algorithms[key].tags(value))
    # What a model says is to be seen is not told of a sensitive picture.
    told = () if not seen or matcher.collection.will_be_sensitive(found.sha256, tags, bank_ids) else seen
    added = matcher.collection.add(found, sources, dict.fromkeys((*tags, *told)), bank_ids)
    record = added.record

    def is_no_answer(known: Record) -> bool:
        return known.id == record.id or (exclude is not None and exclude(known))

    answer = matcher.search_fingerprints(found, limit=max(limit, MOST_LINKS), exclude=is_no_answer)
    if matcher.settings["cluster.automatic"] and not record.placed:
        matcher.clustering.place(record, answer.matches)
        record = (matcher.collection.known(record.sha256) if answer.matches else None) or record
    return Checked(matcher.collection.clustered([record])[0], added.new, answer)
