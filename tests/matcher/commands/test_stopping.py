"""Being told to end."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from matcher.commands.stopping import until_told


@pytest.fixture
def elsewhere() -> Iterator[threading.Event]:
    """Have signals taken by another thread, which interrupts no wait of this one: as those that come just before it begins.

    Once set, SIGTERM follows.
    """
    go = threading.Event()

    def send() -> None:
        go.wait(30)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGTERM)

    sender = threading.Thread(target=send)
    sender.start()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    yield go
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    sender.join()


def test_sigterm_is_told(elsewhere: threading.Event) -> None:
    with until_told() as stop:
        elsewhere.set()
        assert stop.wait(20)


def test_it_is_told_to_other_threads_while_this_one_waits_for_them(elsewhere: threading.Event) -> None:
    with until_told() as stop:
        told = []
        waiting = threading.Thread(target=lambda: told.append(stop.wait(20)))
        waiting.start()
        elsewhere.set()
        waiting.join()
    assert told == [True]


def test_ctrl_c_is_told_on_at_the_end() -> None:
    finished = False
    with pytest.raises(KeyboardInterrupt), until_told() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        finished = stop.wait(20)
    assert finished


def test_a_second_one_does_not_wait() -> None:
    with pytest.raises(KeyboardInterrupt), until_told() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(20)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(20)
        pytest.fail("went on")


def test_nothing_is_left_of_it() -> None:
    def state() -> list[object]:
        return [signal.getsignal(signal.SIGTERM), threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))]

    before = state()
    with until_told() as stop:
        assert state() != before
    assert not stop.is_set()
    assert state() == before
