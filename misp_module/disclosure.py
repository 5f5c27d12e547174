"""What may be said of a known picture to whoever asks.

MISP does not tell who pressed the button, so an answer may only say what everyone on that server may know.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from matcher.records import Record
from matcher.source import Source
from misp_module.query import is_uuid

_UNDERSTOOD = {"org", "distribution", "sharing_group", "tlp", "pap"}
_OPEN_TLP = {"clear", "white", "green", "amber"}  # never red, nor amber+strict, whatever the settings say
# Which distributions are told: all communities (3), connected ones (2), this one (1), one organisation (0). Never a sharing
# group (4), nor "as its event" (5), which says nothing.
_DISTRIBUTIONS = {"all": "3", "connected": "23", "community": "123", "organisation": "0123"}


@dataclass(frozen=True)
class Disclosed:
    """What may be said.

    source: the place to name, None when none may be named or none is known; without id where that may describe the picture.
    seen: seconds since the epoch, 0 for untold. hidden: some place may not be told, so nothing that could come from it may be
    told either. sensitive: the picture is, and that may be told. keys: of all places that may be named.
    """

    source: Source | None
    seen: float
    banks: tuple[str, ...]
    hidden: bool
    sensitive: bool = False
    keys: frozenset[str] = frozenset()

    @property
    def anonymous(self) -> bool:
        """Whether the picture is known only from places that may not be told."""
        return self.hidden and self.source is None


class Policy:
    """What the settings let be told. most: the narrowest distribution whose pictures are told of (misp.max_disclosure)."""

    def __init__(self, most: str = "community") -> None:
        self._distributions = frozenset(_DISTRIBUTIONS[most])

    def may_tell(self, source: Source) -> bool:
        """Whether the source may be named: no distribution, sharing group or TLP says otherwise. What is not understood is not told."""
        return self.open(source.visibility)

    def open(self, visibility: Mapping[str, Any]) -> bool:
        """Whether what is marked like this may be told of."""
        return (
            visibility.keys() <= _UNDERSTOOD
            and _texts(visibility.get("tlp")) <= _OPEN_TLP
            and _texts(visibility.get("distribution")) <= self._distributions
            and _texts(visibility.get("sharing_group")) <= {"0"}
        )

    def told(self, record: Record, asking: str = "") -> list[Source]:
        """Return the places of a picture that may be named when the attribute `asking` is looked up."""
        return [source for source in record.sources if not is_attribute(source, asking) and self.may_tell(source)]

    def conceals(self, record: Record, asking: str = "") -> bool:
        """Whether a picture is known, but for the attribute that asks, only from places that may not be named: it does not exist then."""
        others = [source for source in record.sources if not is_attribute(source, asking)]
        return bool(others) and not any(map(self.may_tell, others))

    def disclose(self, record: Record, asking: str = "") -> Disclosed:
        """Return what may be told of a known picture when the attribute `asking` is looked up.

        The place told is a MISP attribute where there is one, else the first place seen: new sightings do not change it.
        """
        sources = [source for source in record.sources if not is_attribute(source, asking)]
        shown = [source for source in sources if self.may_tell(source)]
        hidden = len(shown) < len(sources)
        first = min(shown, key=lambda s: (s.kind != "misp-attribute", s.first_seen or float("inf"), s.key), default=None)
        if first is not None and record.sensitive:
            first = _plain_reference(first)
        seen = first.first_seen if first else 0.0
        banks = () if hidden else tuple(sorted(record.banks))
        keys = frozenset(source.key for source in shown)
        return Disclosed(first, seen or (0.0 if hidden else record.added), banks, hidden, record.sensitive and not hidden, keys)


def events(sources: Iterable[Source]) -> frozenset[str]:
    """Return the UUIDs of the events that sources are in."""
    named = (source.metadata.get("event_uuid") for source in sources)
    return frozenset(name.lower() for name in named if isinstance(name, str) and is_uuid(name))


def is_attribute(source: Source, uuid: str) -> bool:
    """Whether the source is the MISP attribute `uuid`."""
    return bool(uuid) and source.kind == "misp-attribute" and source.id.lower() == uuid


def only_known_from(record: Record, uuid: str) -> bool:
    """Whether the picture is known from the MISP attribute `uuid` and from nowhere else."""
    return bool(record.sources) and all(is_attribute(source, uuid) for source in record.sources)


def _plain_reference(source: Source) -> Source:
    """Return a source without what may describe its picture: metadata, names of files, addresses. A UUID says nothing."""
    return replace(source, id=source.id if source.kind == "misp-attribute" and is_uuid(source.id) else "", metadata={})


def _texts(value: Any) -> set[str]:
    values = value if isinstance(value, (list, tuple, set)) else [value]
    return {str(v).strip().lower().removeprefix("tlp:") for v in values if v is not None and v != ""}
