"""`kuato export`: into a file that is there whole or not at all, or to standard output."""

import json
import stat
import subprocess
from pathlib import Path

import pytest

from tests.matcher.commands.conftest import Kuato, documents


def test_an_export_goes_into_a_file(kuato: Kuato, gallery: Path, tmp_path: Path) -> None:
    kuato("bank", "create", "seen")
    kuato("add", gallery, "--bank", "seen")
    result = kuato("export", tmp_path / "out.jsonl")
    assert (result.exit_code, result.stdout.split(" written to ")[0], result.stderr) == (0, "4 pictures and 1 banks", "")
    lines = documents((tmp_path / "out.jsonl").read_text())
    assert [next(iter(line)) for line in lines] == ["kuato-export", "bank", *["picture"] * 4, "cluster", "end"]
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out.jsonl"]


def test_standard_output_holds_nothing_but_the_export(kuato: Kuato, gallery: Path, tmp_path: Path) -> None:
    kuato("add", gallery / "house.png", "--tag", "copine-scale")
    kuato("export", tmp_path / "out.jsonl")
    result = kuato("export")
    assert result.stdout_bytes == (tmp_path / "out.jsonl").read_bytes()
    assert "1 pictures are sensitive" in result.stderr


def test_what_was_done_is_told_in_json(kuato: Kuato, gallery: Path, tmp_path: Path) -> None:
    kuato("add", gallery / "house.png")
    out = tmp_path / "out"
    assert kuato.json("export", out) == [{"file": str(out), "format": "kuato", "banks": 0, "pictures": 1, "withheld": 0}]
    assert kuato.json("export", out, "--format", "csv")[0]["format"] == "csv"
    assert kuato("export", "--json").exit_code == 2


def test_a_part_by_bank_and_tag(kuato: Kuato, gallery: Path) -> None:
    kuato("bank", "create", "a")
    kuato("add", gallery / "house.png", "--bank", "a", "--tag", "x")
    kuato("add", gallery / "boat.png", "--tag", "x")
    assert kuato("export", "--bank", "a").stdout.count('"picture":') == 1
    assert kuato("export", "--tag", "x").stdout.count('"picture":') == 2
    assert kuato("export", "--bank", "a", "--tag", "y").stdout.count('"picture":') == 0
    assert kuato("export", "--bank", "nobody").exit_code == 4


@pytest.mark.parametrize("format", ["csv", "jsonl", "threatexchange", "misp", "photodna"])
def test_hash_lists(kuato: Kuato, gallery: Path, tmp_path: Path, format: str) -> None:
    kuato("add", gallery / "house.png", gallery / "boat.png", gallery / "white.png")
    result = kuato("export", "--format", format, tmp_path / "list")
    hashes = [document["fingerprints"]["pdq"] for document in kuato.json("hash", gallery / "house.png")]
    written = {"photodna": 0}.get(format, 2)
    assert (result.exit_code, result.stdout.split(" written to ")[0]) == (0, f"{written} pictures")
    assert (hashes[0] in (tmp_path / "list").read_text()) is bool(written)
    assert "have no fingerprint that is wanted in such a list" in result.stderr


def test_only_some_algorithms(kuato: Kuato, gallery: Path) -> None:
    kuato("add", gallery / "house.png")
    listed = kuato("export", "--format", "jsonl", "--algorithm", "tiles", "--hashes-only").stdout
    assert [set(line) for line in documents(listed)] == [{"algorithm", "version", "fingerprint", "sha256"}]
    assert kuato("export", "--format", "csv", "--algorithm", "sift").exit_code == 4
    assert kuato("export", "--algorithm", "pdq").exit_code == 2


def test_what_goes_wrong_leaves_the_old_file(kuato: Kuato, gallery: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("old")
    out.chmod(0o600)
    assert kuato("export", out, "--bank", "nobody").exit_code == 4
    assert out.read_text() == "old"
    kuato("add", gallery / "house.png")
    assert kuato("export", out).exit_code == 0
    assert json.loads(out.read_text().splitlines()[0])["kuato-export"]["version"] == 1
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


@pytest.mark.parametrize("out", ["missing/out", "."])
def test_where_nothing_can_be_written_it_says_so(kuato: Kuato, tmp_path: Path, out: str) -> None:
    result = kuato("export", tmp_path / out)
    assert (result.exit_code != 0, result.stderr.count("\n")) == (True, 1)


def test_a_folder_that_is_missing_is_named(kuato: Kuato, tmp_path: Path) -> None:
    for command in ("export", "backup"):
        result = kuato(command, tmp_path / "missing" / "out")
        assert (result.exit_code, result.stderr) == (4, f"kuato: there is no folder {tmp_path}/missing; make it first [not-found]\n")


def test_an_export_leaves_a_line_in_the_audit_file(kuato: Kuato, gallery: Path, tmp_path: Path) -> None:
    kuato("bank", "create", "seen")
    kuato("add", gallery / "house.png", "--bank", "seen")
    audit = tmp_path / "audit.jsonl"
    kuato("--set", f"audit.file={audit}", "export", tmp_path / "out.csv", "--format", "csv", "--bank", "seen")
    kuato("--set", f"audit.file={audit}", "export", tmp_path / "missing" / "out")
    done, failed = documents(audit.read_text())
    assert (done["action"], done["status"], done["pictures"], done["banks"]) == ("export", 200, 1, ["seen"])
    assert (done["format"], done["file"]) == ("csv", str(tmp_path / "out.csv"))
    assert done["caller"]
    assert (failed["status"], "pictures" in failed) == (404, False)


def test_a_reader_who_leaves_early_is_no_error(kuato: Kuato, gallery: Path) -> None:
    kuato("add", gallery / "house.png")
    process = kuato.start("export", stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=30) == 141
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
