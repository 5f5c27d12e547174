"""`kuato duplicates`."""

import os
import signal
from pathlib import Path
from shutil import copy

import numpy as np
import pytest

from tests.matcher.commands.conftest import Kuato, documents
from tests.matcher.pictures import encoded


@pytest.fixture
def folder(gallery: Path, tmp_path: Path) -> Path:
    made = tmp_path / "in"
    (made / "deep").mkdir(parents=True)
    for name in ("house.png", "house-small.jpg", "boat.png"):
        copy(gallery / name, made / name)
    copy(gallery / "boat.png", made / "deep" / "boat again.png")
    (made / "notes.txt").write_text("hello")
    return made


def test_groups_best_first(kuato: Kuato, folder: Path) -> None:
    boats, houses = kuato.json("duplicates", folder)
    assert [one["file"] for one in boats["files"]] == [str(folder / "boat.png"), str(folder / "deep" / "boat again.png")]
    assert (boats["exact"], boats["decision"]) == (True, "YES")
    assert [one["file"] for one in houses["files"]] == [str(folder / "house.png"), str(folder / "house-small.jpg")]
    assert (houses["exact"], houses["decision"]) == (False, "YES")
    assert {"file", "sha256", "format", "width", "height", "bytes"} == set(houses["files"][0])
    assert houses["files"][1]["width"] == 384


def test_in_words(kuato: Kuato, folder: Path) -> None:
    result = kuato("duplicates", folder)
    head, *rows, last = result.stdout.splitlines()
    assert head.split() == ["group", "size", "format", "bytes", "file"]
    assert [row.split("  ")[0].split()[0] for row in rows] == ["1", "1", "2", "2"]
    assert [word in row for word, row in zip(("best", "same bytes", "best", "same picture"), rows, strict=True)] == [True] * 4
    assert last.startswith("2 groups in 4 pictures; 2 files besides the best ones, ")
    assert result.exit_code == 0


def test_nothing_is_remembered_and_no_redis_needed(kuato: Kuato, folder: Path) -> None:
    assert kuato("--redis", "redis://127.0.0.1:1", "duplicates", folder).exit_code == 0
    assert kuato.json("stats")[0]["pictures"] == 0


def test_without_duplicates_there_is_nothing_to_show(kuato: Kuato, gallery: Path) -> None:
    assert kuato.json("duplicates", gallery / "boat.png", gallery / "house.png") == []
    assert kuato("duplicates", gallery / "boat.png").stdout == "0 groups in 1 pictures; 0 files besides the best ones, 0.0 MB\n"


def test_one_file_under_several_names_is_no_copy_of_itself(kuato: Kuato, folder: Path) -> None:
    (folder / "link.png").symlink_to(folder / "boat.png")
    os.link(folder / "boat.png", folder / "hard.png")
    (folder / "deep" / "boat again.png").unlink()
    groups = kuato.json("duplicates", folder, folder, folder / "boat.png")
    assert [len(group["files"]) for group in groups] == [2]
    assert groups[0]["files"][0]["file"].endswith("house.png")


def test_bad_files_are_reported_and_the_rest_goes_on(kuato: Kuato, folder: Path) -> None:
    (folder / "broken.png").write_bytes((folder / "boat.png").read_bytes()[:1000])
    result = kuato("duplicates", folder, "--json")
    assert (result.exit_code, "broken.png" in result.stderr) == (3, True)
    failed, *groups = documents(result.stdout)
    assert (failed["error"]["code"], len(groups)) == ("damaged-picture", 2)


def test_nothing_to_compare_is_an_error(kuato: Kuato, tmp_path: Path) -> None:
    result = kuato("duplicates", tmp_path)
    assert (result.exit_code, "there are no pictures in" in result.stderr) == (3, True)
    assert kuato("duplicates", tmp_path / "missing").exit_code == 4


def test_ctrl_c_ends_it(kuato: Kuato, tmp_path: Path) -> None:
    for number in range(300):
        pixels = np.random.default_rng(number).integers(0, 256, (80, 80, 3), np.uint8)
        (tmp_path / f"{number}.png").write_bytes(encoded(pixels))
    (tmp_path / "0.png").write_text("broken, and reported first")
    process = kuato.start("duplicates", tmp_path, "--json")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[0] == b""
    assert process.returncode == 130
