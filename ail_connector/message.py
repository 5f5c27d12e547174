"""Messages of AIL's queues: the global id of an object, a semicolon, a text."""

from dataclasses import dataclass

import xxhash

# What AIL writes where there is no object.
NOBODY = "::"


@dataclass(frozen=True)
class Message:
    """A message as it lies in a list.

    gid: type, subtype and id, by colons; None where the message has no semicolon. text: what comes after.
    """

    raw: bytes
    gid: str | None
    text: str

    @classmethod
    def parse(cls, raw: bytes) -> "Message":
        """Return the message; bytes that are no UTF-8 are kept, escaped."""
        gid, semicolon, text = raw.decode("utf-8", "surrogateescape").partition(";")
        return cls(raw, gid, text) if semicolon else cls(raw, None, gid)

    @property
    def counted(self) -> bool:
        """Whether AIL keeps account of the object while the message is under way."""
        return self.gid not in (None, NOBODY)

    @property
    def parts(self) -> tuple[str, str, str]:
        """Type, subtype and id of the object, empty where they are missing."""
        kind, _, rest = (self.gid or "").partition(":")
        subtype, _, id = rest.partition(":")
        return kind, subtype, id


def encoded(gid: str, text: str) -> bytes:
    """Return a message as AIL writes it."""
    return f"{gid};{text}".encode("utf-8", "surrogateescape")


def digest(raw: bytes) -> str:
    """Return by what AIL knows a message: XXH3, 64 bits, of all of it. As bytes, which every version of xxhash takes."""
    return xxhash.xxh3_64_hexdigest(raw)
