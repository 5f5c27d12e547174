"""Hashes of pictures in MISP events: of one file, of an answer of its API, of a feed's folder. Attachments are not looked at."""

import json
import re
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from matcher.interchange import columns
from matcher.interchange.algorithms import PERCEPTION, PHOTODNA
from matcher.interchange.columns import algorithm_of
from matcher.interchange.entries import Entry, Flaw, Given, Item, Listed, ListFormat
from matcher.interchange.fields import parse
from matcher.interchange.rows import Rows
from matcher.settings import config_dir
from matcher.source import Source

TEMPLATE, MANIFEST = "image-fingerprint", "manifest.json"
_LARGEST = 128 << 20
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# A hash of its own in a text: "pdq:f8f8..".
_NAMED = re.compile(r"([A-Za-z][\w-]{1,30})\s*[:=\s]\s*([0-9a-fA-F]{16,600})")
# What objects of others may call so; tlsh, for one, is there of files that are no pictures.
_EXCHANGED = {"pdq", "ahash", "dhash", "phash", "whash", PHOTODNA, PERCEPTION}
_OWN = "0"
_SHARING_GROUP = "4"
_INHERITED = "5"
_LATEST = 253_402_300_799


class Misp(ListFormat):
    """Events as MISP exports them, answers of its API, and feeds (a folder, or the manifest.json in it).

    Taken are attributes of objects whose relation names an algorithm (image-fingerprint, which is ours, and any other; of
    cert-pl-phishing phash-dct-base64), and texts that are nothing but an algorithm's name and a hash ("pdq:f8f8..").
    Written is one event with an object image-fingerprint for each picture.
    """

    name = "misp"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def wants(self, algorithm: str) -> bool:
        return algorithm in {"pdq-trimmed", "tiles"} | _EXCHANGED

    def recognises(self, start: bytes) -> bool:
        found = re.match(rb"""[\s\[{]*"(response|Event|Attribute|Object|[0-9a-fA-F-]{36})"\s*:""", start)
        return bool(found) or (start.lstrip()[:1] in (b"{", b"[") and b'"Event"' in start)

    def read(self, given: Given) -> Iterator[Item]:
        rows = Rows(given)
        for event in _events(given):
            if isinstance(event, Flaw):
                yield event
            else:
                yield from _Event(event, rows, given).items()

    def write(self, pictures: Iterable[Listed]) -> Iterator[bytes]:
        template = json.loads((config_dir() / "misp" / "objects" / TEMPLATE / "definition.json").read_text("utf-8"))
        now = self._clock()
        event = {
            "uuid": str(uuid.uuid4()),
            "info": "Fingerprints of images",
            "date": f"{datetime.fromtimestamp(now, timezone.utc):%Y-%m-%d}",
            "timestamp": str(int(now)),
            "threat_level_id": "4",
            "analysis": "2",
            # Whoever takes it in decides who else may see it.
            "distribution": _OWN,
            "published": False,
        }
        yield b'{"Event": ' + json.dumps(event)[:-1].encode("ascii") + b', "Object": ['
        separator = b"\n"
        for picture in pictures:
            yield separator + json.dumps(_object(picture, template, event["timestamp"])).encode("ascii")
            separator = b",\n"
        yield b"\n]}}\n"


def _object(picture: Listed, template: Mapping[str, Any], timestamp: object) -> dict[str, Any]:
    values = [(_RELATIONS.get(one.algorithm, one.algorithm), _written(one.algorithm, one.value)) for one in picture.prints]
    values += [("method", ", ".join(f"{one.algorithm} {one.version}" for one in picture.prints))]
    values += [(name, text) for name, text in (("sha256", picture.sha256), ("note", picture.note)) if text]
    tags = [{"name": tag} for tag in picture.record.tags]
    attributes = []
    for relation, value in values:
        row = template["attributes"][relation]
        attribute: dict[str, Any] = {
            "uuid": str(uuid.uuid4()),
            "object_relation": relation,
            "type": row["misp-attribute"],
            "category": "Payload delivery" if relation == "sha256" else "Other",
            "value": value,
            "to_ids": False,
            "disable_correlation": row.get("disable_correlation", False),
            "distribution": _INHERITED,
            "timestamp": timestamp,
        }
        attributes.append(attribute | ({"Tag": tags} if tags and relation not in ("method", "note") else {}))
    about = {"name": TEMPLATE, "meta-category": template["meta-category"], "description": template["description"]}
    about |= {"template_uuid": template["uuid"], "template_version": str(template["version"])}
    return about | {"uuid": str(uuid.uuid4()), "timestamp": timestamp, "distribution": _INHERITED, "Attribute": attributes}


_RELATIONS = {PERCEPTION: "phash-dct-base64"}


def _written(algorithm: str, value: bytes) -> str:
    return b64encode(value).decode("ascii") if algorithm in (PERCEPTION, PHOTODNA) else value.hex()


class _Event:
    """One event. Everything in it may be missing or of any type."""

    def __init__(self, event: dict[str, Any], rows: Rows, given: Given) -> None:
        self._event = event
        self._rows = rows
        self._given = given
        self._uuid = _text(event.get("uuid"))

    def items(self) -> Iterator[Item]:
        """Yield what is there of fingerprints."""
        for attribute in _objects(self._event.get("Attribute")):
            yield from self._found({}, [attribute])
        for found in _objects(self._event.get("Object")):
            if not _deleted(found):
                yield from self._found(found, list(_objects(found.get("Attribute"))))

    def _found(self, found: Mapping[str, Any], attributes: list[dict[str, Any]]) -> Iterator[Item]:
        """Yield the entry of one object, or of an attribute in none."""
        attributes = [attribute for attribute in attributes if not _deleted(attribute)]
        hashes = [(attribute, *named) for attribute in attributes if (named := self._hash(found, attribute))]
        if not hashes:
            return
        first = hashes[0][0]
        values = {_text(attribute.get("object_relation")): _text(attribute.get("value")) for attribute in reversed(attributes)}
        about: dict[str, Any] = {columns.SHA256: values.get("sha256", "")}
        if found.get("name") == TEMPLATE:
            about[columns.NOTE] = values.get("note", "")
        about[columns.TAGS] = self._tags(attribute for attribute, _, _ in hashes)
        place = f"attribute {_text(first.get('uuid'))[:40] or '?'} of event {self._uuid[:40] or '?'}"
        versions = dict(re.findall(r"([\w.+-]+) (\d{1,3})(?:,|$)", values.get("method", ""))) if found.get("name") == TEMPLATE else {}
        for item in self._by_version(place, hashes, versions, about):
            yield item._replace(sources=self._sources(first, found, values)) if isinstance(item, Entry) else item

    def _by_version(
        self, place: str, hashes: list[tuple[dict[str, Any], str, str]], versions: Mapping[str, str], about: Mapping[str, Any]
    ) -> Iterator[Item]:
        """Yield one entry with all fingerprints; each may be of a version that the object tells."""
        entry: Entry | None = None
        for _, algorithm, value in hashes:
            item = self._rows.item(place, [(algorithm, value)], {**about, columns.VERSION: versions.get(algorithm, "")})
            if not isinstance(item, Entry):
                yield item
            else:
                entry = item if entry is None else entry._replace(prints=entry.prints + item.prints)
        if entry is not None:
            yield entry

    def _hash(self, found: Mapping[str, Any], attribute: Mapping[str, Any]) -> tuple[str, str] | None:
        """Return the algorithm and the text of the fingerprint that an attribute is, if it is one."""
        relation, value = _text(attribute.get("object_relation")), _text(attribute.get("value")).strip()
        algorithm = algorithm_of(relation, self._given.algorithms) if relation else None
        if algorithm is not None and (algorithm in _EXCHANGED or found.get("name") == TEMPLATE):
            return algorithm, value
        named = _NAMED.fullmatch(value) if attribute.get("type") in ("text", "hex", "comment", "other") else None
        algorithm = algorithm_of(named[1], self._given.algorithms) if named else None
        return (algorithm, named[2]) if named and algorithm in _EXCHANGED else None

    def _tags(self, attributes: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
        return tags_of(self._event, *attributes)

    def _sources(self, attribute: Mapping[str, Any], found: Mapping[str, Any], values: Mapping[str, str]) -> tuple[Source, ...]:
        """Return the attribute as a source, and the phishing page where the object names one; who may know is the same."""
        seen = _seconds(attribute.get("timestamp")) or _seconds(self._event.get("timestamp"))
        metadata = {"event_uuid": self._uuid, "event_info": _text(self._event.get("info"))[:500]}
        metadata = {name: value for name, value in metadata.items() if value}
        visibility = visibility_of(self._event, found, attribute)
        named = _text(attribute.get("uuid")).lower()
        sources = [Source("misp-attribute", named, seen, seen, metadata, visibility)] if _UUID.fullmatch(named) else []
        if url := values.get("url", "").strip():
            sources.append(Source("url", url[:4096], seen, seen, metadata, visibility))
        return tuple(sources)


def visibility_of(event: Mapping[str, Any], found: Mapping[str, Any], attribute: Mapping[str, Any]) -> dict[str, Any]:
    """Return who may know of an attribute of an event, found in an object of it or in none.

    That is the narrowest of what event, object and attribute say. A feed tells nothing of that.
    """
    levels = [one for one in (event, found, attribute) if _text(one.get("distribution")) not in ("", _INHERITED)]
    visibility: dict[str, Any] = {}
    if levels:
        narrowest = min(levels, key=lambda one: "04123".find(_text(one.get("distribution"))))
        visibility["distribution"] = _text(narrowest.get("distribution"))
        if visibility["distribution"] == _SHARING_GROUP:
            group = narrowest.get("SharingGroup")
            named = _text(group.get("uuid")) if isinstance(group, dict) else ""
            visibility["sharing_group"] = named or _text(narrowest.get("sharing_group_id"))
    organisation = event.get("Orgc")
    if isinstance(organisation, dict) and (named := _text(organisation.get("uuid")) or _text(organisation.get("name"))):
        visibility["org"] = named
    for marking in ("tlp", "pap"):
        marks = [tag for tag in tags_of(event, found, attribute) if tag.lower().startswith(f"{marking}:")]
        if marks:
            visibility[marking] = marks
    return visibility


def tags_of(*holders: Mapping[str, Any], local: bool = True) -> tuple[str, ...]:
    """Return the tags of events, objects and attributes, each once. local: those that stay on their server, too."""
    tags = (tag for one in holders for tag in _objects(one.get("Tag")) if local or not _flag(tag.get("local")))
    return tuple(dict.fromkeys(name for tag in tags if (name := _text(tag.get("name")).strip())))


def _flag(value: Any) -> bool:
    return value is True or _text(value).lower() in ("1", "true")


def events_of(given: Given) -> Iterator[dict[str, Any] | Flaw]:
    """Yield the events in a file or a feed's folder, a Flaw for each that is missing. Raises BadFile."""
    return _events(given)


def _events(given: Given) -> Iterator[dict[str, Any] | Flaw]:
    if given.path.is_dir():
        yield from _feed(given, given.path)
        return
    found = _document(given, given.path, given.name)
    if isinstance(found, dict) and found and all(_UUID.fullmatch(name) for name in found):
        yield from _feed(given, given.path.parent, found)
        return
    events = list(_in_document(found))
    if not events:
        raise given.bad("there is no MISP event in it; nothing was imported")
    yield from events


def _feed(given: Given, folder: Path, manifest: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any] | Flaw]:
    """Yield the events of a feed: those of its manifest, or without one all files called as events are."""
    if manifest is None and (folder / MANIFEST).is_file():
        found = _document(given, folder / MANIFEST, f"{given.name}/{MANIFEST}")
        if not isinstance(found, dict) or not all(_UUID.fullmatch(name) for name in found):
            raise given.bad(f"{MANIFEST} is no manifest of a MISP feed; nothing was imported")
        manifest = found
    names = sorted(manifest) if manifest is not None else sorted(path.stem for path in folder.glob("*.json") if _UUID.fullmatch(path.stem))
    if not names:
        raise given.bad("there are no events of a MISP feed in it; nothing was imported")
    for name in names:
        path = folder / f"{name}.json"
        if not path.is_file():
            yield Flaw(f"event {name}", f"its file {name}.json is missing")
            continue
        yield from _in_document(_document(given, path, f"{given.name}/{path.name}"))


def _document(given: Given, path: Path, name: str) -> Any:
    if path.stat().st_size > _LARGEST:
        raise given.bad(f"{name} has more than {_LARGEST >> 20} MiB; split it into smaller events; nothing was imported")
    try:
        return parse(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise given.bad(f"{name}: {error}; nothing was imported") from None


def _in_document(found: Any) -> Iterator[dict[str, Any]]:
    """Yield the events in a document: one, a list of them, an answer with a list of them."""
    if isinstance(found, dict) and "response" in found:
        found = found["response"]
    for one in found if isinstance(found, list) else [found]:
        event = one.get("Event", one) if isinstance(one, dict) else None
        if isinstance(event, dict) and event.keys() & {"Attribute", "Object", "info", "uuid"}:
            yield event


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def _deleted(one: Mapping[str, Any]) -> bool:
    return _flag(one.get("deleted"))


def _seconds(value: Any) -> float:
    text = _text(value).partition(".")[0]
    return float(text) if text.isdecimal() and len(text) < 13 and int(text) <= _LATEST else 0.0
