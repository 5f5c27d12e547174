import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from matcher import wire
from matcher.decode import Limits
from matcher.errors import BadRequest, BadSettings, DamagedPicture, DecodeCrash, DecodeTimeout, KuatoError, NotAPicture, TooLarge
from matcher.extraction import extract
from matcher.fingerprints import registry
from matcher.pool import WorkerPool
from tests.matcher import doubles
from tests.matcher.pictures import encoded, photo
from tests.matcher.processes import children, ends, open_files

LIMITS = Limits()
QUICK = Limits(seconds=1.0)
ORDINARY = encoded(photo())
FATAL = encoded(photo(123, 100))  # the doubles misbehave on pictures of this width

MakePool = Callable[..., WorkerPool]


@pytest.fixture(autouse=True)
def _doubles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doubles.install(tmp_path, monkeypatch)


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    pools: list[WorkerPool] = []

    def make(*algorithms: str, limits: Limits = LIMITS, workers: int = 1) -> WorkerPool:
        pools.append(WorkerPool(limits, algorithms, workers))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


class TestAnswers:
    @pytest.mark.parametrize("query", [False, True])
    def test_they_are_those_of_the_same_code_in_process(self, make_pool: MakePool, query: bool) -> None:
        names = ("mean", "loose")
        pool = make_pool(*names)
        for data in (ORDINARY, encoded(photo(), "JPEG"), encoded(np.full((9, 9), 255, np.uint8)), encoded(photo(), "JPEG")[:-2]):
            assert pool.fingerprint(data, query=query) == extract(data, registry.load(names), LIMITS, query)

    def test_timings_come_along(self, make_pool: MakePool) -> None:
        timings = make_pool("mean").fingerprint(ORDINARY).timings
        assert timings.keys() == {"decode", "mean"} and timings["decode"] > 0

    def test_some_of_the_algorithms(self, make_pool: MakePool) -> None:
        pool = make_pool("mean", "loose")
        assert pool.fingerprint(ORDINARY, algorithms=["loose"]).values.keys() == {"loose"}
        with pytest.raises(BadRequest, match="'phash' is not enabled; enabled are mean, loose"):
            pool.fingerprint(ORDINARY, algorithms=["phash"])

    def test_a_refusal_names_the_picture(self, make_pool: MakePool) -> None:
        pool = make_pool("mean")
        with pytest.raises(NotAPicture, match=r"^notes\.png is text"):
            pool.fingerprint(b"milk, bread", name="notes.png")
        with pytest.raises(DamagedPicture, match=r"^cut\.png is a damaged PNG"):
            pool.fingerprint(ORDINARY[:300], name="cut.png")
        with pytest.raises(TooLarge, match=r"picture\.max_bytes"):
            pool.fingerprint(bytes((32 << 20) + 1))

    def test_a_hostile_name_is_written_harmlessly(self, make_pool: MakePool) -> None:
        with pytest.raises(NotAPicture, match=r"^a\\u202egnp\\x1b\[2J\\n is empty"):
            make_pool("mean").fingerprint(b"", name="a\u202egnp\x1b[2J\n")

    def test_many_at_once(self, make_pool: MakePool) -> None:
        pool = make_pool("mean", workers=2)
        pictures = [encoded(photo(seed=seed)) for seed in range(12)]
        with ThreadPoolExecutor(6) as threads:
            found = list(threads.map(pool.fingerprint, pictures))
        assert [f.sha256 for f in found] == [sha256(p).hexdigest() for p in pictures]
        assert len({f.values["mean"] for f in found}) > 6
        assert len(children()) <= 2

    def test_those_who_wait_are_served_in_their_order(self, make_pool: MakePool) -> None:
        pool = make_pool("mean", workers=2)
        with ThreadPoolExecutor(16) as threads:
            everybody, left = threading.Barrier(16), itertools.count()

            def ask() -> int:
                everybody.wait()
                served = 0
                while next(left) < 480:
                    pool.fingerprint(ORDINARY)
                    served += 1
                return served

            served = [asked.result() for asked in [threads.submit(ask) for _ in range(16)]]
        assert sum(served) == 480
        assert min(served) >= 15, served

    def test_who_gives_up_waiting_leaves_no_gap(self, make_pool: MakePool) -> None:
        pool = make_pool("sleeper", limits=QUICK)
        pool.fingerprint(ORDINARY)
        with ThreadPoolExecutor(1) as threads:
            busy = threads.submit(pool.fingerprint, FATAL)
            time.sleep(0.1)
            threading.Timer(0.2, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]).start()
            with pytest.raises(KeyboardInterrupt):
                pool.fingerprint(ORDINARY)
            assert isinstance(busy.exception(), DecodeTimeout)
        assert pool.fingerprint(ORDINARY).values == {"sleeper": b"warm"}

    def test_a_large_file_gets_through(self, make_pool: MakePool) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (2200, 2200, 3), np.uint8)
        data = encoded(noise, "BMP")
        assert make_pool("mean").fingerprint(data).bytes_size == len(data) > 14_000_000


class TestMisbehaviour:
    @pytest.mark.parametrize("name", ["sleeper", "stubborn"])
    def test_a_hang_ends_at_the_deadline(self, make_pool: MakePool, name: str) -> None:
        pool = make_pool(name, limits=QUICK)
        pool.fingerprint(ORDINARY)
        started = time.monotonic()
        with pytest.raises(DecodeTimeout, match=r"bad\.png took longer than 1 s \(picture\.max_seconds\)"):
            pool.fingerprint(FATAL, name="bad.png")
        assert 1.0 <= time.monotonic() - started < 2.0
        assert children() == set()
        assert pool.fingerprint(ORDINARY).values == {name: b"warm"}

    @pytest.mark.parametrize(
        ("name", "reason"), [("aborter", "SIG(ABRT|SEGV)"), ("segfault", "SIGSEGV"), ("leaver", "exit code 3: no more of this")]
    )
    def test_a_crash_costs_one_picture(self, make_pool: MakePool, name: str, reason: str) -> None:
        pool = make_pool(name)
        for _ in range(2):
            with pytest.raises(DecodeCrash, match=f"bad.png made its worker end: {reason}"):
                pool.fingerprint(FATAL, name="bad.png")
            assert children() == set()
            assert pool.fingerprint(ORDINARY).values == {name: b"warm"}

    def test_memory_is_held(self, make_pool: MakePool) -> None:
        pool = make_pool("greedy")
        pool.fingerprint(ORDINARY)
        (before,) = children()
        with pytest.raises(TooLarge, match=r"bad\.png needs more memory for greedy than a worker may use, 600 MiB \(picture\.max_memory\)"):
            pool.fingerprint(FATAL, name="bad.png")
        assert pool.fingerprint(ORDINARY).values == {"greedy": b"warm"}
        assert children() == {before}

    def test_decoding_has_no_more_memory_either(self, make_pool: MakePool) -> None:
        wide = encoded(np.zeros((5000, 7000), np.uint8))
        with pytest.raises(TooLarge, match=r"picture\.max_memory"):
            make_pool("mean", limits=Limits(memory=20 << 20)).fingerprint(wide)

    def test_a_failing_algorithm(self, make_pool: MakePool) -> None:
        with pytest.raises(DecodeCrash, match="raiser fail: ValueError: no such luck"):
            make_pool("raiser").fingerprint(FATAL)

    def test_what_a_library_prints_does_not_reach_the_answer(self, make_pool: MakePool) -> None:
        assert make_pool("chatter").fingerprint(FATAL).values == {"chatter": b"fine"}

    def test_a_worker_that_swells_is_replaced(self, make_pool: MakePool) -> None:
        pool = make_pool("leaker", "number")
        first = pool.fingerprint(FATAL)
        assert first.values["leaker"] == b"kept"
        assert children() == set()
        assert pool.fingerprint(FATAL).values["number"] != first.values["number"]

    def test_a_worker_is_replaced_now_and_then(self, make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("matcher.pool._REQUESTS", 3)
        pool = make_pool("number")
        numbers = [pool.fingerprint(FATAL).values["number"] for _ in range(7)]
        assert [len(set(numbers[n : n + 3])) for n in (0, 3, 6)] == [1, 1, 1] and len(set(numbers)) == 3

    def test_workers_killed_at_random_cost_only_what_they_held(self, make_pool: MakePool) -> None:
        pool = make_pool("mean", workers=2)
        expected = pool.fingerprint(ORDINARY)

        done = threading.Event()

        def ask_on() -> list[str]:
            answers = []
            while not done.is_set():
                try:
                    answers.append("right" if pool.fingerprint(ORDINARY) == expected else "wrong")
                except DecodeCrash as crash:
                    answers.append("crash" if "SIGKILL" in str(crash) else str(crash))
            return answers

        with ThreadPoolExecutor(3) as threads:
            asking = [threads.submit(ask_on) for _ in range(3)]
            for _ in range(4):
                time.sleep(1.0)
                os.kill(next(iter(children())), signal.SIGKILL)
            done.set()
            answers = [answer for a in asking for answer in a.result()]
        assert set(answers) <= {"right", "crash"}
        assert answers.count("crash") <= 4 < answers.count("right")
        assert pool.fingerprint(ORDINARY) == expected

    def test_a_worker_killed_while_idle_is_no_pictures_fault(self, make_pool: MakePool) -> None:
        pool = make_pool("mean")
        pool.fingerprint(ORDINARY)
        (pid,) = children()
        os.kill(pid, signal.SIGKILL)
        assert ends(pid, within=2.0)
        assert pool.fingerprint(ORDINARY).format == "PNG"
        assert pid not in children()


def frame(text: bytes, body: bytes = b"", *, header_length: int | None = None, body_length: int | None = None) -> bytes:
    prefix = wire.PREFIX.pack(len(text) if header_length is None else header_length, len(body) if body_length is None else body_length)
    return prefix + text + body


GOOD = '{"format": "PNG", "size": [1, 1], "fingerprints": [["as is", "liar", 1]], "warnings": [], "timings": {}}'


LIES = {
    "nothing in it": frame(b"{}"),
    "a list": frame(b"[]"),
    "no JSON": frame(b"not json"),
    "deep JSON": frame(b"[" * 50_000),
    "no text": frame(b"\xff\xfe"),
    "a huge header": frame(b"", header_length=1 << 31),
    "a huge body": frame(b"{}", body_length=1 << 31),
    "too few bytes": frame(GOOD.encode(), b""),
    "too many bytes": frame(GOOD.encode(), b"too long"),
    "an algorithm not asked for": frame(GOOD.replace('"liar", 1', '"other", 1').encode(), b"1"),
    "a view not asked for": frame(GOOD.replace("as is", "mirrored").encode(), b"1"),
    "the same twice": frame(GOOD.replace("[[", '[["as is", "liar", 0], [').encode(), b"1"),
    "a negative length": frame(GOOD.replace('"liar", 1', '"liar", -1').encode(), b"1"),
    "a length that is none": frame(GOOD.replace('"liar", 1', '"liar", true').encode(), b"1"),
    "a format not on the list": frame(GOOD.replace("PNG", "EPS").encode(), b"1"),
    "no pixels": frame(GOOD.replace("[1, 1]", "[1, 0]").encode(), b"1"),
    "more pixels than the limit": frame(GOOD.replace("[1, 1]", "[9000, 9000]").encode(), b"1"),
    "a size that is none": frame(GOOD.replace("[1, 1]", '"ab"').encode(), b"1"),
    "a time that is none": frame(GOOD.replace('"timings": {}', '"timings": {"decode": NaN}').encode(), b"1"),
    "a time of another algorithm": frame(GOOD.replace('"timings": {}', '"timings": {"x": 1}').encode(), b"1"),
    "warnings that are none": frame(GOOD.replace('"warnings": []', '"warnings": "none"').encode(), b"1"),
}


class TestLies:
    """A worker that hostile bytes have taken over may answer anything."""

    def test_an_answer_that_can_be_true_is_believed(self, make_pool: MakePool) -> None:
        found = make_pool("liar").fingerprint(FATAL + frame(GOOD.encode(), b"1"))
        assert found.values == {"liar": b"1"}

    @pytest.mark.parametrize("what", LIES)
    def test_one_that_cannot_is_not(self, make_pool: MakePool, what: str) -> None:
        pool = make_pool("liar", limits=QUICK)
        with pytest.raises(DecodeCrash, match=r"^bad\.png made its worker give"):
            pool.fingerprint(FATAL + LIES[what], name="bad.png")

    def test_half_an_answer_is_waited_for_until_the_deadline(self, make_pool: MakePool) -> None:
        with pytest.raises(DecodeTimeout):
            make_pool("liar", limits=QUICK).fingerprint(FATAL + frame(b"{", header_length=100))


class TestConfinement:
    def test_a_worker_can_only_compute(self, make_pool: MakePool) -> None:
        pool = make_pool("prober")
        if not pool.sandboxed:
            pytest.skip("no seccomp here")
        assert pool.fingerprint(FATAL).values == {"prober": b""}

    def test_it_gets_nothing_of_the_hosts_environment(self, make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
        monkeypatch.setenv("KUATO_REDIS_URL", "redis://:secret@store")
        seen = make_pool("surroundings").fingerprint(FATAL).values["surroundings"].decode()
        assert "proxy" not in seen and "secret" not in seen and "OMP_NUM_THREADS=1" in seen

    def test_it_inherits_no_files(self, make_pool: MakePool, tmp_path: Path) -> None:
        with open(tmp_path / "held", "w") as held:
            os.set_inheritable(held.fileno(), True)
            make_pool("mean").fingerprint(ORDINARY)
            (pid,) = children()
            assert not any("held" in file for file in open_files(pid))


class TestLife:
    def test_nothing_is_started_before_the_first_picture(self, make_pool: MakePool) -> None:
        make_pool("mean", workers=2)
        assert children() == set()

    def test_one_worker_serves_many(self, make_pool: MakePool) -> None:
        pool = make_pool("number", workers=2)
        assert len({pool.fingerprint(FATAL).values["number"] for _ in range(5)}) == 1

    def test_an_algorithm_that_is_not_there(self, make_pool: MakePool) -> None:
        pool = make_pool("mean", "nonesuch")
        for _ in range(2):
            with pytest.raises(BadSettings, match="nonesuch"):
                pool.fingerprint(ORDINARY)
        assert children() == set()

    def test_an_algorithm_that_does_not_load(self, make_pool: MakePool) -> None:
        with pytest.raises(BadSettings, match="this module never loads"):
            make_pool("broken").fingerprint(ORDINARY)

    def test_a_worker_that_does_not_start(self, make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "path", [])
        with pytest.raises(KuatoError, match="a decoding worker did not start: exit code 1: ModuleNotFoundError"):
            make_pool("mean").fingerprint(ORDINARY)
        assert children() == set()

    def test_closing(self, make_pool: MakePool) -> None:
        pool = make_pool("mean", workers=2)
        pool.fingerprint(ORDINARY)
        pool.close()
        pool.close()
        assert children() == set()
        with pytest.raises(RuntimeError, match="closed"):
            pool.fingerprint(ORDINARY)

    def test_closing_while_at_work(self, make_pool: MakePool) -> None:
        pool = make_pool("sleeper", limits=QUICK)
        pool.fingerprint(ORDINARY)
        with ThreadPoolExecutor(2) as threads:
            busy = [threads.submit(pool.fingerprint, FATAL) for _ in range(2)]
            time.sleep(0.3)
            pool.close()
            assert {type(b.exception()) for b in busy} == {DecodeTimeout, RuntimeError}
        assert children() == set()

    def test_ctrl_c_discards_the_worker_and_its_answer(self, make_pool: MakePool) -> None:
        pool = make_pool("sleeper")
        pool.fingerprint(ORDINARY)
        threading.Timer(0.3, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]).start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            pool.fingerprint(FATAL)
        assert time.monotonic() - started < 2.0
        assert children() == set()
        assert pool.fingerprint(ORDINARY).values == {"sleeper": b"warm"}

    @pytest.mark.parametrize(("work", "within"), [("", 2.0), ("pool.fingerprint(fatal)", 4.0)])
    def test_workers_end_with_their_host(self, tmp_path: Path, work: str, within: float) -> None:
        host = f"""
import sys, threading; sys.path[:] = {[p for p in sys.path if p]!r}
from matcher.decode import Limits
from matcher.pool import WorkerPool
pool = WorkerPool(Limits(seconds=1.5), ["stubborn"], 1)
ordinary, fatal = {ORDINARY!r}, {FATAL!r}
pool.fingerprint(ordinary)
threading.Timer(0.3, print, ["ready"], {{"flush": True}}).start()
{work}
threading.Event().wait()
"""
        script = tmp_path / "host.py"
        script.write_text(host)
        with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            (worker,) = children(process.pid)
            process.kill()
        assert ends(worker, within)
