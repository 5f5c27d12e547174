"""Jobs on a real Redis: acknowledged ones are done whatever dies, cancelled ones end, results are kept for a while and no longer."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis

from matcher.engine import Matcher
from matcher.errors import BadRequest, Busy, DamagedPicture, KuatoError, NotFound, StoreFull, StoreUnavailable
from matcher.job import Item, Job, State, new_id
from matcher.jobrun import Work
from matcher.jobs import Jobs
from matcher.redis_server import EmbeddedRedis
from matcher.store import Store
from tests.matcher.churn import drawing
from tests.matcher.jobbing import settings_on
from tests.matcher.making import full

Make = Callable[..., Jobs]
LONG = 30.0  # seconds; nothing here takes that long
ABSENT = "01a21dff-92d7-70e5-9276-f46274c5604c"  # as an id is made, of no job


def lengths(job: Job, item: Item) -> dict[str, Any]:
    """Work that tells what it was given."""
    return {"name": item.name, "bytes": len(item.data), **job.parameters, **item.parameters}


def refuse(_job: Job, item: Item) -> dict[str, Any]:
    if item.data == b"bad":
        raise DamagedPicture(f"{item.name} is damaged")
    if item.data == b"bug":
        raise ZeroDivisionError(item.name)
    return {}


class Gate:
    """Work that waits until it may go on, and knows what came to it."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.begun = threading.Semaphore(0)
        self.names: list[str] = []

    def __call__(self, job: Job, item: Item) -> dict[str, Any]:
        self.names.append(item.name)
        self.begun.release()
        assert self.open.wait(LONG)
        return {}

    def wait(self, items: int = 1) -> None:
        for _ in range(items):
            assert self.begun.acquire(timeout=LONG)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture
def make(store_url: str, tmp_path: Path, gate: Gate) -> Iterator[Make]:
    """Make the jobs of a process; settings as keywords, dots as underscores."""
    made: list[Jobs] = []
    stores: list[Store] = []

    def make(handlers: Mapping[str, Work] | None = None, start: bool = True, patience: float = LONG, **settings: Any) -> Jobs:
        values = settings_on(tmp_path / "data", store_url).with_overrides(
            {name.replace("__", "."): value for name, value in settings.items()}
        )
        every = {"lengths": lengths, "refuse": refuse, "gate": gate, **(handlers or {})}
        stores.append(Store(lambda: store_url, "test:"))
        made.append(Jobs(stores[-1], values, every, patience=patience))
        if start:
            made[-1].start()
        return made[-1]

    yield make
    gate.open.set()
    for jobs in made:
        jobs.stop()
    for store in stores:
        store.forget_connection()


@pytest.fixture
def client(store_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(store_url) as client:
        yield client


def items(count: int) -> list[Item]:
    return [Item(f"{n}.png", b"x" * n, {"n": n}) for n in range(count)]


def folders(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "data" / "jobs").iterdir() if path.name != "id")


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class TestDone:
    def test_every_item_has_its_result_in_order(self, make: Make, tmp_path: Path) -> None:
        jobs = make(workers__count=3)
        accepted = jobs.submit("lengths", items(50), parameters={"limit": 7}, caller={"token": "abc"})
        assert (accepted.state, accepted.total, accepted.done) == (State.QUEUED, 50, 0)
        job = jobs.wait(accepted.id, LONG)
        assert (job.state, job.done, job.failed, job.error, job.token) == (State.DONE, 50, 0, None, "abc")
        assert accepted.created <= job.started <= job.ended
        found = jobs.results(job.id)
        assert [result.result for result in found.results] == [{"name": f"{n}.png", "bytes": n, "limit": 7, "n": n} for n in range(50)]
        assert found.next is None
        assert folders(tmp_path) == []

    def test_results_come_in_pages(self, make: Make) -> None:
        jobs = make()
        id = jobs.wait(jobs.submit("lengths", items(450)).id, LONG).id
        numbers, after, pages = [], -1, 0
        while True:
            page = jobs.results(id, after, 100)
            numbers += [result.index for result in page.results]
            pages += 1
            if page.next is None:
                break
            after = page.next
        assert (numbers, pages) == (list(range(450)), 5)

    def test_an_error_of_one_picture_is_its_result(self, make: Make, caplog: pytest.LogCaptureFixture) -> None:
        jobs = make()
        given = [Item("good.png"), Item("damaged.png", b"bad"), Item("secret.png", b"bug"), Item("good.png")]
        job = jobs.wait(jobs.submit("refuse", given).id, LONG)
        assert (job.state, job.done, job.failed) == (State.DONE, 4, 2)
        errors = [result.error for result in jobs.results(job.id).results]
        assert errors[0] is errors[3] is None
        assert errors[1] == {"code": "damaged-picture", "message": "damaged.png is damaged"}
        assert errors[2] is not None
        assert errors[2]["code"] == "error"
        assert "ZeroDivisionError" in caplog.text
        assert "secret" not in caplog.text + errors[2]["message"]

    def test_results_that_are_no_json_or_too_long_cost_that_item_alone(self, make: Make) -> None:
        def strange(_job: Job, item: Item) -> dict[str, Any]:
            return {"value": float("nan")} if item.name == "nan" else {"value": os.urandom(20 << 20).hex()} if item.name == "long" else {}

        jobs = make({"strange": strange})
        job = jobs.wait(jobs.submit("strange", [Item("nan"), Item("long"), Item("long"), Item("good")]).id, LONG)
        assert job.state is State.DONE
        first = jobs.results(job.id)
        assert first.next == 1  # an answer of a sensible length
        found = first.results + jobs.results(job.id, first.next).results
        assert [result.error and result.error["code"] for result in found] == ["error", None, "too-large", None]

    def test_several_processes_share_the_work_and_do_nothing_twice(self, make: Make) -> None:
        seen: list[str] = []

        def note(job: Job, item: Item) -> dict[str, Any]:
            seen.append(f"{job.id} {item.name}")
            return {}

        several = [make({"note": note}) for _ in range(3)]
        with ThreadPoolExecutor(6) as threads:
            sent = list(threads.map(lambda n: several[n % 3].submit("note", items(3)), range(30)))
        for job in sent:
            assert several[0].wait(job.id, LONG).state is State.DONE
        assert len(seen) == len(set(seen)) == 90

    def test_jobs_at_once(self, make: Make, gate: Gate) -> None:
        jobs = make(jobs__threads=3)
        sent = [jobs.submit("gate", [Item(f"{n}")]) for n in range(4)]
        gate.wait(3)
        until(lambda: jobs.counts()["running"] == 3)
        assert jobs.counts()["queued"] == 1
        gate.open.set()
        assert {jobs.wait(job.id, LONG).state for job in sent} == {State.DONE}
        assert jobs.counts() == {"queued": 0, "running": 0, "done": 4, "failed": 0, "cancelled": 0}


class TestRefused:
    def test_what_cannot_be_a_job(self, make: Make, tmp_path: Path) -> None:
        jobs = make(start=False)
        with pytest.raises(BadRequest, match="gate, lengths, refuse"):
            jobs.submit("nonsense", items(1))
        with pytest.raises(BadRequest, match="nothing|anything"):
            jobs.submit("lengths", [])
        with pytest.raises(TypeError):
            jobs.submit("lengths", items(1), parameters={"no": object()})
        assert jobs.list().jobs == ()
        assert folders(tmp_path) == []

    def test_too_many_that_wait(self, make: Make, tmp_path: Path) -> None:
        jobs = make(start=False, jobs__max_waiting=2)
        first, _ = jobs.submit("lengths", items(1)), jobs.submit("lengths", items(1))
        with pytest.raises(Busy, match=r"jobs\.max_waiting"):
            jobs.submit("lengths", items(1))
        assert len(folders(tmp_path)) == 2
        jobs.cancel(first.id)
        jobs.submit("lengths", items(1))

    def test_a_store_that_is_away_or_full_accepts_nothing(self, make: Make, store_url: str, tmp_path: Path) -> None:
        away = Jobs(Store(lambda: "redis://127.0.0.1:1/0"), settings_on(tmp_path / "data", ""), {"lengths": lengths})
        with pytest.raises(StoreUnavailable):
            away.submit("lengths", items(1))
        jobs = make(start=False)
        with full(store_url), pytest.raises(StoreFull):
            jobs.submit("lengths", items(1))
        assert folders(tmp_path) == []
        jobs.sweep()
        assert jobs.counts()["queued"] == 0

    @pytest.mark.parametrize(
        "id", ["", "..", "../../etc/passwd", "*", "\x00", "\ud800", "x" * 100_000, ABSENT, ABSENT.upper(), "j\r\nFLUSHALL\r\n"]
    )
    def test_hostile_ids_are_of_no_job(self, make: Make, id: str) -> None:
        jobs = make(start=False)
        kept = jobs.submit("lengths", items(1))
        for ask in (jobs.get, jobs.results, jobs.cancel, lambda id_: jobs.wait(id_, 1)):
            with pytest.raises(NotFound) as caught:
                ask(id)
            assert len(str(caught.value)) < 300
        assert jobs.get(kept.id).state is State.QUEUED

    @pytest.mark.parametrize("after", ["..", "(", "[\xff", "x" * 1000])
    def test_hostile_places_to_go_on_from(self, make: Make, after: str) -> None:
        with pytest.raises(BadRequest):
            make(start=False).list(after=after)


class TestWaiting:
    def test_returns_as_soon_as_the_job_ends(self, make: Make, gate: Gate) -> None:
        jobs = make()
        id = jobs.submit("gate", items(1)).id
        with ThreadPoolExecutor(4) as threads:
            waiting = [threads.submit(jobs.wait, id, LONG) for _ in range(4)]
            gate.wait()
            begun = time.monotonic()
            gate.open.set()
            assert {each.result().state for each in waiting} == {State.DONE}
        assert time.monotonic() - begun < LONG / 2

    def test_returns_at_the_limit(self, make: Make, gate: Gate) -> None:
        jobs = make()
        id = jobs.submit("gate", items(1)).id
        gate.wait()
        assert jobs.wait(id, 0.2).state is State.RUNNING
        assert jobs.wait(id, 0).state is State.RUNNING

    def test_another_process_sees_the_end_too(self, make: Make, gate: Gate) -> None:
        worker, asker = make(), make(start=False)
        id = asker.submit("gate", items(1)).id
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(asker.wait, id, LONG)
            gate.wait()
            gate.open.set()
            assert waiting.result().state is State.DONE
        assert worker.get(id).state is State.DONE

    def test_many_who_wait_ask_redis_no_more_than_one_does(self, make: Make, gate: Gate, client: redis.Redis) -> None:
        jobs = make(start=False, web__threads=64)
        id = jobs.submit("gate", items(1)).id
        before = client.info("commandstats")["cmdstat_hmget"]["calls"]
        with ThreadPoolExecutor(32) as threads:
            assert {job.state for job in threads.map(lambda _: jobs.wait(id, 2.0), range(32))} == {State.QUEUED}
        # Each looks once when it comes, and then all together at most four times a second.
        assert client.info("commandstats")["cmdstat_hmget"]["calls"] - before <= 32 + 2 * 4 + 2

    def test_so_many_wait_that_others_can_still_ask(self, make: Make, gate: Gate) -> None:
        jobs = make(start=False, web__threads=4)
        id = jobs.submit("gate", items(1)).id
        with ThreadPoolExecutor(2) as threads:
            waiting = [threads.submit(jobs.wait, id, LONG) for _ in range(2)]
            until(lambda: jobs._waiters._value == 0)  # type: ignore[attr-defined]
            assert jobs.wait(id, LONG).state is State.QUEUED
            jobs.cancel(id)
            assert {each.result().state for each in waiting} == {State.CANCELLED}

    def test_nobody_waits_for_a_server_that_ends(self, make: Make, gate: Gate) -> None:
        jobs = make()
        id = jobs.submit("gate", items(1)).id
        gate.wait()
        with ThreadPoolExecutor(2) as threads:
            waiting = threads.submit(jobs.wait, id, LONG)
            ending = threads.submit(jobs.stop)
            assert waiting.result(timeout=LONG / 2).state is State.RUNNING
            gate.open.set()
            ending.result()


class TestCancelling:
    def test_one_that_waits_ends_at_once(self, make: Make, tmp_path: Path) -> None:
        jobs = make(start=False)
        id = jobs.submit("lengths", items(3)).id
        job = jobs.cancel(id)
        assert (job.state, job.done) == (State.CANCELLED, 0)
        assert folders(tmp_path) == []
        jobs.start()
        assert jobs.wait(id, 0.5).done == 0

    def test_one_in_work_ends_with_the_items_that_are(self, make: Make, gate: Gate, tmp_path: Path) -> None:
        jobs = make(workers__count=2)
        id = jobs.submit("gate", items(20)).id
        gate.wait(2)
        assert jobs.cancel(id).cancelling
        gate.open.set()
        job = jobs.wait(id, LONG)
        assert (job.state, job.done, job.cancelling) == (State.CANCELLED, 2, False)
        assert len(gate.names) == 2
        found = jobs.results(id)
        assert ([result.index for result in found.results], found.next) == ([0, 1], None)
        assert folders(tmp_path) == []

    def test_by_another_process(self, make: Make, gate: Gate) -> None:
        make()
        other = make(start=False)
        id = other.submit("gate", items(1000)).id
        gate.wait()
        gate.open.set()
        other.cancel(id)
        assert other.wait(id, LONG).state in (State.CANCELLED, State.DONE)

    def test_one_that_has_ended_stays_as_it_is(self, make: Make) -> None:
        jobs = make()
        done = jobs.wait(jobs.submit("lengths", items(1)).id, LONG)
        assert jobs.cancel(done.id) == done

    def test_one_of_a_host_that_is_gone(self, make: Make, tmp_path: Path) -> None:
        here, there = make(jobs__max_waiting=1), make(start=False, jobs__dir=tmp_path / "there")
        id = there.submit("lengths", items(1)).id
        here.sweep()
        assert here.wait(id, 0.3).state is State.QUEUED
        assert here.cancel(id).state is State.CANCELLED
        here.submit("lengths", items(1))
        there.sweep()
        there.tidy()
        assert [path.name for path in (tmp_path / "there").iterdir()] == ["id"]


class TestListing:
    def test_newest_first_in_pages_and_by_token(self, make: Make) -> None:
        jobs = make(start=False)
        ids = []
        for n in range(7):
            ids.append(jobs.submit("lengths", items(1), caller={"token": "ab"[n % 2]}).id)
            time.sleep(0.002)
        ids.reverse()
        page = jobs.list(limit=3)
        assert [job.id for job in page.jobs] == ids[:3]
        assert [job.id for job in jobs.list(limit=10, after=page.next).jobs] == ids[3:]
        assert [job.id for job in jobs.list(token="b").jobs] == ids[1::2]
        assert jobs.list(token="nobody").jobs == ()
        assert jobs.list(limit=10).next == ""

    def test_results_are_kept_for_a_while(self, make: Make, client: redis.Redis) -> None:
        jobs = make(jobs__keep_hours=0.01)  # 36 s
        job = jobs.wait(jobs.submit("lengths", items(1)).id, LONG)
        key = f"test:j{job.id}"
        assert 30_000 < int(client.pttl(key)) <= 36_000  # type: ignore[arg-type]  # redis-py names one type for both its kinds of client
        assert 30 < job.expires - job.ended <= 36
        client.pexpire(key, 1)
        until(lambda: not client.exists(key))
        with pytest.raises(NotFound, match=r"jobs\.keep_hours"):
            jobs.get(job.id)
        assert jobs.list().jobs == ()
        jobs.tidy()
        assert client.zcard("test:l") == 0

    def test_the_oldest_results_go_when_there_are_too_many(self, make: Make, client: redis.Redis) -> None:
        jobs = make({"random": lambda *_: {"value": os.urandom(200_000).hex()}}, jobs__keep_bytes=1 << 20)
        ids = [jobs.wait(jobs.submit("random", items(1)).id, LONG).id for _ in range(5)]
        jobs.tidy()
        assert [job.id for job in jobs.list().jobs] == ids[:0:-1]

    def test_the_keys_are_below_our_prefix_and_can_be_cleared(self, make: Make, client: redis.Redis, store_url: str) -> None:
        jobs = make()
        jobs.wait(jobs.submit("lengths", items(1)).id, LONG)
        jobs.stop()
        assert all(key.startswith(b"test:") for key in client.scan_iter())
        Store(lambda: store_url, "test:").clear()
        assert client.keys() == []
        jobs.start()
        assert jobs.wait(jobs.submit("lengths", items(1)).id, LONG).state is State.DONE


class TestLost:
    def test_a_message_that_is_lost(self, make: Make, client: redis.Redis) -> None:
        jobs = make(start=False)
        id = jobs.submit("lengths", items(1)).id
        client.delete(*client.keys("test:{q}*"))
        jobs.start()
        for _ in range(3):
            jobs.sweep()
        assert jobs.wait(id, LONG).state is State.DONE

    def test_a_message_that_comes_often(self, make: Make, gate: Gate) -> None:
        jobs, other = make(jobs__threads=2), make()
        id = jobs.submit("gate", items(2)).id
        gate.wait()
        for _ in range(10):
            other._dispatcher.send(id)
        gate.open.set()
        assert jobs.wait(id, LONG).state is State.DONE
        for _ in range(3):
            other._dispatcher.send(id)
        last = other.submit("lengths", items(1)).id
        assert other.wait(last, LONG).state is State.DONE
        assert jobs.get(id).state is State.DONE
        assert gate.names == ["0.png", "1.png"]

    def test_files_that_are_lost(self, make: Make, tmp_path: Path) -> None:
        jobs = make(start=False)
        gone, emptied = jobs.submit("lengths", items(1)).id, jobs.submit("lengths", items(1)).id
        for path in (tmp_path / "data" / "jobs" / gone).iterdir():
            path.unlink()
        (tmp_path / "data" / "jobs" / gone).rmdir()
        (tmp_path / "data" / "jobs" / emptied / "items").unlink()
        jobs.start()
        for id in (gone, emptied):
            job = jobs.wait(id, LONG)
            assert job.state is State.FAILED
            assert job.error is not None
            assert job.error["code"] == "not-found"
            assert "submit it again" in job.error["message"]
        jobs.stop()  # what follows the end of a job is done as well
        assert folders(tmp_path) == []
        assert jobs._book.unfinished() == {}

    def test_what_was_left_on_disk_is_swept(self, make: Make, tmp_path: Path) -> None:
        jobs = make(start=False)
        id = jobs.submit("lengths", items(1)).id
        spool = jobs._spool
        spool.create(new_id()).close()  # of a process that died in the middle
        with spool.create(new_id()) as unknown:
            unknown.fill(items(1))
        old = new_id()
        with spool.create(old) as unknown:
            unknown.fill(items(1))
        os.utime(spool.folder / old, (0, 0))
        with spool.create(new_id()) as writing:
            jobs.tidy()
            assert len(folders(tmp_path)) == 3  # the job, the one being written, and one that another store may know
            writing.delete()
        assert id in folders(tmp_path)

    def test_a_store_that_was_reset_in_the_middle(self, make: Make, gate: Gate, store_url: str, tmp_path: Path) -> None:
        jobs = make()
        id = jobs.submit("gate", items(100)).id
        gate.wait()
        Store(lambda: store_url, "test:").clear()
        gate.open.set()
        until(lambda: folders(tmp_path) == [])
        with pytest.raises(NotFound):
            jobs.get(id)
        assert len(gate.names) < 100

    def test_a_kind_that_is_no_longer_known(self, make: Make) -> None:
        id = make({"old": lengths}, start=False).submit("old", items(1)).id
        job = make().wait(id, LONG)
        assert job.state is State.FAILED
        assert job.error is not None
        assert "'old'" in job.error["message"]

    def test_one_that_kills_its_server_again_and_again_is_given_up(self, make: Make) -> None:
        jobs = make(start=False)
        id = jobs.submit("lengths", items(1)).id
        for _ in range(10):
            assert jobs._book.begin(id, time.time())
        jobs.start()
        job = jobs.wait(id, LONG)
        assert job.state is State.FAILED
        assert job.error is not None
        assert "without any progress" in job.error["message"]


class TestAway:
    def test_what_concerns_no_picture_is_waited_out(self, make: Make) -> None:
        failures = [StoreUnavailable("away"), Busy("no decoder is free"), KuatoError("a decoding worker did not start")]
        begun: list[str] = []

        def flaky(_job: Job, item: Item) -> dict[str, Any]:
            begun.append(item.name)
            if failures:
                raise failures.pop()
            return {}

        jobs = make({"flaky": flaky})
        job = jobs.wait(jobs.submit("flaky", items(5)).id, LONG)
        assert (job.state, job.done, job.failed) == (State.DONE, 5, 0)
        assert len(begun) == 8

    def test_not_for_ever(self, make: Make) -> None:
        def away(*_: object) -> dict[str, Any]:
            raise StoreUnavailable("redis://secret-host:6379 did not answer")

        jobs = make({"away": away}, patience=0.5)
        job = jobs.wait(jobs.submit("away", items(5)).id, LONG)
        assert (job.state, job.done) == (State.FAILED, 0)
        assert job.error is not None
        assert job.error["code"] == "store-away"
        assert "secret-host" not in job.error["message"]

    def test_a_redis_killed_in_the_middle_is_found_again(self, tmp_path: Path, gate: Gate) -> None:
        server = EmbeddedRedis(tmp_path / "own")
        store = Store(server.ensure, "test:")
        jobs = Jobs(store, settings_on(tmp_path / "data", ""), {"gate": gate})
        jobs.start()
        try:
            id = jobs.submit("gate", items(30)).id
            gate.wait()
            os.kill(int(store.info()["process_id"]), signal.SIGKILL)
            gate.open.set()
            until(lambda: len(gate.names) == 30)
            job = jobs.wait(id, LONG)
            assert (job.state, job.done) == (State.DONE, 30)
            second = jobs.wait(jobs.submit("gate", items(3)).id, LONG)
            assert second.state is State.DONE
        finally:
            jobs.stop()
            store.forget_connection()
            server.stop()


class TestStopping:
    def test_what_is_not_finished_is_handed_back_and_goes_on_in_the_next(self, make: Make, gate: Gate) -> None:
        jobs = make()
        first, second = jobs.submit("gate", items(5)).id, jobs.submit("lengths", items(5)).id
        gate.wait()
        with ThreadPoolExecutor(1) as threads:
            ending = threads.submit(jobs.stop)
            until(jobs._stopping.is_set)
            gate.open.set()
            ending.result()
        assert len(gate.names) == 1
        halfway = jobs.get(first)
        assert (halfway.state, halfway.done) == (State.QUEUED, 1)
        following = make()
        assert following.wait(first, LONG).state is following.wait(second, LONG).state is State.DONE
        assert gate.names == [f"{n}.png" for n in range(5)]
        assert following.get(first).started == halfway.started

    def test_what_fails_because_the_server_ends_is_done_by_the_next(self, make: Make, gate: Gate) -> None:
        def torn(job: Job, item: Item) -> dict[str, Any]:
            gate(job, item)
            raise RuntimeError("the worker pool is closed")

        jobs = make({"work": torn})
        id = jobs.submit("work", items(2)).id
        gate.wait()
        with ThreadPoolExecutor(1) as threads:
            ending = threads.submit(jobs.stop)
            until(jobs._stopping.is_set)
            gate.open.set()
            ending.result()
        assert jobs.get(id).done == 0
        resumed: list[bool] = []

        def whole(job: Job, _item: Item) -> dict[str, Any]:
            resumed.append(job.resumed)
            return {}

        following = make({"work": whole})
        job = following.wait(id, LONG)
        assert (job.state, job.done, job.failed) == (State.DONE, 2, 0)
        assert resumed == [True, True]
        following.wait(following.submit("work", items(1)).id, LONG)
        assert resumed[2:] == [False]

    def test_it_may_start_again(self, make: Make, client: redis.Redis) -> None:
        jobs = make()
        for _ in range(3):
            assert jobs.wait(jobs.submit("lengths", items(1)).id, LONG).state is State.DONE
            jobs.stop()
            assert client.zcard("test:{q}:__heartbeats__") == 0
            jobs.start()

    def test_nothing_is_left_running(self, make: Make) -> None:
        before = set(threading.enumerate())
        jobs = make(jobs__threads=3)
        jobs.wait(jobs.submit("lengths", items(10)).id, LONG)
        jobs.stop()
        assert set(threading.enumerate()) <= before


def start(data_dir: Path, url: str, log: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "tests.matcher.jobbing", str(data_dir), url, str(log)])


@pytest.fixture
def servers(store_url: str, tmp_path: Path) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    made: list[subprocess.Popen[bytes]] = []

    def another() -> "subprocess.Popen[bytes]":
        made.append(start(tmp_path / "data", store_url, tmp_path / "log"))
        return made[-1]

    yield another
    for server in made:
        server.kill()
        server.wait()


@pytest.fixture
def asking(store_url: str, tmp_path: Path) -> Iterator[Jobs]:
    """The same jobs as those of the servers, in a process that does not work on them."""
    store = Store(lambda: store_url)
    yield Jobs(store, settings_on(tmp_path / "data", store_url), {"add": lengths, "slow": lengths})
    store.forget_connection()


def begun(log: Path) -> list[tuple[int, str]]:
    """Which process began which item."""
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [(int(pid), name) for pid, name in lines]


@pytest.mark.slow
def test_killed_in_the_middle_a_job_goes_on_after_the_restart(
    servers: Callable[[], "subprocess.Popen[bytes]"], asking: Jobs, store_url: str, tmp_path: Path
) -> None:
    server = servers()
    id = asking.submit("add", [Item(f"{n}.png", drawing(n)) for n in range(30)]).id
    waiting = asking.submit("add", [Item(f"later-{n}.png", drawing(n)) for n in range(3)]).id
    until(lambda: asking.get(id).done >= 8)
    server.send_signal(signal.SIGKILL)
    server.wait()
    halfway, finished = asking.get(id), asking._book.finished(id)
    assert halfway.state is State.RUNNING
    assert 8 <= halfway.done == len(finished) < 30
    following = servers()
    job = asking.wait(id, LONG)
    assert (job.state, job.done, job.failed) == (State.DONE, 30, 0)
    assert asking.wait(waiting, LONG).state is State.DONE
    # What has its result is not begun again.
    again = {name for pid, name in begun(tmp_path / "log") if pid == following.pid and not name.startswith("later")}
    assert again == {f"{n}.png" for n in range(30) if n not in finished}
    with Matcher.open(settings_on(tmp_path / "data", store_url)) as matcher:
        known = {record.sha256: record for record in matcher.find(limit=100)}
    assert {(result.result or {}).get("sha256") for result in asking.results(id).results} == set(known)
    assert len(known) == 30
    assert sorted(len(record.sources) for record in known.values()) == [1] * 27 + [2] * 3
    assert folders(tmp_path) == []
    assert asking._book.unfinished() == {}


@pytest.mark.slow
def test_killed_five_times_every_job_is_done(servers: Callable[[], "subprocess.Popen[bytes]"], asking: Jobs, tmp_path: Path) -> None:
    sent = [asking.submit("slow", items(8)).id for _ in range(3)]
    for turn in range(1, 6):
        server = servers()
        until(lambda turn=turn: sum(asking.get(id).done for id in sent) >= 3 * turn)
        server.send_signal(signal.SIGKILL)
        server.wait()
    servers()
    until(lambda: all(asking.get(id).state is State.DONE for id in sent))
    # At most what was finished in the half second before a death, and what was in work, is begun once more.
    assert len(begun(tmp_path / "log")) <= 24 + 5 * 4
    until(lambda: folders(tmp_path) == [])


@pytest.mark.slow
def test_a_server_beside_the_one_that_was_killed_takes_over(
    servers: Callable[[], "subprocess.Popen[bytes]"], asking: Jobs, tmp_path: Path
) -> None:
    several = {server.pid: server for server in (servers(), servers())}
    id = asking.submit("slow", items(20)).id
    until(lambda: asking.get(id).done >= 3)
    first = several.pop(begun(tmp_path / "log")[0][0])
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert asking.wait(id, LONG).state is State.DONE
    assert {pid for pid, _ in begun(tmp_path / "log")} == {first.pid, *several}
