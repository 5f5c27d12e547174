"""What MISP asked about, remembered after it was answered (misp.remember)."""

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, Protocol

from matcher.errors import KuatoError
from matcher.source import Source
from misp_module.query import Subject, names_of_tags

_MOST_WAITING = 32

_log = logging.getLogger(__name__)


class Adding(Protocol):
    """Who can add pictures."""

    def remember(self, data: bytes, sources: Sequence[Source], banks: Iterable[str], name: str) -> Any:
        """Add a picture."""


class Memory:
    """Adds pictures one after the other, so that answers do not wait for it; what is too much at once is left to the sync."""

    def __init__(self, pictures: Adding) -> None:
        self._pictures = pictures
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="misp-remember")
        self._free = threading.BoundedSemaphore(_MOST_WAITING)

    def remember(self, subject: Subject, data: bytes, request: Mapping[str, Any]) -> None:
        """Add the picture of an attribute, some time; one that names no attribute is not added."""
        if not subject.uuid:
            return
        if not self._free.acquire(blocking=False):
            _log.warning("attribute %s is not remembered: %d pictures wait to be (misp.remember)", subject.uuid, _MOST_WAITING)
            return
        attribute = _attribute(subject.uuid, request)
        self._thread.submit(self._add, data, source_of(subject.uuid, attribute, {}, time.time()), subject.name)

    def wait(self) -> None:
        """Return once everything so far was added."""
        self._thread.submit(lambda: None).result()

    def _add(self, data: bytes, source: Source, name: str) -> None:
        try:
            self._pictures.remember(data, [source], [], name)
        except KuatoError as error:
            _log.warning("attribute %s is not remembered: %s", source.id, error)
        finally:
            self._free.release()


def source_of(
    uuid: str, attribute: Mapping[str, Any], event: Mapping[str, Any], seen: float, whole: Mapping[str, Any] = MappingProxyType({})
) -> Source:
    """Return the place that an attribute is. event, whole: the event and the object it is in, where that is known.

    Who may know is the narrowest of what they say. An attribute that is distributed as its event, of which nothing is known,
    is told of nowhere until a sync knows more.
    """
    parts = (event, whole, attribute)
    levels = [part for part in parts if str(part.get("distribution", "5")) != "5"]
    narrowest = min(levels, key=lambda part: "04123".find(str(part["distribution"])), default={"distribution": "5"})
    visibility: dict[str, Any] = {"distribution": str(narrowest["distribution"])}
    if visibility["distribution"] == "4":
        visibility["sharing_group"] = str(narrowest.get("sharing_group_id") or "unknown")
    org = event.get("Orgc")
    if isinstance(org, dict) and isinstance(org.get("uuid"), str):
        visibility["org"] = org["uuid"]
    tlp = sorted({tag for part in parts for tag in names_of_tags(dict(part)) if tag.lower().startswith("tlp:")})
    visibility |= {"tlp": tlp} if tlp else {}
    named = {"event_uuid": event.get("uuid"), "event_id": attribute.get("event_id") or event.get("id")}
    metadata = {name: value for name, value in named.items() if isinstance(value, str)}
    return Source("misp-attribute", uuid, seen, seen, metadata, visibility)


def _attribute(uuid: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    whole = request.get("object")
    parts = whole.get("Attribute", []) if isinstance(whole, dict) else [request.get("attribute")]
    return next((part for part in parts if isinstance(part, dict) and str(part.get("uuid", "")).lower() == uuid), {})
