"""Where a known picture was seen, as its sources tell: which objects of AIL it is."""

from collections.abc import Iterator

from ail_connector.database import Sighting
from matcher.records import Record

OBJECT, DOMAIN, CHAT = "ail-object", "domain", "ail-chat"  # kinds of sources


def sightings_of(record: Record) -> Iterator[Sighting]:
    """Yield the objects of AIL that a known picture is, with where it was seen."""
    domains = tuple(source.id for source in record.sources if source.kind == DOMAIN)
    chats = tuple(source.id for source in record.sources if source.kind == CHAT)
    items = tuple(str(source.metadata["item"]) for source in record.sources if "item" in source.metadata)
    for source in record.sources:
        if source.kind == OBJECT:
            yield Sighting(
                source.id, str(source.metadata.get("date", "")), items, domains, chats, (), str(source.metadata.get("seen_in", ""))
            )
