import json
import stat
import threading

import pytest

from matcher.audit import Audit
from matcher.errors import BadSettings
from matcher.settings import Settings


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_says_when_and_what(tmp_path):
    Audit(tmp_path / "audit.jsonl", clock=lambda: 1e9).note("add", caller="Ana", token=None, status=201, sha256="ab")
    assert lines(tmp_path / "audit.jsonl") == [
        {"time": "2001-09-09T01:46:40Z", "action": "add", "caller": "Ana", "status": 201, "sha256": "ab"}
    ]


def test_only_its_owner_reads_it(tmp_path):
    path = tmp_path / "new" / "folder" / "audit.jsonl"
    Audit(path).note("add")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_is_noted_cannot_make_lines_of_its_own(tmp_path):
    Audit(tmp_path / "a").note("add", caller='x"}\n{"action": "export"\u2028\r\n', bank="\ud800\0")
    assert [line["action"] for line in lines(tmp_path / "a")] == ["add"]


def test_many_write_at_once(tmp_path):
    audits = [Audit(tmp_path / "a") for _ in range(4)]
    writers = [threading.Thread(target=lambda audit=audit: [audit.note("add", name="x" * 3000) for _ in range(50)]) for audit in audits]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(lines(tmp_path / "a")) == 200


def test_it_can_be_rotated(tmp_path):
    audit = Audit(tmp_path / "a")
    audit.note("add")
    (tmp_path / "a").rename(tmp_path / "a.1")
    audit.note("remove")
    assert [[line["action"] for line in lines(tmp_path / name)] for name in ("a.1", "a")] == [["add"], ["remove"]]


def test_where_nothing_can_be_noted_nothing_is_begun(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(BadSettings, match=r"audit\.file.*choose another place"):
        Audit(tmp_path / "a")
    (tmp_path / "b").write_text("")
    with pytest.raises(BadSettings, match=r"audit\.file"):
        Audit(tmp_path / "b" / "c")


def test_what_can_no_longer_be_noted_is_logged(tmp_path, caplog):
    audit = Audit(tmp_path / "a")
    (tmp_path / "a").unlink()
    (tmp_path / "a").mkdir()
    audit.note("add")
    assert "cannot be written" in caplog.text


def test_where_the_settings_have_it(tmp_path):
    settings = Settings.load(environ={}, overrides={"data.dir": tmp_path / "data"})
    Audit.of(settings).note("add")
    assert len(lines(tmp_path / "data" / "audit.jsonl")) == 1
    Audit.of(settings.with_overrides({"audit.file": tmp_path / "log" / "audit"})).note("add")
    assert len(lines(tmp_path / "log" / "audit")) == 1
