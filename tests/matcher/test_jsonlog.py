"""The log as JSON: a line for each message, and nothing secret in any of them, however much is logged."""

import base64
import json
import logging
import sys
from pathlib import Path

import redis
import urllib3

from benchmarks.faulty.server import Server
from matcher.jsonlog import JsonFormatter
from matcher.settings import Settings
from matcher.storage import store_of
from matcher.tokens import Role, Tokens
from tests.matcher.pictures import encoded, photo

KEY = "the-misp-key-that-nobody-sees"


def test_a_message_is_a_line_whatever_is_in_it() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.getLogger("matcher.test").makeRecord(
            "matcher.test", logging.ERROR, "here", 1, 'an \u2028 "error" of %s', ("\x1b[2J",), sys.exc_info()
        )
    record.details = {"status": 500}
    (line,) = JsonFormatter().format(record).splitlines()
    told = json.loads(line)
    assert (told["level"], told["logger"], told["message"], told["status"]) == (
        "ERROR",
        "matcher.test",
        'an \u2028 "error" of \x1b[2J',
        500,
    )
    assert "two\nlines" in told["traceback"]


def test_nothing_secret_and_no_picture_is_logged(redis_url: str, tmp_path: Path) -> None:
    """All that is logged at DEBUG while a server adds, searches, refuses and fails."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        given = {"redis.url": redis_url, "data.dir": tmp_path, "misp.key": KEY}
        tokens = Tokens(store_of(Settings.load(environ={}, overrides=given)))
        secret = tokens.create("a test", Role.ADMIN)[1]
        server = Server(tmp_path, {**given, "logging.level": "DEBUG", "logging.format": "json"})
        server.start()
        try:
            picture, broken = encoded(photo()), encoded(photo())[:500]
            heard = [ask(server, body, token) for body in (picture, broken, b"secret text") for token in (secret, "guessed-token", "")]
            assert {200, 401, 422} <= set(heard)
            client.config_set("maxmemory", "1")
            client.config_set("maxmemory-policy", "noeviction")
            ask(server, encoded(photo(seed=2)), secret, "pictures")
        finally:
            client.config_set("maxmemory", "0")
            server.stop()
    lines = [line for line in server.said if line.startswith("{")]
    told = [json.loads(line) for line in lines]
    assert {"route", "status", "seconds"} <= set().union(*told)
    assert len(lines) > 9
    said = "".join(server.said)
    for hidden in (secret, secret[-20:], "guessed-token", KEY, "secret text", *pieces(picture)):
        assert hidden not in said


def ask(server: Server, body: bytes, token: str, where: str = "search") -> int:
    headers = {"Content-Type": "image/png", **({"Authorization": f"Bearer {token}"} if token else {})}
    return urllib3.request("POST", f"http://127.0.0.1:{server.port}/api/v1/{where}", body=body, headers=headers, retries=False).status


def pieces(data: bytes) -> list[str]:
    """What of a picture would be seen in a log that held it, in the forms that logs have."""
    some = data[100:124]
    return [base64.b64encode(data[99:123]).decode(), some.hex(), repr(some)[2:-1], str(list(some))[1:-1]]
