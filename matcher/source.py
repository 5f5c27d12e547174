"""Where a picture was seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Source:
    """One place a picture was seen; kind and id together name it.

    kind: "file", "url", "misp-attribute", "ail-object", .. id: the name within that kind (path, URL, uuid, global id).
    first_seen, last_seen: seconds since the epoch, 0 where unknown.
    metadata: JSON kept as given. visibility: who may know (org, distribution, sharing_group, tlp, pap), as given.
    """

    kind: str
    id: str
    first_seen: float = 0.0
    last_seen: float = 0.0
    metadata: dict[str, Any] = field(default_factory=dict)
    visibility: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name of the source: kind and id."""
        return f"{self.kind}:{self.id}"

    @property
    def org(self) -> str:
        """The organisation whose sighting this is, "" where none is named."""
        org = self.visibility.get("org")
        return "" if org is None else str(org)

    @property
    def identity(self) -> tuple[str, str, str]:
        """What tells it from the other sources of a picture: kind, id and organisation."""
        return self.kind, self.id, self.org

    def place(self, known: "Mapping[tuple[str, ...], Source]") -> tuple[str, ...]:
        """Return under which key this sighting belongs among those known, made up of such keys.

        Two organisations that saw a picture at one place have a source each: neither learns what the other noted, nor
        takes it away; nor does one take what is told to all. A sighting that names no organisation belongs to the source that
        is there.
        """
        first = known.get((self.kind, self.id))
        apart = first is not None and self.org not in ("", first.org)
        return self.identity if apart else (self.kind, self.id)

    def merged_with(self, earlier: "Source | None") -> "Source":
        """Return this sighting joined with an earlier one of the same source: the whole span of time, the newer details.

        One that names no organisation takes nothing from what an organisation noted, least of all who may know.
        """
        if earlier is None:
            return self
        newer, older = (earlier, self) if earlier.org and not self.org else (self, earlier)
        known = [seen for seen in (earlier.first_seen, self.first_seen) if seen]
        return replace(
            self,
            first_seen=min(known, default=0.0),
            last_seen=max(earlier.last_seen, self.last_seen),
            metadata=newer.metadata or older.metadata,
            visibility=newer.visibility or older.visibility,
        )
