"""`kuato add`."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from matcher.commands.inputs import collected
from matcher.errors import Refused
from tests.matcher.commands.conftest import Kuato, documents
from tests.matcher.pictures import encoded

PNG = encoded(np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3))


def different(number: int) -> bytes:
    return encoded(np.random.default_rng(number).integers(0, 256, (80, 80, 3), np.uint8))


def test_a_folder_is_added_once_and_known_from_then_on(kuato: Kuato, gallery: Path) -> None:
    first, again = kuato("add", gallery), kuato("add", gallery)
    assert (first.exit_code, again.exit_code) == (0, 0), first.stderr
    assert first.stdout.splitlines()[-1] == "4 added, 0 known already"
    assert again.stdout.splitlines()[-1] == "0 added, 4 known already"
    assert kuato.json("stats")[0]["pictures"] == 4


def test_what_is_said_of_a_picture_is_kept(kuato: Kuato, gallery: Path) -> None:
    kuato("bank", "create", "phishing")
    said = ("--bank", "phishing", "--tag", 'a:b="c"', "--source", "url:https://x.org/y", "--source", "note:mine")
    kuato("add", gallery / "house.png", *said)
    [found] = kuato.json("list")
    assert (found["banks"], found["tags"]) == (["phishing"], ['a:b="c"'])
    assert [(seen["kind"], seen["id"]) for seen in found["sources"]] == [("url", "https://x.org/y"), ("note", "mine")]
    assert all(seen["first_seen"] for seen in found["sources"])


def test_a_file_is_its_own_source_and_gains_further_ones(kuato: Kuato, gallery: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.png"
    copy.write_bytes((gallery / "house.png").read_bytes())
    [first] = kuato.json("add", gallery / "house.png")
    [second] = kuato.json("add", copy)
    assert (first["new"], second["new"]) == (True, False)
    assert [seen["id"] for seen in second["picture"]["sources"]] == [str(gallery / "house.png"), str(copy)]


def test_standard_input_has_no_source(kuato: Kuato) -> None:
    [added] = kuato.json("add", "-", stdin=PNG)
    assert added["file"] == "standard input"
    assert added["picture"]["sources"] == []


def test_bad_files_are_reported_and_the_rest_goes_on(kuato: Kuato, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "good.png").write_bytes(PNG)
    result = kuato("add", tmp_path / "text.txt", tmp_path / "good.png", "--json")
    assert result.exit_code == 3
    failed, added = documents(result.stdout)
    assert failed["error"]["code"] == "not-a-picture"
    assert added["new"]
    assert result.stderr.splitlines() == [f"kuato: {failed['error']['message']} [not-a-picture]"]


def test_failures_of_several_kinds_exit_with_1(kuato: Kuato, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("hello")
    result = kuato("add", tmp_path / "text.txt", tmp_path / "missing.png")
    assert result.exit_code == 1
    assert "missing.png does not exist" in result.stderr
    assert result.stdout == "0 added, 0 known already, 2 failed\n"


def test_in_folders_only_what_seems_a_picture_counts(kuato: Kuato, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "no-suffix").write_bytes(PNG)
    (tmp_path / "readme.txt").write_text("hello")
    os.mkfifo(tmp_path / "pipe")
    fine = kuato("add", tmp_path)
    assert (fine.exit_code, fine.stdout.splitlines()[-1]) == (0, "1 added, 0 known already, 1 other files passed over")
    (tmp_path / "error page.png").write_text("<html>404</html>")
    result = kuato("add", tmp_path)
    assert result.exit_code == 3
    assert "error page.png" in result.stderr


@pytest.mark.parametrize("files", [[], ["readme.txt"]])
def test_a_folder_without_pictures_is_an_error(kuato: Kuato, tmp_path: Path, files: list[str]) -> None:
    (tmp_path / "in").mkdir()
    for name in files:
        (tmp_path / "in" / name).write_text("hello")
    result = kuato("add", tmp_path / "in")
    assert result.exit_code == 3
    assert "kuato: there are no" in result.stderr


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (["--bank", "nowhere"], 4, "no bank 'nowhere'"),
        (["--source", "nonsense"], 2, "write KIND:ID"),
        (["--tag", ""], 2, "cannot be a tag"),
        (["--jobs", "0"], 2, "--jobs"),
    ],
)
def test_wrong_options_change_nothing(kuato: Kuato, gallery: Path, options: list[str], code: int, reason: str) -> None:
    result = kuato("add", gallery / "house.png", *options)
    assert (result.exit_code, reason in result.stderr) == (code, True), result.stderr
    assert kuato.json("list") == []


def test_a_file_above_the_limit_is_not_even_read(kuato: Kuato, tmp_path: Path) -> None:
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(1 << 40)
    result = kuato("add", tmp_path / "huge.png")
    assert result.exit_code == 3
    assert "picture.max_bytes" in result.stderr


def test_endless_input_is_read_to_the_limit(kuato: Kuato) -> None:
    result = kuato("--set", "picture.max_bytes=1000", "add", "/dev/zero")
    assert (result.exit_code, "picture.max_bytes" in result.stderr) == (3, True)


@pytest.mark.parametrize("name", ["line\nbreak.png", "\x1b[31mred.png", "gnp.‮exe.png", os.fsdecode(b"latin-\xe9.png"), "[bold]:smile:.png"])
def test_no_file_name_disturbs_terminal_or_json(kuato: Kuato, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(PNG)
    (tmp_path / f"bad {name}").write_text("hello")
    result = kuato("add", tmp_path)
    shown = (result.stdout + result.stderr).replace("\n", "")
    assert result.exit_code == 3
    assert shown.isprintable()
    assert name.encode("unicode_escape", "surrogatepass").decode().removeprefix("\\x1b") in shown or "\\xe9" in shown
    [kept] = kuato.json("list", "--source", "file")
    kept["sources"][0]["id"].encode()  # no lone surrogates: other parsers refuse them
    assert kuato("search", tmp_path / name).exit_code == 0


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that may not be read, also where the tests run with all rights: they are given up meanwhile."""
    user = os.geteuid()
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name, "closed")
        folder.mkdir(mode=0)
        os.seteuid(user or 65534)
        yield folder
        os.seteuid(user)
        folder.chmod(0o700)


@pytest.mark.parametrize("path", [".", "a.png"])
def test_what_may_not_be_read_is_refused(closed: Path, path: str) -> None:
    [one] = collected([str(closed / path)])
    with pytest.raises(Refused, match="may not be read"):
        one.read(100)


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_it_finishes_what_is_in_work_and_a_second_call_the_rest(
    kuato: Kuato, tmp_path: Path, how: signal.Signals, code: int
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(120):
        (folder / f"{number:03}.png").write_bytes(different(number))
    process = kuato.start("add", folder, "--json")
    assert process.stdout is not None
    for _ in range(3):
        assert json.loads(process.stdout.readline())["new"]
    process.send_signal(how)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == code, errors
    [line] = errors.decode().splitlines()
    added = int(line.removeprefix("kuato: stopped: ").split()[0])
    assert 3 <= added < 120
    assert "of 120 files; the same command goes on from here" in line
    assert kuato.json("stats")[0]["pictures"] == added
    assert kuato("add", folder).stdout.splitlines()[-1] == f"{120 - added} added, {added} known already"


def test_without_redis_nothing_is_tried_twice(kuato: Kuato, gallery: Path) -> None:
    result = kuato("--redis", "redis://127.0.0.1:1", "add", gallery)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (7, "", 1)
    assert result.stderr.endswith("[store-away]\n")


def test_workers_end_with_an_interrupted_call(kuato: Kuato, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:03}.png").write_bytes(different(number))
    process = kuato.start("add", folder, "--json")
    assert process.stdout is not None
    process.stdout.readline()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    children += [pid for task in Path(f"/proc/{process.pid}/task").iterdir() for pid in (task / "children").read_text().split()]
    assert children
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    deadline = time.monotonic() + 5
    while any(_runs(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_runs(pid) for pid in children)


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
