"""`kuato token`: created once, listed, revoked; the secret is shown this once and kept nowhere."""

import redis

from matcher.settings import Settings
from matcher.store import Store
from matcher.tokens import Tokens
from tests.matcher.commands.conftest import Kuato


def kept(url: str) -> list[bytes]:
    """All that a Redis holds: keys, and values as they lie in its memory and as they read."""
    with redis.Redis.from_url(url) as client:
        keys = list(client.scan_iter())
        dumps = [client.dump(key) or b"" for key in keys]
        return keys + dumps + [part for key in client.scan_iter(_type="hash") for field in client.hgetall(key).items() for part in field]


def test_a_token_is_shown_once_and_kept_nowhere(kuato: Kuato, settings: Settings) -> None:
    made = kuato("token", "create", "Ana's notebook", "--role", "write")
    assert made.exit_code == 0
    text = made.stdout.strip()
    assert text.startswith("kuato_")
    assert "token" in made.stderr
    assert text not in made.stderr  # so that stdout alone can be caught in a file or variable
    assert Tokens(Store(lambda: settings["redis.url"], settings["redis.prefix"])).check(text).name == "Ana's notebook"
    secret = text.split("_", 2)[2]
    everything = kept(settings["redis.url"])
    assert any(b"Ana's notebook" in value for value in everything)
    assert not any(secret.encode() in value for value in everything)
    assert secret not in kuato("token", "list").output + kuato("token", "list", "--json").output
    assert not any(secret.encode() in path.read_bytes() for path in settings["data.dir"].rglob("*") if path.is_file())


def test_a_token_with_all_there_is(kuato: Kuato) -> None:
    kuato("bank", "create", "login pages")
    options = ["--role", "review", "--bank", "login pages", "--org", "CIRCL", "--org", "ALSO", "--rate", "60", "--days", "30"]
    made = kuato.json("token", "create", "a program", *options)[0]
    listed = kuato.json("token", "list")[0]
    assert {**listed, "token": made["token"]} == made
    assert (listed["role"], listed["banks"], listed["orgs"], listed["rate"]) == ("review", ["login pages"], ["CIRCL", "ALSO"], 60)
    assert (listed["state"], listed["revoked"], listed["expires"] > listed["created"]) == ("valid", None, True)
    table = kuato("token", "list").stdout
    for word in (listed["id"], "valid", "review", "a program", "CIRCL"):
        assert word in table


def test_revoking(kuato: Kuato) -> None:
    id = kuato.json("token", "create", "a leaver")[0]["id"]
    revoked = kuato("token", "revoke", id)
    assert (revoked.exit_code, revoked.stdout) == (0, f"token {id} for a leaver is revoked\n")
    assert [(token["state"], token["revoked"] is None) for token in kuato.json("token", "list")] == [("revoked", False)]
    assert kuato("token", "revoke", id).exit_code == 0  # again does no harm
    unknown = kuato("token", "revoke", "nobody's")
    assert (unknown.exit_code, "kuato token list" in unknown.stderr) == (4, True)


def test_what_makes_no_token(kuato: Kuato) -> None:
    for arguments, code in (
        (["", "--role", "write"], 2),
        (["x" * 101], 2),
        (["a", "--role", "root"], 2),
        (["a", "--days", "0"], 2),
        (["a", "--rate", "-1"], 2),
        (["a", "--bank", "nowhere"], 4),
    ):
        assert kuato("token", "create", *arguments).exit_code == code, arguments
    assert kuato.json("token", "list") == []
