"""Who may ask over HTTP: bearer tokens with a role and scopes. Only hashes of them are kept.

A token reads kuato_ID_SECRET. The id finds its entry, the SHA-256 of the secret (256 random bits, so a slow hash would add
nothing) proves it. Entries of revoked tokens stay: from the first token on, nobody asks without one.
"""

import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from enum import IntEnum
from hashlib import sha256
from typing import Any

from matcher.errors import BadRequest, NotFound, Unauthorized
from matcher.store import Store

PREFIX = "kuato"
KEY = b"a"
_MAX_NAME = 100


class Role(IntEnum):
    """What a caller may do; each includes those before.

    search: read and search. write: add, change and remove pictures. review: judge pairs. admin: banks, export.
    """

    SEARCH = 1
    WRITE = 2
    REVIEW = 3
    ADMIN = 4

    @property
    def label(self) -> str:
        """The name for people."""
        return self.name.lower()

    @classmethod
    def named(cls, name: str) -> "Role":
        """Return the role of that name. Raises BadRequest."""
        try:
            return cls[name.upper()]
        except KeyError:
            raise BadRequest(f"{name!r} is no role; choose one of {', '.join(role.label for role in cls)}") from None


@dataclass(frozen=True)
class Token:
    """What is known of a token.

    banks, orgs: whose pictures and sources it is limited to, empty for all. rate: requests a minute, None for the setting's.
    created, expires, revoked: seconds since the epoch, 0 for never.
    """

    id: str
    name: str
    role: Role
    banks: tuple[str, ...] = ()
    orgs: tuple[str, ...] = ()
    rate: int | None = None
    created: float = 0.0
    expires: float = 0.0
    revoked: float = 0.0

    def state(self, now: float) -> str:
        """Return "valid", "expired" or "revoked"."""
        if self.revoked:
            return "revoked"
        return "expired" if self.expires and self.expires <= now else "valid"


class Tokens:
    """The tokens of a store."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def create(
        self,
        name: str,
        role: Role,
        *,
        banks: Iterable[str] = (),
        orgs: Iterable[str] = (),
        rate: int | None = None,
        days: float | None = None,
    ) -> tuple[Token, str]:
        """Create a token; return what is known of it, and the token itself, which cannot be had again. Raises BadRequest."""
        if not name.strip() or len(name) > _MAX_NAME or not name.isprintable():
            raise BadRequest(f"{name[:80]!r} cannot name a token: it takes 1 to {_MAX_NAME} printable characters")
        now = self._clock()
        expires = now + days * 86400 if days is not None else 0.0
        token = Token(secrets.token_hex(6), name, role, tuple(banks), tuple(orgs), rate, now, expires)
        secret = secrets.token_urlsafe(32)
        self._put(token, sha256(secret.encode()).hexdigest())
        return token, f"{PREFIX}_{token.id}_{secret}"

    def list(self) -> list[Token]:
        """Return all tokens, oldest first, the revoked and expired ones too."""
        found = (_token(json.loads(value))[0] for value in self._store.fields(self._key).values())
        return sorted(found, key=lambda token: (token.created, token.id))

    def any(self) -> bool:
        """Whether a token was ever created."""
        return self._store.field_counts([self._key]) > 0

    def usable(self) -> bool:
        """Whether anybody has a valid token."""
        return any(token.state(self._clock()) == "valid" for token in self.list())

    def revoke(self, id: str) -> Token:
        """Make a token useless, at once and for good. Raises NotFound."""
        value = self._store.field(self._key, id.encode("utf-8", "replace"))
        if value is None:
            raise NotFound(f"there is no token {id[:80]!r}; `kuato token list` shows all")
        token, proof = _token(json.loads(value))
        if not token.revoked:
            token = replace(token, revoked=self._clock())
            self._put(token, proof)
        return token

    def still_valid(self, id: str) -> bool:
        """Whether the token with this id may be used now."""
        value = self._store.field(self._key, id.encode("utf-8", "replace"))
        return value is not None and _token(json.loads(value))[0].state(self._clock()) == "valid"

    def check(self, text: str) -> Token:
        """Return the token that `text` is. Raises Unauthorized for an unknown, revoked or expired one."""
        prefix, _, rest = text.partition("_")
        id, _, secret = rest.partition("_")
        value = self._store.field(self._key, id.encode("utf-8", "replace")) if prefix == PREFIX and id else None
        token, proof = _token(json.loads(value)) if value else (None, "")
        # Compared also where there is nothing to compare with, so that the time does not tell whether an id exists.
        proven = hmac.compare_digest(sha256(secret.encode("utf-8", "replace")).hexdigest(), proof or "0" * 64)
        if token is None or not proven or token.state(self._clock()) != "valid":
            raise Unauthorized("this token is not valid: unknown, revoked or expired; ask the operator for another (`kuato token create`)")
        return token

    def _put(self, token: Token, proof: str) -> None:
        value = json.dumps({**asdict(token), "role": token.role.label, "proof": proof})
        self._store.set_field(self._key, token.id.encode(), value.encode())

    @property
    def _key(self) -> bytes:
        return self._store.key(KEY)


def _token(value: dict[str, Any]) -> tuple[Token, str]:
    proof = str(value.pop("proof"))
    return Token(**{**value, "role": Role.named(value["role"]), "banks": tuple(value["banks"]), "orgs": tuple(value["orgs"])}), proof
