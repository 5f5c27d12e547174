"""From a source to where a person can look at it: MISP's and AIL's own pages, told by whoever knows them.

A package offers links by a line in its pyproject.toml; the function is given a source and the settings, and returns an address or "":

    [project.entry-points."kuato.links"]
    wiki = "my_package.links:link"
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from matcher.doors import loaded
from matcher.settings import Settings
from matcher.source import Source

GROUP = "kuato.links"
Link = Callable[[Source, Settings], str]
_ADDRESS = re.compile(r"https?://[^\s\"'<>]+")


@dataclass(frozen=True)
class Seen:
    """A source as it is shown. what: its kind for people. text: what it is called; link: where to look at it, "" for nowhere.

    Addresses of pages that may be hostile are shown so that nobody can follow them by accident. about: event, organisation and so on.
    """

    what: str
    text: str
    link: str
    about: tuple[tuple[str, str], ...]
    first: float
    last: float


class Links:
    """Shows sources."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._makers: list[Link] = [link for _, link in loaded(GROUP)]

    def seen(self, shape: Mapping[str, Any]) -> Seen:
        """Return a source, as `shapes.source` has it, as it is shown."""
        kind, id, metadata = shape["kind"], shape["id"], shape["metadata"]
        source = Source(kind, id, metadata=metadata)
        link = next(filter(_ADDRESS.fullmatch, (make(source, self._settings) for make in self._makers)), "")
        about = tuple((name, defanged(str(metadata[key]))) for key, name in _ABOUT if metadata.get(key))
        return Seen(_KINDS.get(kind, kind), defanged(id), link, about, _seconds(shape["first_seen"]), _seconds(shape["last_seen"]))


# What programs call a kind of source, and what people do.
_KINDS = {
    "misp-attribute": "MISP",
    "ail-object": "AIL",
    "ail-chat": "AIL chat",
    "ail-item": "AIL item",
    "url": "URL",
}
# What of the details is worth a glance, and what it is called.
_ABOUT = (("event_info", "event"), ("org", "org"), ("filename", "file"), ("url", "url"), ("item", "item"))


def defanged(text: str) -> str:
    """Return a text in which no address can be followed by accident."""
    return re.sub(r"(?i)\bhttp(s?)://", r"hxxp\1://", text)


def _seconds(moment: str | None) -> float:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() if moment else 0.0
