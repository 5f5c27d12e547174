"""Known pictures, matches and requests as the tests of this package need them."""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image, ImageDraw

from matcher.bank import Bank
from matcher.errors import NotAPicture
from matcher.match import Answer, Decision, Evidence, Match, Relation
from matcher.records import Record
from matcher.source import Source

ENRICHED = "999be15a-bdac-479b-8e07-3f361cb4cbc7"
KNOWN = "66ed8cd2-fa4e-4c08-99bd-6ea5ee06d1d2"
EVENT = "77a5ba10-4773-457d-9d9b-3d18ca41ad64"
SECOND_OF_MARCH = 1772409600.0  # 2026-03-02


def page(seed: int = 0, size: tuple[int, int] = (900, 700)) -> Image.Image:
    """Return a drawn login page; another seed is another page."""
    image = Image.new("RGB", size, (245, 246, 250))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, size[0], 90), fill=(20 + seed * 37 % 200, 60, 140))
    for i in range(24):
        x, y = (i * 211 + seed * 97) % (size[0] - 160), 110 + (i * 173 + seed * 131) % (size[1] - 190)
        colour = ((i * 53 + seed * 29) % 255, (i * 91 + seed * 61) % 255, (i * 17 + seed * 83) % 255)
        (draw.ellipse if (i + seed) % 3 else draw.rectangle)((x, y, x + 40 + i * 5, y + 30 + i * 2), fill=colour, outline="black")
        draw.text((x, y - 12), f"field {i} of page {seed}", fill="black")
    return image


def png(image: Image.Image) -> bytes:
    """Return the picture as a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def jpeg(image: Image.Image, quality: int = 60) -> bytes:
    """Return the picture as a JPEG file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def attribute(data: bytes | None = None, **changes: Any) -> dict[str, Any]:
    """Return an attribute as MISP sends it; without data as on hover."""
    fields: dict[str, Any] = {
        "id": "5",
        "event_id": "4",
        "object_id": "0",
        "object_relation": None,
        "category": "External analysis",
        "type": "attachment",
        "value1": "shot.png",
        "value2": "",
        "to_ids": False,
        "uuid": ENRICHED,
        "timestamp": "1795236815",
        "distribution": "5",
        "sharing_group_id": "0",
        "comment": "",
        "deleted": False,
        "disable_correlation": False,
        "first_seen": None,
        "last_seen": None,
        "value": "shot.png",
    }
    if data is not None:
        fields["data"] = base64.b64encode(data).decode()
    return fields | changes


def asking(data: bytes | None = None, **changes: Any) -> dict[str, Any]:
    """Return a query as the button of an attribute sends it."""
    return {"module": "image_correlation", "attribute": attribute(data, **changes), "event_id": "4", "config": {}}


def known(sha256: str = "ab" * 32, sources: tuple[Source, ...] = (), banks: tuple[str, ...] = ()) -> Record:
    """Return a known picture, added on 2 March 2026."""
    return Record(7, sha256, "PNG", (900, 700), 12345, SECOND_OF_MARCH, {}, {}, sources, (), (), banks)


def seen_in_misp(uuid: str = KNOWN, **visibility: Any) -> Source:
    """Return a sighting in a MISP event of 2 March 2026."""
    return Source("misp-attribute", uuid, SECOND_OF_MARCH, SECOND_OF_MARCH, {"event_uuid": EVENT}, visibility)


def match(picture: Record, decision: Decision = Decision.YES, relation: Relation = Relation.SAME_PICTURE, distance: float = 0.031) -> Match:
    """Return a match found by two algorithms; a third disagrees."""
    evidence = (
        Evidence("pdq", "frequency", distance, 0.1, decision, view="mirrored"),
        Evidence("tiles", "frequency", distance, 0.1, decision),
        Evidence("dhash", "gradient", 0.5, 0.1, Decision.NO),
    )
    return Match(picture, decision, relation, distance, evidence)


def answer(*matches: Match, sha256: str = "cd" * 32, **changes: Any) -> Answer:
    """Return an answer with these matches."""
    return Answer(sha256, matches[0].decision if matches else Decision.NO, matches, **changes)


def rows(found: dict[str, Any]) -> dict[str, str]:
    """Return the values of an object by relation."""
    return {row["object_relation"]: row["value"] for row in found["Attribute"]}


@dataclass
class Shelf:
    """A matcher that holds one answer, and obeys `exclude` and `limit`."""

    found: Answer = field(default_factory=answer)
    known: list[Record] = field(default_factory=list)
    banks: list[Bank] = field(default_factory=list)
    thumbnails: dict[str, bytes] = field(default_factory=dict)

    def search(self, data: bytes, *, limit: int = 10, exclude: Callable[[Record], bool] | None = None, name: str = "picture") -> Answer:
        if data == b"not a picture":
            raise NotAPicture(f"{name} is not a picture")
        return self._kept(limit, exclude)

    def search_sha256(self, sha256: str, *, limit: int = 10, exclude: Callable[[Record], bool] | None = None) -> Answer:
        return self._kept(limit, exclude)

    def by_source(self, kind: str, id: str) -> list[Record]:
        return [record for record in self.known if any((source.kind, source.id) == (kind, id) for source in record.sources)]

    def by_sha256(self, sha256: str) -> Record | None:
        return next((record for record in self.known if record.sha256 == sha256), None)

    def members(self, cluster: str) -> list[Record]:
        return [record for record in self.known if record.cluster == cluster]

    def book(self) -> list[Bank]:
        return self.banks

    def thumbnail(self, record: Record) -> bytes | None:
        return self.thumbnails.get(record.sha256)

    def _kept(self, limit: int, exclude: Callable[[Record], bool] | None) -> Answer:
        return replace(self.found, matches=tuple(m for m in self.found.matches if exclude is None or not exclude(m.picture))[:limit])
