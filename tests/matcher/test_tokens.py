import pytest
import redis

from matcher.errors import BadRequest, NotFound, Unauthorized
from matcher.store import Store
from matcher.tokens import Role, Tokens


class Clock:
    now = 1_000_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tokens(store_url, clock):
    return Tokens(Store(lambda: store_url, "kuato:"), clock)


def test_a_token_proves_who_it_is_for(tokens):
    made, text = tokens.create("Ana's notebook", Role.WRITE, banks=["login pages"], orgs=["CIRCL"], rate=60)
    assert tokens.check(text) == made
    assert (made.name, made.role, made.banks, made.orgs, made.rate) == ("Ana's notebook", Role.WRITE, ("login pages",), ("CIRCL",), 60)


def test_tokens_are_never_alike(tokens):
    texts = [tokens.create("a program", Role.SEARCH)[1] for _ in range(50)]
    assert len(set(texts)) == len({text.split("_")[1] for text in texts}) == 50
    assert all(len(text.split("_", 2)[2]) == 43 for text in texts)  # 32 random bytes


def test_an_underscore_in_the_secret_is_part_of_it(tokens):
    text = next(text for text in (tokens.create("a program", Role.SEARCH)[1] for _ in range(1000)) if text.count("_") > 2)
    assert tokens.check(text).name == "a program"
    with pytest.raises(Unauthorized):
        tokens.check(text.rpartition("_")[0])


def test_what_is_no_token(tokens):
    made, text = tokens.create("a program", Role.SEARCH)
    other = tokens.create("another", Role.SEARCH)[1]
    secret = text.split("_", 2)[2]
    wrong = [
        "",
        "kuato",
        "kuato_",
        "kuato__",
        f"kuato_{made.id}",
        f"kuato_{made.id}_",
        f"kuato__{secret}",
        f"kuato_{made.id}_{other.split('_', 2)[2]}",
    ]
    wrong += [
        text + "x",
        text[:-1],
        text.upper(),
        f" {text}",
        f"KUATO_{made.id}_{secret}",
        "\u00fc_\ud800_\udfff",
        "kuato_\0_\0",
        "kuato_" * 10_000,
    ]
    for each in wrong:
        with pytest.raises(Unauthorized):
            tokens.check(each)


def test_the_reason_is_the_same_for_all(tokens, clock):
    """An attacker must not learn which half was right."""
    revoked, revoked_text = tokens.create("a leaver", Role.SEARCH)
    tokens.revoke(revoked.id)
    made, text = tokens.create("a guest", Role.SEARCH, days=1)
    clock.now += 86400
    reasons = set()
    for each in (text, revoked_text, f"kuato_{made.id}_x", "kuato_000000000000_x", "rubbish"):
        with pytest.raises(Unauthorized) as refused:
            tokens.check(each)
        reasons.add(str(refused.value))
    assert len(reasons) == 1


def test_a_token_ends_with_its_time(tokens, clock):
    text = tokens.create("a guest", Role.SEARCH, days=0.5)[1]
    clock.now += 43_199
    assert tokens.check(text).state(clock.now) == "valid"
    clock.now += 1
    with pytest.raises(Unauthorized):
        tokens.check(text)
    assert [token.state(clock.now) for token in tokens.list()] == ["expired"]


def test_revoking_holds_at_once_and_for_good(tokens, store_url, clock):
    made, text = tokens.create("a leaver", Role.ADMIN)
    elsewhere = Tokens(Store(lambda: store_url, "kuato:"), clock)
    assert elsewhere.check(text)
    tokens.revoke(made.id)
    with pytest.raises(Unauthorized):
        elsewhere.check(text)
    clock.now += 60
    assert tokens.revoke(made.id).revoked == 1_000_000_000.0  # when it first was
    with pytest.raises(NotFound, match="token list"):
        tokens.revoke("nobody's")


def test_whether_there_are_any(tokens, clock):
    assert (tokens.any(), tokens.usable(), tokens.list()) == (False, False, [])
    first = tokens.create("one", Role.SEARCH)[0]
    clock.now += 1
    second = tokens.create("two", Role.SEARCH, days=1)[0]
    assert (tokens.any(), tokens.usable(), [token.id for token in tokens.list()]) == (True, True, [first.id, second.id])
    tokens.revoke(first.id)
    assert tokens.usable()
    clock.now += 86400
    assert (tokens.any(), tokens.usable()) == (True, False)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "two\nlines", "a\0", "\x1b[2J"])
def test_what_cannot_name_a_token(tokens, name):
    with pytest.raises(BadRequest, match="cannot name a token"):
        tokens.create(name, Role.SEARCH)
    assert not tokens.any()


def test_roles_by_their_names():
    assert [Role.named(role.label) for role in Role] == list(Role) == [Role.SEARCH, Role.WRITE, Role.REVIEW, Role.ADMIN]
    for name in ("", "root", "none", "1"):
        with pytest.raises(BadRequest, match="choose one of search, write, review, admin"):
            Role.named(name)


def test_only_a_hash_is_kept(tokens, store_url):
    text = tokens.create("Ana's notebook", Role.ADMIN)[1]
    assert not [where for where, value in everything(store_url) if text.split("_", 2)[2].encode() in where + value]
    assert [where for where, value in everything(store_url) if b"Ana's notebook" in value]


def everything(url):
    """Each key of a Redis with what it holds, of whatever type."""
    with redis.Redis.from_url(url) as client:
        return [(key, client.dump(key)) for key in client.scan_iter()] + [
            (key, repr(client.hgetall(key)).encode()) for key in client.scan_iter(_type="hash")
        ]
