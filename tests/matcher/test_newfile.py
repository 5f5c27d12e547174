"""A new file is there whole, or not at all."""

import fcntl
import os
from pathlib import Path

import pytest

from matcher.errors import BadRequest, Conflict
from matcher.newfile import new_file


def test_it_has_its_name_only_when_it_is_whole_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new"
    (tmp_path / "new.part").write_text("what a killed process left, longer than what comes now")
    (tmp_path / "new.part").chmod(0o644)
    with new_file(path) as file:
        file.write(b"all of it")
        assert not path.exists()
        assert (tmp_path / "new.part").stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == b"all of it"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_nothing_but_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "new"
    path.write_bytes(b"old")
    with pytest.raises(error), new_file(path, replace=True) as file:
        file.write(b"half of")
        raise error
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("new", b"old")]


def test_another_file_is_only_replaced_where_that_was_said(tmp_path: Path) -> None:
    path = tmp_path / "new"
    path.write_bytes(b"old")
    with pytest.raises(Conflict, match="--force"), new_file(path):
        pass
    with pytest.raises(Conflict), new_file(tmp_path / "other"):
        (tmp_path / "other").write_bytes(b"somebody was faster")
    assert (path.read_bytes(), (tmp_path / "other").read_bytes()) == (b"old", b"somebody was faster")
    with new_file(path, replace=True) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_two_do_not_write_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "new"
    with new_file(path) as file:
        file.write(b"first")
        with pytest.raises(Conflict, match="another process"), new_file(path, replace=True):
            pass
    assert path.read_bytes() == b"first"


def test_one_who_opened_it_just_before_it_got_its_name_does_not_empty_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new"
    flock = fcntl.flock

    def late(file: object, how: int) -> None:
        monkeypatch.undo()
        (tmp_path / "new.part").replace(path)
        path.write_bytes(b"whole")
        flock(file, how)  # type: ignore[arg-type]

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(Conflict), new_file(path, replace=True):
        pass
    assert path.read_bytes() == b"whole"


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "link", "pipe"):
        with pytest.raises(BadRequest, match=name), new_file(tmp_path / name, replace=True):
            pass
    (tmp_path / "new.part").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"new\.part"), new_file(tmp_path / "new"):
        pass
    assert not (tmp_path / "elsewhere").exists()
