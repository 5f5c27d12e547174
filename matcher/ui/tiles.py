"""Pictures as lists show them: small, with what one needs to recognise them, and nothing that a visitor may not know."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from flask import url_for

from matcher.records import Record
from matcher.ui.visit import Visit
from matcher.whereabouts import FILE, Place, Whereabouts

_LINKED = 4


@dataclass(frozen=True)
class Tile:
    """A picture in a list. label: a name for people. links: where it can be looked at elsewhere, as (what, address).

    thumbnail: address of a small picture of it, "" where none is kept. added: seconds since the epoch.
    """

    sha256: str
    label: str
    format: str
    size: tuple[int, int]
    added: float
    cluster: str
    banks: tuple[str, ...]
    tags: tuple[str, ...]
    sensitive: bool
    thumbnail: str
    links: tuple[tuple[str, str], ...]

    @property
    def as_json(self) -> dict[str, Any]:
        """The tile for a script."""
        return asdict(self)


class Tiles:
    """Makes the tiles of one visit."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        settings = visit.services.settings
        self.where = Whereabouts(settings["misp.link_base"], settings["ail.link_base"])

    def of(self, records: Iterable[Record]) -> list[Tile]:
        """Return the tiles of those pictures that exist for the visitor."""
        shown = [record for record in map(self._visit.caller.shown, records) if record is not None]
        kept = self._visit.services.matcher.collection.thumbnails.there([record.sha256 for record in shown])
        return [self._tile(record, record.sha256 in kept) for record in shown]

    def named(self, digests: Iterable[str]) -> dict[str, Tile]:
        """Return the tiles of pictures by SHA-256; those that are not known, or not to the visitor, are absent."""
        collection = self._visit.services.matcher.collection
        found = (collection.known(sha256) for sha256 in dict.fromkeys(digests))
        return {tile.sha256: tile for tile in self.of(collection.clustered(record for record in found if record is not None))}

    def tile(self, record: Record) -> Tile:
        """Return the tile of a picture that the visitor may see."""
        return self.of([record])[0]

    def _tile(self, record: Record, kept: bool) -> Tile:
        places = self.where.of(record)
        links = [(self.named_place(place), place.link) for place in places if place.link]
        return Tile(
            record.sha256,
            label(record, places),
            record.format,
            record.size,
            record.added,
            record.cluster,
            record.banks,
            record.tags,
            record.sensitive,
            url_for("thumbnails.show", sha256=record.sha256) if kept and not record.sensitive else "",
            tuple(links[:_LINKED]),
        )

    def named_place(self, place: Place) -> str:
        """Return what a link to a place is called."""
        words = self._visit.words
        return {"event": words.gettext("Event in MISP"), "object": words.gettext("In AIL")}.get(place.kind, place.label)


def label(record: Record, places: Iterable[Place]) -> str:
    """Return a name for a picture: that of its file, or where it was seen; of a sensitive one the beginning of its SHA-256."""
    if not record.sensitive:
        ordered = sorted(places, key=lambda place: place.kind != FILE)
        for place in ordered:
            return place.label
    return record.sha256[:12]
