"""Where a picture was seen."""

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

    def merged_with(self, earlier: "Source | None") -> "Source":
        """Return this sighting joined with an earlier one of the same source: the whole span of time, the newer details."""
        if earlier is None:
            return self
        known = [seen for seen in (earlier.first_seen, self.first_seen) if seen]
        return replace(
            self,
            first_seen=min(known, default=0.0),
            last_seen=max(earlier.last_seen, self.last_seen),
            metadata=self.metadata or earlier.metadata,
            visibility=self.visibility or earlier.visibility,
        )
