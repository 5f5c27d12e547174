"""`kuato watch`, as a process of its own."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copy
from typing import Any

import numpy as np
import pytest

from tests.matcher.commands.conftest import Kuato
from tests.matcher.pages.making import PAGE, inline, mhtml, picture
from tests.matcher.pictures import encoded

SAMPLE = "0123456789abcdef" * 4


class Watching:
    """A running `kuato watch --json`."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"kuato: watching ")

    def next(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def some(self, count: int) -> list[dict[str, Any]]:
        return [self.next() for _ in range(count)]

    def end(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        self.process.send_signal(how)
        out, errors = self.process.communicate(timeout=30)
        return self.process.returncode, out.decode(), errors.decode()


Start = Callable[..., Watching]


@pytest.fixture
def start(kuato: Kuato, folder: Path) -> Iterator[Start]:
    running: list[subprocess.Popen[bytes]] = []

    def begin(*options: str, first: tuple[str, ...] = ()) -> Watching:
        running.append(kuato.start(*first, "watch", folder, "--json", "--settled", "0.2", *options))
        return Watching(running[-1])

    yield begin
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    return made


def different(number: int) -> bytes:
    return encoded(np.random.default_rng(number).integers(0, 256, (80, 80, 3), np.uint8))


def test_what_comes_is_added(kuato: Kuato, start: Start, folder: Path, gallery: Path) -> None:
    (folder / "old.png").write_bytes(different(1))
    kuato("bank", "create", "seen")
    watching = start("--bank", "seen", "--tag", "new")
    copy(gallery / "house.png", folder / "house.png")
    added = watching.next()
    assert (added["file"], added["new"], added["answer"]) == (str(folder / "house.png"), True, None)
    assert (added["picture"]["banks"], added["picture"]["tags"]) == (["seen"], ["new"])
    assert [(seen["kind"], seen["id"]) for seen in added["picture"]["sources"]] == [("file", str(folder / "house.png"))]
    (folder / "deep" / "er").mkdir(parents=True)
    copy(gallery / "house.png", folder / "deep" / "er" / "again.png")
    assert watching.next()["new"] is False
    assert watching.end() == (0, "", "kuato: stopped: 1 added, 1 known already\n")


def test_shots_of_a_sandbox_are_of_their_sample(start: Start, folder: Path, gallery: Path) -> None:
    watching = start()
    (folder / SAMPLE / "shots").mkdir(parents=True)
    copy(gallery / "house.png", folder / SAMPLE / "shots" / "1.png")
    [source] = watching.next()["picture"]["sources"]
    assert (source["kind"], source["id"], source["metadata"]) == ("sample", SAMPLE, {"path": str(folder / SAMPLE / "shots" / "1.png")})


def test_what_came_before_is_the_answer_to_what_comes_next(start: Start, folder: Path, gallery: Path) -> None:
    watching = start("--search", "--limit", "5")
    for name in ("house.png", "house-small.jpg", "boat.png"):
        copy(gallery / name, folder / name)
    found = watching.some(3)
    answers = {Path(one["file"]).name: one["answer"] for one in found}
    assert sorted(answers[name]["decision"] for name in ("house.png", "house-small.jpg")) == ["NO", "YES"]
    assert answers["boat.png"]["decision"] == "NO"
    copy(gallery / "boat.png", folder / "boat again.png")
    assert watching.next()["answer"]["matches"][0]["picture"]["sources"][0]["id"] == str(folder / "boat.png")


@pytest.mark.slow
def test_killed_and_begun_again_nothing_is_lost(kuato: Kuato, start: Start, folder: Path) -> None:
    for number in range(40):
        (folder / f"{number}.png").write_bytes(different(number))
    first = start("--existing", "--search")
    first.some(5)
    first.process.kill()
    second = start("--existing", "--search")
    found = second.some(40)
    assert {Path(one["file"]).name for one in found} == {f"{number}.png" for number in range(40)}
    assert kuato.json("stats")[0]["pictures"] == 40
    # What is only known from the same file is no answer.
    assert {one["answer"]["decision"] for one in found} == {"NO"}
    assert any(not one["new"] for one in found)


def test_told_to_stop_it_tells_all_that_it_added(kuato: Kuato, start: Start, folder: Path) -> None:
    for number in range(120):
        (folder / f"{number}.png").write_bytes(different(number))
    watching = start("--existing")
    watching.some(2)
    code, out, errors = watching.end(signal.SIGINT)
    told = 2 + len(out.splitlines())
    assert (code, errors) == (130, f"kuato: stopped: {told} added, 0 known already\n")
    assert 2 <= told < 120
    assert kuato.json("stats")[0]["pictures"] == told


def test_bad_files_do_not_end_it(start: Start, folder: Path, gallery: Path) -> None:
    watching = start()
    (folder / "notes.txt").write_text("hello")
    (folder / "broken.png").write_bytes((gallery / "boat.png").read_bytes()[:1000])
    assert watching.next()["error"]["code"] == "damaged-picture"
    copy(gallery / "boat.png", folder / "broken.png")
    assert watching.next()["new"]
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "page.mhtml").write_bytes(mhtml(f"<html><img src='{inline(1)}'>", [("image/png", picture(2), "https://x.example/2.png")]))
    pages = watching.some(2)
    assert {(one["page"], one["picture"]["sources"][0]["kind"]) for one in pages} == {(PAGE, "page")}
    assert watching.end()[0] == 0


def test_while_redis_is_away_pictures_wait(kuato: Kuato, start: Start, folder: Path, gallery: Path, tmp_path: Path) -> None:
    """Told apart by what the store answers: here it is full, until memory is given to it."""
    import redis

    url = next(option.removeprefix("--set=redis.url=") for option in kuato.options if "redis.url" in option)
    watching = start()
    with redis.Redis.from_url(url) as client:
        client.config_set("maxmemory", 1)
        try:
            copy(gallery / "boat.png", folder / "boat.png")
            assert watching.process.stderr is not None
            assert b"pictures wait until then" in watching.process.stderr.readline()
        finally:
            client.config_set("maxmemory", 0)
    assert watching.next()["new"]


def test_in_words(kuato: Kuato, folder: Path, gallery: Path) -> None:
    copy(gallery / "boat.png", folder / "boat.png")
    process = kuato.start("watch", folder, "--existing", "--settled", "0.2", "--search")
    assert process.stdout is not None
    lines = [process.stdout.readline().decode() for _ in range(2)]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert lines[0] == f"{folder / 'boat.png'}: NO\n"
    assert lines[1].split()[0] == "added"
    assert lines[1].endswith(f"  {folder / 'boat.png'}\n")


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (["missing"], 4, "is no folder"),
        ([".", "--bank", "nowhere"], 4, "no bank 'nowhere'"),
        ([".", "--tag", ""], 2, "cannot be a tag"),
        ([".", "--limit", "3"], 2, "--search"),
        ([".", "--settled", "0"], 2, "--settled"),
    ],
)
def test_wrong_options_end_it_at_once(kuato: Kuato, options: list[str], code: int, reason: str) -> None:
    result = kuato("watch", *options)
    assert (result.exit_code, reason in result.stderr) == (code, True), result.stderr


def test_without_redis_it_does_not_begin(kuato: Kuato, folder: Path) -> None:
    assert kuato("--redis", "redis://127.0.0.1:1", "watch", folder).exit_code == 7
