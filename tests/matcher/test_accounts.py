"""Accounts and sessions: who may log in, and what ends that."""

import pytest

from matcher.accounts import Accounts
from matcher.errors import BadRequest, Conflict, NotFound, Unauthorized
from matcher.sessions import Sessions
from matcher.store import Store

PASSWORD = "correct horse battery"


@pytest.fixture
def store(store_url):
    store = Store(lambda: store_url)
    yield store
    store.forget_connection()


@pytest.fixture
def accounts(store):
    return Accounts(store)


@pytest.fixture
def sessions(store, accounts):
    return Sessions(store, accounts, hours=1)


def test_an_account_is_checked_by_its_password(accounts):
    made = accounts.create("Zoë", PASSWORD, "reviewer", banks=["kits"])
    assert accounts.check("Zoë", PASSWORD) == made == accounts.get("Zoë")
    for name, password in (("Zoë", PASSWORD + "x"), ("Zoë", ""), ("zoë", PASSWORD), ("nobody", PASSWORD)):
        with pytest.raises(Unauthorized):
            accounts.check(name, password)


def test_only_a_hash_is_kept(accounts, store):
    accounts.create("ana", PASSWORD, "viewer")
    kept = b"".join(store.fields(store.key(b"u")).values())
    assert PASSWORD.encode() not in kept
    assert b"$argon2id$" in kept


@pytest.mark.parametrize("name", ["", " ", " ana", "a\nb", "x" * 101, "a\u202eb"])
def test_what_can_name_nobody(accounts, name):
    with pytest.raises(BadRequest, match="cannot name an account"):
        accounts.create(name, PASSWORD, "viewer")


def test_what_cannot_be(accounts):
    with pytest.raises(BadRequest, match="10 to 1000 characters"):
        accounts.create("ana", "short", "viewer")
    with pytest.raises(BadRequest, match="is no role of people"):
        accounts.create("ana", PASSWORD, "search")
    accounts.create("ana", PASSWORD, "viewer")
    with pytest.raises(Conflict):
        accounts.create("ana", PASSWORD, "viewer")
    for act in (lambda: accounts.remove("bob"), lambda: accounts.change("bob", role="viewer")):
        with pytest.raises(NotFound):
            act()


def test_a_session_lasts_as_long_as_its_account_is_as_it_was(accounts, sessions):
    ana = accounts.create("ana", PASSWORD, "viewer")
    browser = sessions.begin(ana)
    assert sessions.account(browser) == ana
    accounts.change("ana", role="admin")
    assert sessions.account(browser) is None
    browser = sessions.begin(accounts.check("ana", PASSWORD))
    accounts.change("ana", password=PASSWORD + "!")
    assert sessions.account(browser) is None
    browser = sessions.begin(accounts.check("ana", PASSWORD + "!"))
    accounts.remove("ana")
    assert sessions.account(browser) is None
    accounts.create("ana", PASSWORD, "viewer")
    assert sessions.account(browser) is None  # another ana


def test_a_session_ends_by_itself_and_when_told(accounts, store):
    short = Sessions(store, accounts, hours=0.2 / 3600)
    ana = accounts.create("ana", PASSWORD, "viewer")
    browser = short.begin(ana)
    key = store.key(b"z", b":" + __import__("hashlib").sha256(browser.id.encode()).digest())
    assert 0 < store.query("return redis.call('PTTL', KEYS[1])", key) <= 200
    long = Sessions(store, accounts, hours=1)
    browser = long.begin(ana)
    long.end(browser)
    assert long.account(browser) is None


def test_what_was_not_signed_here_is_nobody(accounts, sessions, store):
    browser = sessions.begin(accounts.create("ana", PASSWORD, "viewer"))
    assert sessions.browser(browser.cookie) == browser
    id, _, signature = browser.cookie.partition(".")
    for forged in ("", id, f"{id}.{'0' * 64}", f"{id[:-1]}A.{signature}", browser.cookie + "x", f"{id}.{signature.upper()}"):
        assert sessions.browser(forged) is None or forged == browser.cookie
    assert Sessions(store, accounts, 1).browser(browser.cookie) == browser  # every server on the store knows it


def test_the_token_of_a_form_is_that_of_its_browser(sessions):
    one, other = sessions.new(), sessions.new()
    assert sessions.fits(one, sessions.token(one))
    assert not sessions.fits(one, sessions.token(other))
    assert not sessions.fits(one, "") and not sessions.fits(one, one.cookie) and not sessions.fits(one, "é")
