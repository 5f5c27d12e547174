"""Sessions: who logged in with which browser, for some hours, kept in the store so that they can be ended.

A browser holds a random id (256 bits) and a signature of it. The signature tells forgeries without asking the store, and is the
secret from which the page's token against forged requests follows. The store knows only the id's hash.
"""

import hmac
import json
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256

from matcher.accounts import Account, Accounts
from matcher.store import Store

KIND = b"z"
_COOKIE = re.compile(r"([A-Za-z0-9_-]{43})\.([0-9a-f]{64})")
_SET = "return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])"
_SECRET = "return redis.call('SET', KEYS[1], ARGV[1], 'NX') and ARGV[1] or redis.call('GET', KEYS[1])"  # noqa: S105 - a script
_DROP = "return redis.call('DEL', KEYS[1])"


@dataclass(frozen=True)
class Browser:
    """A browser that was here before, or is new. id: random. cookie: what it is to send back."""

    id: str
    cookie: str


class Sessions:
    """The sessions of a store. hours: how long one lasts."""

    def __init__(self, store: Store, accounts: Accounts, hours: float) -> None:
        self._store = store
        self._accounts = accounts
        self._milliseconds = int(hours * 3_600_000)
        self._known_secret = b""

    def new(self) -> Browser:
        """Return what a browser is to be known by from now on."""
        id = secrets.token_urlsafe(32)
        return Browser(id, f"{id}.{self._sign(b'browser', id)}")

    def browser(self, cookie: str) -> Browser | None:
        """Return the browser that sends this cookie, None for one that was not made here."""
        parts = _COOKIE.fullmatch(cookie)
        if parts is None or not hmac.compare_digest(self._sign(b"browser", parts[1]), parts[2]):
            return None
        return Browser(parts[1], cookie)

    def token(self, browser: Browser) -> str:
        """Return what a changing request of this browser must hold, which pages of others cannot know."""
        return self._sign(b"form", browser.id)

    def fits(self, browser: Browser, token: str) -> bool:
        """Whether this is that token."""
        return hmac.compare_digest(self.token(browser).encode(), token.encode("utf-8", "replace"))

    def begin(self, account: Account) -> Browser:
        """Let somebody be logged in; return the browser, which has a new id."""
        browser = self.new()
        value = json.dumps([account.name, account.serial]).encode()
        self._store.run(_SET, self._key(browser), value, self._milliseconds)
        return browser

    def account(self, browser: Browser) -> Account | None:
        """Return who is logged in there as their account is now, None where nobody is."""
        value = self._store.read([self._key(browser)])[0]
        if value is None:
            return None
        name, serial = json.loads(value)
        account = self._accounts.get(name)
        return account if account is not None and account.serial == serial else None

    def end(self, browser: Browser) -> None:
        """Let nobody be logged in there."""
        self._store.run(_DROP, self._key(browser))

    def _key(self, browser: Browser) -> bytes:
        return self._store.key(KIND, b":" + sha256(browser.id.encode()).digest())

    def _sign(self, purpose: bytes, text: str) -> str:
        return hmac.digest(self._secret(), purpose + b":" + text.encode(), "sha256").hex()

    def _secret(self) -> bytes:
        """Return the secret that all servers on this store share; whoever comes first makes it."""
        if not self._known_secret:
            self._known_secret = bytes(self._store.run(_SECRET, self._store.key(KIND), secrets.token_bytes(32)))
        return self._known_secret
