"""What AIL knows of an object: its tags, and where it was seen. Kvrocks is read; written only where correlations are wanted."""

from dataclasses import dataclass

from ail_connector.installation import FAVICON, IMAGE, SCREENSHOT, Installation
from ail_connector.message import Message
from ail_connector.servers import Server

_CRAWLED = "crawled/"
# A crawled item: crawled/YYYY/MM/DD/ before the domain, a UUID after it.
_BEFORE, _AFTER = 19, 36
_MOST_FAVICONS = 10  # of a domain
_CHATS = ("chat", "chat-subchannel", "chat-thread", "post")


@dataclass(frozen=True)
class Sighting:
    """An object of AIL, and where it was seen.

    gid: type::id. date: YYYYMMDD, "" where unknown. items, domains: of crawled pages; chats: type:subtype:id, also of posts in
    forums.
    tags: those that the object, its item and its domain have. link: AIL's page on it, "" where unknown.
    """

    gid: str
    date: str = ""
    items: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    chats: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    link: str = ""

    @property
    def kind(self) -> str:
        """The type of the object."""
        return self.gid.partition(":")[0]

    @property
    def id(self) -> str:
        """The id of the object within its type."""
        return self.gid.partition("::")[2]

    @property
    def places(self) -> frozenset[tuple[str, str]]:
        """Where it was seen, as pairs of what and which."""
        named = (("domain", self.domains), ("ail-chat", self.chats), ("ail-item", self.items))
        return frozenset((what, each) for what, some in named for each in some)


class Database:
    """Reads tags and correlations. most: places of one object that are looked at, so that a logo seen everywhere costs little."""

    def __init__(self, installation: Installation, most: int = 100) -> None:
        self._installation = installation
        self._tags = Server(installation.tags, "the tag database")
        self._correlations = Server(installation.correlations, "the correlation database")
        self._most = most

    def screenshots(self, item: str) -> list[str]:
        """Return the ids of the screenshots of an item. Raises AilUnavailable."""
        return self._related("item", item, (SCREENSHOT,))[0]

    def favicons(self, item: str) -> list[str]:
        """Return the ids of the favicons of an item; while AIL has noted none, of those of its domain. Raises AilUnavailable."""
        own = self._related("item", item, (FAVICON,))[0]
        domain = domain_of(item)
        return own or (self._related("domain", domain, (FAVICON,))[0][-_MOST_FAVICONS:] if domain else [])

    def sighting(self, kind: str, id: str, date: str = "", item: str = "") -> Sighting:
        """Return where an object was seen. item: the one it comes from now, if any. Raises AilUnavailable."""
        items, domains, chats = [item] if item else [], list[str](), list[str]()
        if kind == IMAGE:
            chats = self._chats(id)
        elif not item:
            items, domains = self._related(kind, id, ("item", "domain"))
        domains += [domain for each in items if (domain := domain_of(each)) and domain not in domains]
        gid = f"{kind}::{id}"
        about = [gid, *(f"item::{one}" for one in items[:1]), *(f"domain::{one}" for one in domains[:1])]
        tags = self._tags.members([f"tag:{one}" for one in about])
        return Sighting(
            gid,
            date or max((date_of(each) for each in items), default=""),
            tuple(items),
            tuple(domains),
            tuple(chats),
            tuple(sorted({tag.decode("utf-8", "backslashreplace") for some in tags for tag in some})),
            self._installation.link(kind, id),
        )

    def correlate(self, gid: str, others: tuple[str, ...]) -> None:
        """Note that objects of one type are correlated, as AIL's correlations_engine does. Raises AilUnavailable.

        Between types nothing is noted: AIL would export an image and a screenshot to MISP as what they are not.
        """
        kind, _, id = gid.partition("::")
        for other in others:
            if other.startswith(f"{kind}::"):
                other_id = other.partition("::")[2]
                for one, two in ((id, other_id), (other_id, id)):
                    self._correlations.ask("SADD", f"correlation:obj:{kind}::{kind}:{one}", f":{two}")

    def close(self) -> None:
        """End the connections."""
        self._tags.close()
        self._correlations.close()

    def _chats(self, id: str) -> list[str]:
        keys = [f"correlation:obj:{IMAGE}::{what}:{id}" for what in _CHATS]
        found = [
            f"{what}:{member.decode('utf-8', 'backslashreplace')}"
            for what, members in zip(_CHATS, self._correlations.members(keys), strict=True)
            for member in members
        ]
        return sorted(found)[: self._most]

    def _related(self, kind: str, id: str, wanted: tuple[str, ...]) -> list[list[str]]:
        found = self._correlations.members([f"correlation:obj:{kind}::{what}:{id}" for what in wanted])
        plain = [sorted(member.decode("utf-8", "backslashreplace").partition(":")[2] for member in members) for members in found]
        return [some[-self._most :] for some in plain]


def is_crawled(message: Message) -> bool:
    """Whether a message is of a page that the crawler brought."""
    kind, subtype, id = message.parts
    return kind == "item" and not subtype and id.startswith(_CRAWLED)


def domain_of(item: str) -> str:
    """Return the domain of a crawled item, "" for another one."""
    return item[_BEFORE:-_AFTER].lower() if item.startswith(_CRAWLED) and len(item) > _BEFORE + _AFTER else ""


def date_of(item: str) -> str:
    """Return the date of a crawled item, YYYYMMDD, "" for another one."""
    found = "".join(item.split("/")[1:4]) if item.startswith(_CRAWLED) else ""
    return found if len(found) == 8 and found.isascii() and found.isdecimal() else ""


OBJECTS = (IMAGE, SCREENSHOT, FAVICON)
