"""An attribute of MISP that may hold a picture, with the event and the object that it is in."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from matcher.interchange.misp import tags_of, visibility_of
from matcher.ruletable import fits
from matcher.source import Source
from misp_module.query import is_uuid

KIND = "misp-attribute"
_LONGEST = 500
_LATEST = 253_402_300_799
# Objects and relations of templates that hold pictures, whatever their files are called.
_PICTURES = ("image", "*screenshot*", "*image*", "*picture*", "*photo*", "*logo*", "*favicon*", "*avatar*", "*portrait*")
# Of what MISP and ourselves say about the handling of an event, not of what is on the picture.
_HANDLING = ("tlp:*", "pap:*", "workflow:*", "misp:*", "image-match:*", "estimative-language:*")
_ADDRESSES = ("url", "link", "domain", "hostname")


@dataclass(frozen=True)
class Found:
    """One attribute: rows as MISP's JSON has them; anything in them may be missing or of any type.

    object: empty where it is in none. server: address of the MISP it is from, "" for a file.
    """

    attribute: Mapping[str, Any]
    event: Mapping[str, Any]
    object: Mapping[str, Any] = field(default_factory=dict)
    server: str = ""

    @property
    def uuid(self) -> str:
        """The attribute's UUID, "" where it has none that is one."""
        found = self.attribute.get("uuid")
        return found.lower() if isinstance(found, str) and is_uuid(found) else ""

    @property
    def name(self) -> str:
        """The file's name; that of a malware sample without the hash behind it."""
        return text(self.attribute.get("value")).partition("|")[0].strip()

    @property
    def deleted(self) -> bool:
        """Whether the attribute, its object or its event is deleted."""
        rows = (self.attribute, self.object)
        return any(row.get("deleted") is True or text(row.get("deleted")).lower() in ("1", "true") for row in rows)

    @property
    def versions(self) -> tuple[int, int]:
        """When attribute and event were last changed, in seconds since the epoch."""
        return seconds(self.attribute.get("timestamp")), seconds(self.event.get("timestamp"))

    def wanted(self, names: Collection[str]) -> bool:
        """Whether it may be a picture. names: of files that are, with * where anything may be."""
        if self.attribute.get("type") not in ("attachment", "malware-sample"):
            return False
        relation = text(self.attribute.get("object_relation"))
        pictured = fits(_PICTURES, [text(self.object.get("name")), relation])
        return pictured or "." not in self.name or fits(names, [self.name])

    @property
    def tags(self) -> tuple[str, ...]:
        """What is said of the picture: the tags of event and attribute that go to other servers, but for those on handling."""
        return tuple(tag for tag in tags_of(self.event, self.attribute, local=False) if len(tag) <= 255 and not fits(_HANDLING, [tag]))

    @property
    def places(self) -> dict[str, tuple[str, ...]]:
        """What rules on banks are held against, by name."""
        org = self.event.get("Orgc")
        return {
            "tag": tags_of(self.event, self.attribute, local=False),
            "org": tuple(text(org.get(key)) for key in ("name", "uuid")) if isinstance(org, dict) else (),
            "event": (text(self.event.get("info")), text(self.event.get("uuid"))),
            "object": (text(self.object.get("name")),),
            "relation": (text(self.attribute.get("object_relation")),),
        }

    def source(self, banks: Collection[str] = (), tags: Collection[str] = ()) -> Source:
        """Return the attribute as a source. banks, tags: what it gives its picture, and takes with it when it goes."""
        changed, event_changed = self.versions
        first = seconds_of(self.attribute.get("first_seen")) or changed or event_changed
        org = self.event.get("Orgc")
        about = {
            "event_uuid": text(self.event.get("uuid")),
            "event_id": text(self.event.get("id")),
            "event_info": text(self.event.get("info"))[:_LONGEST],
            "org": text(org.get("name"))[:_LONGEST] if isinstance(org, dict) else "",
            "object": text(self.object.get("name"))[:_LONGEST],
            "relation": text(self.attribute.get("object_relation"))[:_LONGEST],
            "filename": self.name[:_LONGEST],
            "url": self._url(),
            "server": self.server,
            "versions": [changed, event_changed],
            "banks": list(banks),
            "tags": list(tags),
        }
        metadata = {name: value for name, value in about.items() if value}
        last = max(seconds_of(self.attribute.get("last_seen")) or changed, first)
        return Source(KIND, self.uuid, first, last, metadata, visibility_of(self.event, self.object, self.attribute))

    def _url(self) -> str:
        """Return where the object says that the picture was seen, "" where it does not."""
        rows = self.object.get("Attribute")
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and row.get("type") in _ADDRESSES:
                return text(row.get("value"))[:4096]
        return ""

    def within(self, object: Mapping[str, Any]) -> "Found":
        """Return the same, found in an object."""
        return replace(self, object=object)


def known_versions(source: Source) -> tuple[int, int]:
    """Return as of when a source tells of its attribute and event, (0, 0) where it does not say."""
    found = source.metadata.get("versions")
    return (int(found[0]), int(found[1])) if isinstance(found, list) and len(found) == 2 else (0, 0)


def named(source: Source, what: str) -> tuple[str, ...]:
    """Return the banks or tags that a source gives its picture."""
    found = source.metadata.get(what)
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def text(value: Any) -> str:
    """Return a text or whole number as a text, "" for anything else."""
    return value if isinstance(value, str) else str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def seconds(value: Any) -> int:
    """Return a timestamp as MISP writes them, in seconds since the epoch; 0 for what is none."""
    found = text(value).partition(".")[0]
    return int(found) if found.isdecimal() and len(found) < 13 and int(found) <= _LATEST else 0


def seconds_of(value: Any) -> int:
    """Return a moment that MISP writes as a date and time, or as a timestamp, in seconds since the epoch; 0 for what is none."""
    try:
        return seconds(value) or int(max(0.0, datetime.fromisoformat(text(value).replace("Z", "+00:00")).timestamp()))
    except (ValueError, OverflowError):
        return 0
