"""What waits on disk: whole or not at all, nobody else's to read, held by one at a time, and gone in the end."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from matcher.errors import BadSettings, Busy, NotFound, StoreFull, TooLarge
from matcher.job import Item, is_id, new_id
from matcher.spool import Held, Spool

ITEMS = [Item("a.png", b"first", {"tags": ["x"]}), Item("", b""), Item("../../etc/passwd", b"\x00\xff" * 1000), Item("\ud800.png", b"last")]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "jobs", 1 << 20)


def kept(spool: Spool, *items: Item) -> str:
    id = new_id()
    with spool.create(id) as held:
        held.fill(items)
    return id


def test_what_was_written_is_read(spool: Spool) -> None:
    id = kept(spool, *ITEMS)
    held = spool.hold(id)
    assert held is not None
    with held:
        assert held.names() == [item.name for item in ITEMS]
        assert [held.item(n) for n in range(len(ITEMS))] == ITEMS


def test_only_its_owner_can_read_it_and_names_from_outside_name_no_file(spool: Spool) -> None:
    previous = os.umask(0)
    try:
        id = kept(spool, *ITEMS)
    finally:
        os.umask(previous)
    files = sorted(path for path in spool.folder.rglob("*") if path.name != "id")
    assert [path.relative_to(spool.folder).as_posix() for path in files] == [id, f"{id}/data", f"{id}/items"]
    assert [oct(path.stat().st_mode & 0o777) for path in (spool.folder, *files)] == ["0o700", "0o700", "0o600", "0o600"]


def test_a_job_is_found_while_it_gets_its_name(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    id = new_id()
    with spool.create(id) as held:
        plain = Spool._held

        def look(self: Spool, path: Path) -> Held | None:
            if path.name.startswith("."):  # just now it is finished
                monkeypatch.undo()
                held.fill(ITEMS)
            return plain(self, path)

        monkeypatch.setattr(Spool, "_held", look)
        assert spool.hold(id) is None


def test_those_who_write_at_once_keep_to_the_limit_of_all(tmp_path: Path) -> None:
    spool, large = Spool(tmp_path / "jobs", 40 << 20), Item("a.png", bytes(17 << 20))

    def items() -> Iterator[Item]:
        yield large
        kept(spool, large)
        yield large

    with spool.create(new_id()) as held, pytest.raises(Busy):
        held.fill(items())


def test_one_holds_it_at_a_time(spool: Spool) -> None:
    id = kept(spool, *ITEMS)
    first = spool.hold(id)
    assert first is not None
    assert spool.hold(id) is None
    first.close()
    second = spool.hold(id)
    assert second is not None
    second.close()


def test_who_dies_holds_nothing(spool: Spool) -> None:
    id = kept(spool, *ITEMS)
    program = (
        "import sys; from matcher.spool import *; held = Spool(Path(sys.argv[1]), 1).hold(sys.argv[2]); print(held, flush=True); input()"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, spool.folder, id], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout
    assert b"Held" in holder.stdout.readline()
    assert spool.hold(id) is None
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    held = spool.hold(id)
    assert held is not None
    held.close()


def test_deleted_it_is_gone(spool: Spool) -> None:
    id = kept(spool, *ITEMS)
    held = spool.hold(id)
    assert held is not None
    held.delete()
    held.delete()
    assert spool.jobs() == {}
    assert spool.size() == 0
    with pytest.raises(NotFound, match="submit it again"):
        spool.hold(id)


def test_what_was_not_finished_is_no_job_and_can_be_told(spool: Spool) -> None:
    def broken() -> Iterator[Item]:
        yield ITEMS[0]
        raise TooLarge("the second picture has 900 MB")

    id = new_id()
    with spool.create(id) as held, pytest.raises(TooLarge):
        held.fill(broken())
    left = spool.hold(id)
    assert left is not None
    assert left.unfinished
    left.delete()
    assert spool.jobs() == {}


def test_processes_agree_on_the_name_of_a_spool(tmp_path: Path) -> None:
    program = "import sys; from matcher.spool import *; sys.stdin.readline(); print(Spool(Path(sys.argv[1]), 1).id)"
    command = [sys.executable, "-c", program, str(tmp_path / "jobs")]
    several = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    names = {one.communicate("go\n")[0].strip() for one in several}
    assert names == {Spool(tmp_path / "jobs", 1).id}
    assert Spool(tmp_path / "other", 1).id not in names
    assert sorted(path.name for path in (tmp_path / "jobs").iterdir()) == ["id"]


def test_a_folder_that_anyone_may_write_in_is_refused(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs").chmod(0o777)
    with pytest.raises(BadSettings, match="chmod 700"):
        Spool(tmp_path / "jobs", 1).create(new_id())


def test_a_folder_that_cannot_be_is_named_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadSettings, match=r"jobs\.dir"):
        Spool(tmp_path / "file" / "jobs", 1).create(new_id())
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "id").write_text("../..")
    with pytest.raises(BadSettings, match="not as Kuato wrote it"):
        _ = Spool(tmp_path / "jobs", 1).id


def test_more_than_all_jobs_may_have_is_refused(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "jobs", 1000)
    kept(spool, Item("a", b"x" * 500))
    with pytest.raises(Busy, match=r"jobs\.max_bytes"):
        kept(spool, Item("b", b"x" * 300), Item("c", b"x" * 300))


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file grow beyond this: writing fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)


def test_a_disk_that_takes_no_more_is_told_and_nothing_is_kept(spool: Spool) -> None:
    with files_of_at_most(100_000), spool.create(new_id()) as held:
        with pytest.raises(StoreFull, match=r"jobs\.dir.*nothing was accepted"):
            held.fill([Item("a", b"x" * 200_000)])
        held.delete()
    assert spool.jobs() == {}


def test_files_that_were_damaged_are_told(spool: Spool) -> None:
    id = kept(spool, *ITEMS)
    (spool.folder / id / "data").write_bytes(b"f")
    held = spool.hold(id)
    assert held is not None
    with held:
        assert held.names()[0] == "a.png"
        with pytest.raises(NotFound, match=r"a\.png"):
            held.item(0)
    (spool.folder / id / "items").write_bytes(b"[]")
    held = spool.hold(id)
    assert held is not None
    with held, pytest.raises(NotFound):
        held.names()


def test_a_link_is_not_followed(spool: Spool, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    id = new_id()
    spool.create(new_id()).delete()
    (spool.folder / id).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=id):
        spool.hold(id)


def test_ids_sort_by_time_and_are_of_one_form() -> None:
    ids = [new_id(1.7e9 + n) for n in range(100)]
    assert ids == sorted(ids)
    assert all(is_id(id) for id in (*ids, new_id(), new_id(0)))
    assert len({new_id(1.7e9) for _ in range(1000)}) == 1000
    for text in ("", "..", "../" + ids[0], ids[0].upper(), ids[0] + "\n", ids[0][:-1], "*", "\x00", "a" * 36, ids[0].replace("-", "_")):
        assert not is_id(text)
