"""What waits in other programs, told without waiting for those that do not answer."""

import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest

from matcher.errors import StoreUnavailable
from matcher.queues import Length, Lengths, Program, Told, told
from matcher.settings import Settings

SOME = Lengths((Length("Mail", 3, 1, 0, 2),), 7)
SETTINGS = Settings.load(environ={})
LONG = 60.0


@pytest.fixture
def silent() -> Iterator[Program]:
    """A program that answers when the test is over."""
    over = threading.Event()

    def ask(settings: Settings, seconds: float) -> None:
        over.wait()

    yield Program("silent", ask)
    over.set()


def failing(error: Exception) -> Callable[[Settings, float], Lengths | None]:
    def ask(settings: Settings, seconds: float) -> NoReturn:
        raise error

    return ask


def test_all_that_are_configured_are_told() -> None:
    programs = [Program("mail", lambda settings, seconds: SOME), Program("none", lambda settings, seconds: None)]
    assert told(SETTINGS, LONG, programs) == [Told("mail", SOME)]


def test_nobody_waits_for_what_does_not_answer(silent: Program) -> None:
    assert told(SETTINGS, 0.01, [silent, silent]) == 2 * [Told("silent", why="no answer within 0.01 s")]


def test_what_fails_is_told_and_spoils_no_other(caplog: pytest.LogCaptureFixture) -> None:
    programs = [
        Program("away", failing(StoreUnavailable("its server is away"))),
        Program("broken", failing(ValueError("odd"))),
        Program("mail", lambda settings, seconds: SOME),
    ]
    assert told(SETTINGS, LONG, programs) == [
        Told("away", why="its server is away"),
        Told("broken", why="it failed; the log says how"),
        Told("mail", SOME),
    ]
    assert "the queues of broken cannot be told" in caplog.text
