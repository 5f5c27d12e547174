"""Which person a browser is: named by a proxy that is trusted to have asked, or logged in here."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from werkzeug.http import parse_cookie

from matcher.accounts import PEOPLE, Accounts, checked_role
from matcher.errors import BadRequest, BadSettings, KuatoError, Refused
from matcher.sessions import Browser, Sessions
from matcher.settings import Settings
from matcher.tokens import Role

if TYPE_CHECKING:
    from matcher.store import Store

COOKIE = "kuato_session"
TOKEN_HEADER, TOKEN_FIELD = "X-Kuato-Token", "token"
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_ANYBODY = "*"
_TRIES = RateLimitItemPerMinute(10)
_FORWARDED_FROM = "werkzeug.proxy_fix.orig"


@dataclass(frozen=True)
class Person:
    """Somebody known. banks, orgs: what they are limited to, empty for all. here: whether they logged in here, and can log out."""

    name: str
    role: Role
    banks: frozenset[str] = frozenset()
    orgs: frozenset[str] = frozenset()
    here: bool = True


class People:
    """Finds out who sits in front of a browser. Raises BadSettings for a setting of `login` that makes no sense."""

    def __init__(self, store: "Store", settings: Settings) -> None:
        self.accounts = Accounts(store)
        self.sessions = Sessions(store, self.accounts, settings["login.hours"])
        self._header, self._groups = settings["login.header"], settings["login.groups_header"]
        self._proxies = tuple(_network(text) for text in settings["login.proxies"] or filter(None, [settings["web.proxy"]]))
        self._roles = tuple(_role(text) for text in settings["login.roles"])
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        if self._header and not self._proxies:
            raise BadSettings("login.header needs login.proxies or web.proxy: the address of the proxy that is trusted to send it")

    @property
    def proxied(self) -> bool:
        """Whether a proxy says who asks."""
        return bool(self._header)

    def person(self, request: Request) -> Person | None:
        """Return who asks, None for nobody known. Raises Refused for somebody known who has no role here, StoreUnavailable."""
        named = self._named(request)
        if named is not None:
            return named
        browser = self.browser(request)
        account = self.sessions.account(browser) if browser else None
        if account is None:
            return None
        return Person(account.name, PEOPLE[account.role], frozenset(account.banks), frozenset(account.orgs))

    def may_try(self, address: str, name: str) -> bool:
        """Whether somebody may try to log in once more within this minute: from one address, and as one name from wherever."""
        return self._limiter.hit(_TRIES, f"address:{address}") and self._limiter.hit(_TRIES, f"name:{name[:100]}")

    def browser(self, request: Request) -> Browser | None:
        """Return the browser that asks, None for one that was not here before."""
        return self.sessions.browser(request.cookies.get(COOKIE, ""))

    def check_token(self, request: Request) -> None:
        """Raise Refused for a changing request that none of our own pages sent."""
        if request.method in SAFE:
            return
        browser = self.browser(request)
        given = request.headers.get(TOKEN_HEADER) or (request.form.get(TOKEN_FIELD, "") if _is_form(request) else "")
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise Refused("a page of another server may not ask this")
        if browser is None or not self.sessions.fits(browser, given):
            raise Refused("this did not come from a page of ours, or the page was too old; load it anew and try again")

    def logged_in(self, cookie_header: str) -> bool:
        """Whether a request with this Cookie header is of somebody who logged in here. Raises StoreUnavailable."""
        browser = self.sessions.browser(parse_cookie(cookie_header).get(COOKIE, ""))
        return browser is not None and self.sessions.account(browser) is not None

    def admits(self, headers: Mapping[str, str], peer: str) -> bool:
        """Whether a request may come from somebody known; when that cannot be told, too.

        headers: as waitress keeps them, in capitals, with _ for -. peer: the address that the connection comes from.
        """
        if self._header and self._is_proxy(peer) and headers.get(self._header.upper().replace("-", "_")):
            return True
        try:
            return self.logged_in(headers.get("COOKIE", ""))
        except KuatoError:
            return True

    def _named(self, request: Request) -> Person | None:
        name = request.headers.get(self._header, "").strip() if self._header else ""
        if not name or not self._is_proxy(_peer(request.environ)):
            return None
        groups = request.headers.get(self._groups, "").split(",") if self._groups else []
        known = {name, *(group.strip() for group in groups), _ANYBODY}
        roles = [PEOPLE[role] for who, role in self._roles if who in known]
        if not roles:
            raise Refused(f"{name[:80]} has no role here; ask the operator for one (login.roles)")
        return Person(name[:100], max(roles), here=False)

    def _is_proxy(self, address: str) -> bool:
        try:
            return any(ipaddress.ip_address(address) in network for network in self._proxies)
        except ValueError:
            return False


def _peer(environ: Mapping[str, Any]) -> str:
    """Return the address that the connection came from, whatever was forwarded."""
    return str((environ.get(_FORWARDED_FROM) or environ).get("REMOTE_ADDR") or "")


def _is_form(request: Request) -> bool:
    return request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data")


def _network(text: str) -> "ipaddress.IPv4Network | ipaddress.IPv6Network":
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise BadSettings(f"login.proxies: {text!r} is no address or network, such as 127.0.0.1 or 10.0.0.0/24") from None


def _role(text: str) -> tuple[str, str]:
    who, _, role = text.rpartition("=")
    try:
        return who.strip(), checked_role(role.strip())
    except BadRequest as error:
        raise BadSettings(f"login.roles: {text!r} is not read: {error}") from None
