"""Workers that are given pixels: what they compute, and what becomes of a picture when they fail."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matcher import wire
from matcher.errors import BadSettings, Busy, KuatoError
from matcher.fingerprints import registry
from matcher.models.pool import ModelPool, Said, believed, told
from matcher.pool import WorkerPool
from matcher.settings import Settings
from tests.matcher import doubles
from tests.matcher.pictures import encoded, photo
from tests.matcher.processes import children, named

FATAL = encoded(photo(123, 100))  # the doubles misbehave on pictures of this width

MakePool = Callable[..., WorkerPool]


@pytest.fixture(autouse=True)
def _doubles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doubles.install(tmp_path, monkeypatch)


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    pools: list[WorkerPool] = []

    def make(*names: str, **overrides: Any) -> WorkerPool:
        given = {name.replace("__", "."): value for name, value in overrides.items()}
        settings = Settings.load(environ={}, overrides={"workers.count": 1, "picture.max_seconds": 20, **given})
        pools.append(WorkerPool.of(settings, registry.load(names, settings)))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def test_they_get_pixels_and_settings_and_no_file(make_pool: MakePool) -> None:
    pixels = photo(123, 100)
    found = make_pool("mean", "seen", text__max_chars=77).fingerprint(encoded(pixels))
    assert found.values["seen"].decode() == repr(((100, 123, 3), int(pixels.mean()), b"", 77))
    assert found.values["mean"] and found.pixels is None and "seen" in found.timings


def test_only_what_is_asked_for_is_computed(make_pool: MakePool) -> None:
    pool = make_pool("mean", "seen")
    assert set(pool.fingerprint(FATAL, algorithms=["mean"]).values) == {"mean"}
    assert len(children()) == 1
    assert set(pool.fingerprint(FATAL, algorithms=["seen"]).values) == {"seen"}
    assert set(pool.fingerprint(FATAL, query=True).views) == {"as is", "mirrored", "negative"}


def test_a_large_picture_is_shrunk(make_pool: MakePool) -> None:
    found = make_pool("seen", models__max_pixels=10_000).fingerprint(encoded(np.full((300, 900, 3), 200, np.uint8)))
    assert found.values["seen"] == b"warm"
    found = make_pool("seen", models__max_pixels=10_000).fingerprint(encoded(np.full((1000, 123, 3), 200, np.uint8)))
    assert found.values["seen"] == b"warm"  # its width is another now


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("crasher", "made a model worker end: SIGABRT"),
        ("clumsy", "no clumsy: ValueError: no such luck"),
        ("hungry", "needs more memory than models may use (models.max_memory)"),
    ],
)
def test_a_failure_costs_no_more_than_its_fingerprint(make_pool: MakePool, name: str, why: str) -> None:
    pool = make_pool("mean", name, models__max_memory=200 << 20)
    for _ in range(2):
        found = pool.fingerprint(FATAL)
        assert set(found.values) == {"mean"} and name not in found.too_simple
        assert why in found.warnings[0]


def test_others_in_the_same_worker_go_on_where_one_raises(make_pool: MakePool) -> None:
    found = make_pool("clumsy", "seen").fingerprint(FATAL)
    assert set(found.values) == {"seen"} and len(found.warnings) == 1


def test_one_that_takes_too_long_is_killed_with_all_it_started(make_pool: MakePool, caplog: pytest.LogCaptureFixture) -> None:
    found = make_pool("mean", "dreamer", models__max_seconds=1.0).fingerprint(FATAL, name="shot.png")
    assert set(found.values) == {"mean"} and "took longer than 1 s (models.max_seconds)" in found.warnings[0]
    assert "a picture has no dreamer: it took longer" in caplog.text and "shot.png" not in caplog.text
    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _readable(path)]
    assert not [line for line in running if b"3600.25" in line]
    assert not named("matcher.models")


def _readable(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


def test_a_model_that_is_missing_is_an_error(make_pool: MakePool) -> None:
    pool = make_pool("mean", "late")
    for _ in range(2):
        with pytest.raises(BadSettings, match=r"the model nowhere.onnx is not there"):
            pool.fingerprint(FATAL)
    assert pool.fingerprint(FATAL, algorithms=["mean"]).values


def test_it_has_no_network_and_writes_no_large_file(make_pool: MakePool) -> None:
    assert make_pool("spy").fingerprint(FATAL).values["spy"] == b"nothing"


def test_who_waits_too_long_is_told(make_pool: MakePool) -> None:
    pool = make_pool("seen")
    assert pool._models is not None
    child = pool._models._workers.take()
    try:
        with pytest.raises(Busy, match=r"all 1 model processes were busy for 0.05 s \(web.busy_seconds, models.workers\)"):
            pool.fingerprint(FATAL, waiting=0.05)
    finally:
        pool._models._workers.give_back(child, True)


def test_closing_ends_both_kinds(make_pool: MakePool) -> None:
    pool = make_pool("mean", "seen")
    pool.fingerprint(FATAL)
    assert len(children()) == 2
    pool.close()
    assert children() == set()


def test_a_description_is_refused_by_what_takes_none(make_pool: MakePool) -> None:
    pool = make_pool("seen")
    assert pool._models is not None
    with pytest.raises(KuatoError, match="seen takes no descriptions"):
        pool._models.ask({"describe": "a boat", "algorithm": "seen"})


def test_a_worker_is_told_no_password() -> None:
    settings = Settings.load(environ={}, overrides={"redis.url": "redis://:secret@store/0", "embedding.model": "/models/a.toml"})
    assert "secret" not in repr(told(settings))
    assert told(settings)["embedding.model"] == "/models/a.toml" and told(settings)["text.languages"] == ["eng"]


def test_an_answer_is_believed_when_it_can_be_true() -> None:
    header: dict[str, Any] = {"values": [["a", 2]], "failed": [["b", "no\nluck"]], "timings": {"a": 1.0}}
    assert believed(header, b"xy", ["a", "b", "c"]) == Said({"a": b"xy"}, ("c",), ("no b: no\\nluck",), {"a": 1.0})
    lies: list[dict[str, Any]] = [
        {"values": [["d", 2]]},
        {"values": [["a", 1]]},
        {"values": [["a", 3]]},
        {"values": [["a", 2], ["a", 0]]},
        {"values": 3},
        {"failed": [["z", ""]]},
        {"timings": {"a": float("nan")}},
        {"timings": {"z": 1.0}},
        {"timings": None},
    ]
    for lie in lies:
        with pytest.raises(wire.Nonsense):
            believed({**header, **lie}, b"xy", ["a", "b", "c"])


def test_there_is_no_pool_of_models_where_none_is_needed() -> None:
    settings = Settings.load(environ={})
    with WorkerPool.of(settings, registry.load(["pdq"])) as pool:
        assert pool._models is None
    assert isinstance(ModelPool(settings, ["text"]).algorithms, tuple)
