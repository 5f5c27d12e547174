"""Known pictures by what people have at hand: a SHA-256, an address, a MISP uuid, an AIL id, or kind:id of a source."""

import re
from typing import TYPE_CHECKING

from matcher.records import Record

if TYPE_CHECKING:
    from matcher.engine import Matcher

_SHA256 = re.compile("[0-9a-fA-F]{64}")
_UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOST = 100


def known_as(matcher: "Matcher", what: str) -> list[Record]:
    """Return the known pictures that somebody may mean, newest first."""
    what = refanged(what.strip())
    if _SHA256.fullmatch(what) and (record := matcher.collection.known(what.lower())) is not None:
        return matcher.collection.clustered([record])
    found: dict[int, Record] = {}
    for kind, id in _meant(what):
        found |= {record.id: record for record in matcher.by_source(kind, id)[:_MOST]}
    # AIL names an image by its SHA-256.
    named = _SHA256.fullmatch(what.rpartition(":")[2])
    if not found and named and (record := matcher.collection.known(named[0].lower())) is not None:
        found[record.id] = record
    return sorted(matcher.collection.clustered(found.values()), key=lambda record: -record.id)[:_MOST]


def looks_like_address(what: str) -> bool:
    """Whether it is the address of something on another server."""
    return refanged(what).startswith(("http://", "https://"))


def refanged(text: str) -> str:
    """Return an address as it was before somebody made it harmless (hxxp, [.])."""
    return re.sub(r"(?i)^hxxp(s?)://", r"http\1://", text).replace("[.]", ".") if re.match(r"(?i)hxxps?://", text) else text


def _meant(what: str) -> list[tuple[str, str]]:
    """Return the sources that this may be: kind and id."""
    if not what:
        return []
    meant = [("url", what), ("ail-object", what), ("page", what), ("file", what), ("domain", what.lower())]
    if _UUID.fullmatch(what):
        meant.insert(0, ("misp-attribute", what.lower()))
    if _SHA256.fullmatch(what.lower()):
        meant.append(("ail-object", f"image::{what.lower()}"))
    kind, sign, id = what.partition(":")
    if sign and id and not id.startswith(("//", ":")):
        meant.append((kind, id))
    return meant
