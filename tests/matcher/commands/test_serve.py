"""`kuato serve`, as a process."""

import json
import signal
import urllib.request
from typing import Any

import pytest

from tests.matcher.commands.conftest import Kuato


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_misp_is_answered_until_told_to_end(kuato: Kuato, stop: signal.Signals, code: int) -> None:
    process = kuato.start("--set", "misp.listen=127.0.0.1:0", "serve", "misp")
    assert process.stderr is not None
    line = process.stderr.readline().decode()
    try:
        assert line.startswith("kuato: misp listens on http://127.0.0.1:")
        with urllib.request.urlopen(line.split()[-1] + "/healthcheck", timeout=5) as response:
            assert json.load(response) == {"status": True}
    finally:
        process.send_signal(stop)
        out, errors = process.communicate(timeout=20)
    assert (process.returncode, out, errors) == (code, b"", b"")


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_programs_are_answered_until_told_to_end(kuato: Kuato, stop: signal.Signals, code: int) -> None:
    process = kuato.start("--set", "web.listen=127.0.0.1:0", "serve", "api")
    assert process.stderr is not None
    line = process.stderr.readline().decode()
    try:
        assert line.startswith("kuato: api listens on http://127.0.0.1:")
        with urllib.request.urlopen(line.split()[-1] + "/status/ready", timeout=5) as response:
            assert json.load(response) == {"status": "ready"}
    finally:
        process.send_signal(stop)
        out, errors = process.communicate(timeout=20)
    assert (process.returncode, out, errors) == (code, b"", b"")


def test_nobody_else_is_let_in_without_a_token(kuato: Kuato) -> None:
    result = kuato("--set", "web.listen=0.0.0.0:0", "serve", "api")
    assert (result.exit_code, "kuato token create" in result.stderr) == (2, True)


def test_an_address_in_use_is_told(kuato: Kuato) -> None:
    first = kuato.start("--set", "misp.listen=127.0.0.1:0", "serve", "misp")
    assert first.stderr is not None
    address = first.stderr.readline().decode().split("//")[-1].strip()
    try:
        result = kuato("--set", f"misp.listen={address}", "serve", "misp")
        assert (result.exit_code, "cannot listen" in result.stderr) == (2, True)
    finally:
        first.terminate()
        first.communicate(timeout=20)


def test_unknown_listeners_and_redis_away(kuato: Kuato) -> None:
    assert kuato("serve", "nobody").exit_code == 4
    assert kuato("--redis", "redis://127.0.0.1:1", "serve").exit_code == 7


def test_a_stranger_listens_too_and_a_broken_one_is_left_out(kuato: Kuato, stranger: Any) -> None:
    stranger(
        "[kuato.listeners]\nechoes = kuato_stranger:Echoes\nbroken = kuato_stranger:nothing\n",
        "class Echoes:\n"
        "    url = 'the hills'\n"
        "    def __init__(self, matcher, settings): print('made with', settings['redis.prefix'])\n"
        "    def run(self): print('ran')\n"
        "    def stop(self): print('stopped')\n",
    )
    result = kuato("serve", "broken", "echoes")
    assert result.exit_code == 1  # it ended by itself
    assert result.stdout.splitlines() == ["made with kuato:", "ran", "stopped"]
    assert "listener broken cannot be started: AttributeError" in result.stderr
    assert "echoes listens on the hills" in result.stderr
