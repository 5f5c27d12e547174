"""A cluster: pictures that are tied, as one value in Redis.

    {"made": time, "members": [id..], "links": [[id, id, distance, how]..], "apart": [id..], "aliases": [cluster..],
     "moved": {id: cluster or ""}, "into": cluster or ""}

A cluster that was merged into another keeps nothing but `into`, and its id for ever.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from matcher.errors import StoreMismatch

# How two pictures came to be tied: by a search, by a review of the pair, by a person who joined or accepted.
FOUND, REVIEWED, BY_HAND = "found", "reviewed", "by hand"


@dataclass(frozen=True)
class Link:
    """What ties two pictures, by their ids, the lower one first. how: FOUND, REVIEWED or BY_HAND."""

    a: int
    b: int
    distance: float
    how: str = FOUND

    @classmethod
    def between(cls, one: int, other: int, distance: float, how: str = FOUND) -> "Link":
        """Return the link of two pictures."""
        return cls(min(one, other), max(one, other), round(distance, 4), how)

    @property
    def pair(self) -> tuple[int, int]:
        """The two ids, the lower one first."""
        return self.a, self.b

    @property
    def key(self) -> tuple[int, int, str]:
        """What makes it another link: there is one of each kind between two pictures."""
        return self.a, self.b, self.how


@dataclass(frozen=True)
class Cluster:
    """Pictures that are tied. Unchangeable; the methods return another one.

    id: a UUID. made: seconds since the epoch, never changed: of two that are merged the older one stays. members: ids of pictures,
    in the order in which they joined. apart: ids of pictures that a person wants to have elsewhere than these.
    aliases: ids of the clusters merged into this one. moved: pictures that left, and for which cluster. into: what this one is
    merged into, "" while it stands for itself.
    """

    id: str
    made: float
    members: tuple[int, ...] = ()
    links: tuple[Link, ...] = ()
    apart: frozenset[int] = frozenset()
    aliases: tuple[str, ...] = ()
    moved: Mapping[int, str] = field(default_factory=dict)
    into: str = ""

    @property
    def age(self) -> tuple[float, str]:
        """What orders clusters: merging goes from the greater to the lesser, so that it never goes round in circles."""
        return self.made, self.id

    def gaining(self, members: Iterable[int], links: Iterable[Link] = ()) -> "Cluster":
        """Return the cluster with more members and links; whoever is a member is no longer to be apart."""
        joined = tuple(dict.fromkeys((*self.members, *members)))
        tied = tuple({link.key: link for link in (*self.links, *links)}.values())
        moved = {id: where for id, where in self.moved.items() if id not in joined}
        return replace(self, members=joined, links=tied, apart=self.apart.difference(joined), moved=moved)

    def taking_in(self, other: "Cluster", links: Iterable[Link] = ()) -> "Cluster":
        """Return the cluster with all of another, which is about to be merged into it."""
        aliases = tuple(dict.fromkeys((*self.aliases, *other.aliases, other.id)))
        whole = replace(self, aliases=aliases, apart=self.apart | other.apart)
        return whole.gaining(other.members, (*other.links, *links))

    def having_taken_in(self, other: "Cluster") -> "Cluster":
        """Return the cluster with all of another that has been merged into it, but for those that have left since."""
        left = Cluster(other.id, other.made, tuple(id for id in other.members if id not in self.moved))
        return self.taking_in(left, (link for link in other.links if self.moved.keys().isdisjoint(link.pair)))

    def losing(self, leaving: Collection[int], moved: Mapping[int, str] | None = None) -> "Cluster":
        """Return the cluster without some members and their links. moved: where they are now."""
        gone = frozenset(leaving)
        links = tuple(link for link in self.links if gone.isdisjoint(link.pair))
        left = tuple(id for id in self.members if id not in gone)
        return replace(self, members=left, links=links, apart=self.apart - gone, moved={**self.moved, **(moved or {})})

    def known_as(self, aliases: Iterable[str]) -> "Cluster":
        """Return the cluster with more ids that lead to it."""
        return replace(self, aliases=tuple(dict.fromkeys((*self.aliases, *aliases))))

    def having_apart(self, ids: Iterable[int]) -> "Cluster":
        """Return the cluster with pictures that a person wants to have elsewhere."""
        return replace(self, apart=self.apart.union(ids).difference(self.members))

    def allowing(self, ids: Iterable[int]) -> "Cluster":
        """Return the cluster without pictures that a person wanted to have elsewhere, and wants so no longer."""
        return replace(self, apart=self.apart.difference(ids))

    def without_links(self, pair: tuple[int, int], how: Collection[str] = (FOUND, REVIEWED, BY_HAND)) -> "Cluster":
        """Return the cluster without what ties two pictures directly."""
        return replace(self, links=tuple(link for link in self.links if link.pair != pair or link.how not in how))

    def merged_into(self, other: str) -> "Cluster":
        """Return what is left of the cluster once it is part of another."""
        return Cluster(self.id, self.made, into=other, moved=self.moved)

    def reach(self, id: int) -> set[int]:
        """Return the members that links lead to from one of them, itself included."""
        near: dict[int, list[int]] = {}
        for link in self.links:
            near.setdefault(link.a, []).append(link.b)
            near.setdefault(link.b, []).append(link.a)
        found, pending = {id}, [id]
        while pending:
            fresh = set(near.get(pending.pop(), ())) - found
            found |= fresh
            pending += fresh
        return found

    def star_of(self, id: int) -> bool:
        """Whether one picture alone holds the cluster together: every link is one of its own."""
        return all(id in link.pair for link in self.links)

    def pack(self) -> bytes:
        """Return the value as stored."""
        told: dict[str, object] = {"made": self.made}
        told |= {"members": self.members} if self.members else {}
        told |= {"links": [[link.a, link.b, link.distance, link.how] for link in self.links]} if self.links else {}
        told |= {"apart": sorted(self.apart)} if self.apart else {}
        told |= {"aliases": self.aliases} if self.aliases else {}
        told |= {"moved": self.moved} if self.moved else {}
        told |= {"into": self.into} if self.into else {}
        return json.dumps(told, separators=(",", ":")).encode()

    @classmethod
    def unpack(cls, id: str, value: bytes) -> "Cluster":
        """Return the cluster stored as `value`. Raises StoreMismatch."""
        try:
            told = json.loads(value)
            return cls(
                id,
                float(told["made"]),
                tuple(told.get("members", ())),
                tuple(Link(*link) for link in told.get("links", ())),
                frozenset(told.get("apart", ())),
                tuple(told.get("aliases", ())),
                {int(picture): where for picture, where in told.get("moved", {}).items()},
                told.get("into", ""),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreMismatch(f"cluster {id} cannot be read ({error}); another version wrote it, or something else") from error


def founded_by(sha256: str) -> str:
    """Return the id of the cluster that a picture founds: known before there is one, so that what names it goes on being right.

    A UUID of version 8 (RFC 9562), whose other bits are the first of the SHA-256.
    """
    bits = int(sha256[:32], 16) & ~(0xF << 76) & ~(0x3 << 62)
    return str(UUID(int=bits | 8 << 76 | 2 << 62))
