"""`kuato backup` and `kuato restore`."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from matcher.store import RESTORING
from tests.matcher.commands.conftest import Kuato, documents

COPY = "--set=redis.prefix=copy:"


@pytest.fixture
def client(store_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(store_url) as client:
        yield client


@pytest.fixture
def backup(kuato: Kuato, gallery: Path, tmp_path: Path) -> Path:
    """A backup of a store with four pictures, which is still there."""
    kuato("bank", "create", "seen")
    kuato("add", gallery, "--bank", "seen", "--tag", "t")
    assert kuato("backup", tmp_path / "b").exit_code == 0
    return tmp_path / "b"


def test_a_store_comes_back_from_its_backup(kuato: Kuato, backup: Path, gallery: Path) -> None:
    searched = kuato.json("search", gallery / "house-small.jpg")
    kuato("reset", "--yes")
    said = kuato("restore", backup)
    assert (said.exit_code, "restored: 4 pictures" in said.stdout) == (0, True)
    again = kuato.json("search", gallery / "house-small.jpg")
    assert [answer | {"timings": {}} for answer in again] == [answer | {"timings": {}} for answer in searched]
    assert [bank["name"] for bank in kuato.json("bank", "list")] == ["seen"]
    assert kuato("doctor", "--deep").stdout == "nothing is wrong\n"


def test_programs_are_told(kuato: Kuato, backup: Path, tmp_path: Path) -> None:
    [made] = kuato.json("backup", tmp_path / "other")
    assert made["file"] == str(tmp_path / "other")
    assert (made["pictures"], made["schema"], made["bytes"]) == (4, 2, (tmp_path / "other").stat().st_size)
    [held] = kuato.json("restore", backup, "--dry-run")
    assert (held["pictures"], held["keys"], held["schema"], held["restored"]) == (4, made["keys"], 2, False)
    assert held["created"].endswith("Z")
    [done] = kuato.json(COPY, "restore", backup)
    assert done == held | {"restored": True}


def test_it_is_its_owners_alone_and_replaces_nothing_unasked(kuato: Kuato, backup: Path) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    before = backup.read_bytes()
    refused = kuato("backup", backup)
    assert (refused.exit_code, "--force" in refused.stderr) == (5, True)
    assert backup.read_bytes() == before
    assert kuato("backup", backup, "--force").exit_code == 0
    assert backup.read_bytes() != before  # the time is in it
    assert not list(backup.parent.glob("*.part"))


def test_without_a_store_there_is_no_file(kuato: Kuato, tmp_path: Path) -> None:
    result = kuato("--redis", "redis://127.0.0.1:1/0", "backup", tmp_path / "b")
    assert (result.exit_code, result.stderr.count("\n")) == (7, 1)
    assert not list(tmp_path.glob("b*"))


def test_a_folder_that_is_not_there_is_named(kuato: Kuato, tmp_path: Path) -> None:
    result = kuato("backup", tmp_path / "missing" / "b")
    assert (result.exit_code, result.stderr.count("\n")) == (4, 1)
    assert "missing" in result.stderr


def test_through_a_pipe(kuato: Kuato, backup: Path) -> None:
    made = kuato("backup", "-")
    assert made.exit_code == 0
    assert "4 pictures" in made.stderr
    data = made.stdout_bytes
    assert data.startswith(b"kuato backup 1\n")
    done = kuato(COPY, "restore", "-", stdin=data)
    assert "standard input restored: 4 pictures" in done.stdout
    assert kuato.json(COPY, "stats")[0]["pictures"] == 4
    unasked = kuato(COPY, "restore", "-", "--replace", stdin=data)
    assert (unasked.exit_code, "--yes" in unasked.stderr) == (2, True)


@pytest.mark.parametrize("damage", ["cut in the middle", "without its last byte", "altered", "empty", "another file"])
def test_what_is_no_whole_backup_is_refused_and_nothing_changes(kuato: Kuato, backup: Path, gallery: Path, damage: str) -> None:
    data = backup.read_bytes()
    middle = len(data) // 2
    backup.write_bytes(
        {
            "cut in the middle": data[:middle],
            "without its last byte": data[:-1],
            "altered": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "empty": b"",
            "another file": (gallery / "house.png").read_bytes(),
        }[damage]
    )
    result = kuato("restore", backup, "--replace", "--yes")
    assert (result.exit_code, result.stderr.count("\n"), "[bad-file]" in result.stderr) == (2, 1, True)
    assert str(backup) in result.stderr
    assert kuato.json("stats")[0]["pictures"] == 4
    assert kuato("doctor", "--deep").stdout == "nothing is wrong\n"


@pytest.mark.parametrize(("name", "code"), [("missing", 4), ("missing/b", 4), (".", 2)])
def test_what_cannot_be_read_is_named(kuato: Kuato, tmp_path: Path, name: str, code: int) -> None:
    result = kuato("restore", tmp_path / name)
    assert (result.exit_code, result.stderr.count("\n")) == (code, 1)


def test_a_store_with_pictures_is_replaced_after_asking(kuato: Kuato, backup: Path, gallery: Path, tmp_path: Path) -> None:
    kuato("add", gallery / "boat.png", "--tag", "newer")
    kuato("remove", kuato.json("list", "--tag", "newer")[0]["sha256"])
    refused = kuato("restore", backup)
    assert (refused.exit_code, "--replace" in refused.stderr) == (5, True)
    declined = kuato("restore", backup, "--replace", stdin=b"n\n")
    assert (declined.exit_code, "Delete 3 pictures" in declined.stderr, "bring back 4" in declined.stderr) == (0, True, True)
    assert kuato.json("stats")[0]["pictures"] == 3
    assert kuato("restore", backup, "--replace", stdin=b"y\n").exit_code == 0
    assert kuato.json("stats")[0]["pictures"] == 4
    assert kuato("doctor", "--deep").stdout == "nothing is wrong\n"


def test_nobody_is_asked_where_there_is_nothing_to_lose(kuato: Kuato, backup: Path) -> None:
    assert kuato(COPY, "restore", backup, "--replace").exit_code == 0


def test_an_older_schema_is_said(kuato: Kuato, backup: Path, client: redis.Redis, tmp_path: Path) -> None:
    client.hset("kuato:m", "schema", "1")
    assert kuato("backup", tmp_path / "old").exit_code == 0
    done = kuato(COPY, "restore", tmp_path / "old")
    assert (done.exit_code, "kuato upgrade" in done.stderr) == (0, True)
    refused = kuato(COPY, "list")
    assert (refused.exit_code, "kuato upgrade" in refused.stderr) == (7, True)


@pytest.mark.slow
def test_killed_in_the_middle_the_store_is_refused_until_it_is_restored(
    kuato: Kuato, backup: Path, client: redis.Redis, tmp_path: Path, gallery: Path
) -> None:
    # More than can be restored in a moment.
    for start in range(0, 300_000, 10_000):
        client.mset({b"kuato:v-" + n.to_bytes(4, "big"): n.to_bytes(4, "big") for n in range(start, start + 10_000)})
    kuato("backup", tmp_path / "large")
    process = kuato.start(COPY, "restore", tmp_path / "large")
    while client.hget("copy:m", "schema") != RESTORING or client.dbsize() < 330_000:
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.001)
    process.kill()
    process.communicate()
    for words in (["list"], ["add", gallery / "boat.png"], ["doctor"], ["backup", tmp_path / "not"], ["stats"]):
        refused = kuato(COPY, *words)
        assert (refused.exit_code, refused.stderr.count("\n"), "kuato restore" in refused.stderr) == (7, 1, True)
    assert not (tmp_path / "not").exists()
    assert kuato(COPY, "restore", backup).exit_code == 0
    assert kuato.json(COPY, "stats")[0]["pictures"] == 4
    assert kuato(COPY, "doctor", "--deep").stdout == "nothing is wrong\n"
    assert client.keys("copy:v-*") == []


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_backup_that_is_ended_leaves_no_file(kuato: Kuato, client: redis.Redis, tmp_path: Path, ending: int) -> None:
    for start in range(0, 300_000, 10_000):
        client.mset({b"kuato:v-" + n.to_bytes(4, "big"): n.to_bytes(4, "big") for n in range(start, start + 10_000)})
    process = kuato.start("backup", tmp_path / "b")
    while not any(part.stat().st_size for part in tmp_path.glob("b.part")):
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(ending)
    assert process.wait(timeout=30) == 128 + ending
    process.communicate()
    assert not list(tmp_path.glob("b*"))


def test_a_full_disk_leaves_no_file(kuato: Kuato, backup: Path, tmp_path: Path) -> None:
    limited = f"ulimit -f 8; trap '' XFSZ; exec {subprocess.list2cmdline([*_words(kuato), 'backup', str(tmp_path / 'small')])}"
    done = subprocess.run(["/bin/sh", "-c", limited], capture_output=True, text=True, check=False, env={**os.environ, **_environ(kuato)})
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert not list(tmp_path.glob("small*"))


def _words(kuato: Kuato) -> list[str]:
    return [sys.executable, "-m", "matcher.cli", *kuato.options]


def _environ(kuato: Kuato) -> dict[str, str]:
    return {name: value for name, value in kuato.environ.items() if value is not None}


def test_the_answer_in_json_is_one_document(kuato: Kuato, backup: Path, tmp_path: Path) -> None:
    assert len(documents(kuato("backup", tmp_path / "more", "--json").stdout)) == 1
    assert kuato("backup", "-", "--json").stdout_bytes.startswith(b"kuato backup")
