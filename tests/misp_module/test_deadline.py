"""Nobody waits past the deadline, and late jobs do not pile up."""

import threading
import time

import pytest

from matcher.errors import Busy, Late
from misp_module.deadline import Desk


def test_a_job_in_time_answers_or_fails_as_it_would_alone():
    desk = Desk(1, 5.0)
    assert desk.run(lambda _: 42) == 42
    with pytest.raises(ZeroDivisionError):
        desk.run(lambda _: 1 / 0)
    assert desk.run(lambda _: 43) == 43


def test_a_late_job_is_given_up_at_the_deadline_but_keeps_its_place():
    desk, end = Desk(1, 0.2), threading.Event()
    started = time.monotonic()
    with pytest.raises(Late, match=r"0\.2 s"):
        desk.run(lambda _: end.wait(10))
    with pytest.raises(Busy):
        desk.run(lambda _: 1)
    assert time.monotonic() - started < 2
    end.set()
    assert desk.run(lambda _: 2) == 2


def test_a_job_that_waited_in_vain_is_never_begun():
    desk, end, begun = Desk(1, 0.2), threading.Event(), []
    with pytest.raises(Late):
        desk.run(lambda _: end.wait(10))
    for number in range(3):
        with pytest.raises(Busy):
            desk.run(lambda _, number=number: begun.append(number))
    end.set()
    desk.run(lambda _: begun.append("later"))
    assert begun == ["later"]


def test_waiting_for_a_place_counts():
    desk, end = Desk(1, 0.5), threading.Event()
    first = threading.Thread(target=lambda: desk.run(lambda _: end.wait(10)))
    first.start()
    time.sleep(0.05)
    threading.Timer(0.2, end.set).start()
    started = time.monotonic()
    with pytest.raises(Late):
        desk.run(lambda _: time.sleep(1))
    assert time.monotonic() - started < 0.9
    first.join()
