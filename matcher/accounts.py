"""Accounts: people who log in with a password. Only argon2id hashes of passwords are kept."""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from matcher.errors import BadRequest, Conflict, NotFound, Unauthorized
from matcher.store import Store
from matcher.tokens import Role

KEY = b"u"
# What a person may do, and the role of a token that may do the same.
VIEWER, REVIEWER, ADMIN = "viewer", "reviewer", "admin"
PEOPLE = {VIEWER: Role.SEARCH, REVIEWER: Role.REVIEW, ADMIN: Role.ADMIN}
LEAST_PASSWORD, _MOST_PASSWORD = 10, 1000
_MAX_NAME = 100
_WRONG = "this name and password do not belong together"
_DROP = "return redis.call('HDEL', KEYS[1], ARGV[1])"


@dataclass(frozen=True)
class Account:
    """A person who may log in.

    role: one of PEOPLE. banks, orgs: whose pictures and sources they are limited to, empty for all. created: seconds since the epoch.
    serial: another one after each change of the password or the role, which ends what was begun with the one before.
    """

    name: str
    role: str
    banks: tuple[str, ...] = ()
    orgs: tuple[str, ...] = ()
    created: float = 0.0
    serial: str = ""


class Accounts:
    """The accounts of a store. clock: seconds since the epoch."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._hasher = PasswordHasher()
        # One at a time: each takes 64 MiB for a moment, and guesses are to be slow.
        self._hashing = threading.Lock()
        self._nobody = ""

    def create(self, name: str, password: str, role: str, *, banks: Iterable[str] = (), orgs: Iterable[str] = ()) -> Account:
        """Create an account. Raises BadRequest for a name, role or password that cannot be, Conflict for a name that is taken."""
        checked_name(name)
        account = Account(name, checked_role(role), tuple(banks), tuple(orgs), self._clock(), secrets.token_hex(8))
        if self._read(name) is not None:
            raise Conflict(f"there is an account {name!r} already; `kuato account password` changes its password")
        self._put(account, self._hash(password))
        return account

    def list(self) -> list[Account]:
        """Return all accounts by name."""
        return sorted((_account(json.loads(value))[0] for value in self._store.fields(self._key).values()), key=lambda one: one.name)

    def any(self) -> bool:
        """Whether there is an account."""
        return self._store.field_counts([self._key]) > 0

    def get(self, name: str) -> Account | None:
        """Return an account, None where there is none of that name."""
        found = self._read(name)
        return found[0] if found else None

    def change(self, name: str, *, password: str | None = None, role: str | None = None) -> Account:
        """Change password or role, and end all sessions of that account. Raises NotFound, BadRequest."""
        found = self._read(name)
        if found is None:
            raise _no(name)
        account = replace(found[0], role=checked_role(role) if role else found[0].role, serial=secrets.token_hex(8))
        self._put(account, self._hash(password) if password is not None else found[1])
        return account

    def remove(self, name: str) -> None:
        """Remove an account and end its sessions. Raises NotFound."""
        if not self._store.run(_DROP, self._key, _field(name)):
            raise _no(name)

    def check(self, name: str, password: str) -> Account:
        """Return the account of this name and password. Raises Unauthorized."""
        found = self._read(name)
        # Compared also where there is nothing to compare with, so that the time does not tell whether a name exists.
        account, proof = found or (None, self._anybody())
        try:
            with self._hashing:
                self._hasher.verify(proof, password[:_MOST_PASSWORD])
        except (VerificationError, InvalidHashError):
            account = None
        if account is None:
            raise Unauthorized(_WRONG)
        if self._hasher.check_needs_rehash(proof):
            self._put(account, self._hash(password))
        return account

    def _hash(self, password: str) -> str:
        if not LEAST_PASSWORD <= len(password) <= _MOST_PASSWORD:
            raise BadRequest(f"a password has {LEAST_PASSWORD} to {_MOST_PASSWORD} characters, this one has {len(password)}")
        with self._hashing:
            return self._hasher.hash(password)

    def _anybody(self) -> str:
        self._nobody = self._nobody or self._hash(secrets.token_urlsafe())
        return self._nobody

    def _read(self, name: str) -> tuple[Account, str] | None:
        value = self._store.field(self._key, _field(name))
        return _account(json.loads(value)) if value else None

    def _put(self, account: Account, proof: str) -> None:
        self._store.set_field(self._key, _field(account.name), json.dumps({**asdict(account), "proof": proof}).encode())

    @property
    def _key(self) -> bytes:
        return self._store.key(KEY)


def checked_name(name: str) -> str:
    """Return what can name an account. Raises BadRequest."""
    if not name.strip() or name != name.strip() or len(name) > _MAX_NAME or not name.isprintable():
        raise BadRequest(f"{name[:80]!r} cannot name an account: it takes 1 to {_MAX_NAME} printable characters, no space around them")
    return name


def checked_role(role: str) -> str:
    """Return the name of a role of people. Raises BadRequest."""
    if role not in PEOPLE:
        raise BadRequest(f"{role[:80]!r} is no role of people; choose one of {', '.join(PEOPLE)}")
    return role


def _field(name: str) -> bytes:
    return name.encode("utf-8", "replace")


def _no(name: str) -> NotFound:
    return NotFound(f"there is no account {name[:80]!r}; `kuato account list` shows all")


def _account(value: dict[str, Any]) -> tuple[Account, str]:
    proof = str(value.pop("proof"))
    return Account(**{**value, "banks": tuple(value["banks"]), "orgs": tuple(value["orgs"])}), proof
