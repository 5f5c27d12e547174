"""`kuato import`: exports and lists, from files, folders, pipes."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.matcher.commands.conftest import Kuato
from tests.matcher.interchange.conftest import pdq

ONE, TWO = pdq(1).hex(), pdq(2).hex()


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_an_export_comes_back_byte_for_byte(kuato: Kuato, gallery: Path, tmp_path: Path) -> None:
    kuato("bank", "create", "b", "--kind", "baseline", "--domain", "x.example", "--note", "näh")
    kuato("add", gallery, "--bank", "b", "--tag", "t")
    kuato("remove", kuato.json("hash", gallery / "boat.png")[0]["sha256"])
    kuato("export", tmp_path / "before")
    kuato("reset", "--yes")
    result = kuato("import", tmp_path / "before")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "3 added, 0 known already, banks created: b\n", "")
    kuato("export", tmp_path / "after")
    assert (tmp_path / "after").read_bytes() == (tmp_path / "before").read_bytes()
    assert kuato.json("search", gallery / "house-small.jpg")[0]["decision"] == "YES"
    assert kuato("doctor", "--deep").stdout == "nothing is wrong\n"


def test_standard_input_is_read_too(kuato: Kuato, gallery: Path) -> None:
    kuato("add", gallery / "house.png")
    exported = kuato("export").stdout_bytes
    kuato("reset", "--yes")
    assert kuato("import", "-", stdin=exported[:-1]).exit_code == 2
    assert kuato("import", "-", stdin=exported).stdout == "1 added, 0 known already\n"
    assert kuato("import", "-", stdin=f"pdq {ONE}\n".encode()).stdout == "1 added, 0 known already\n"


def test_a_pipe_is_read_too(kuato: Kuato, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(f"{ONE}\n",))
    writer.start()
    assert kuato("import", pipe).stdout == "1 added, 0 known already\n"
    writer.join()


def test_a_list_with_everything_given(kuato: Kuato, tmp_path: Path) -> None:
    kuato("bank", "create", "partner", "--kind", "known-bad")
    path = write(tmp_path / "list.csv", f"hash,quality,filename\n{ONE},97,a.jpg\n{TWO},12,dull.jpg\n")
    result = kuato("import", path, "--bank", "partner", "--tag", "tlp:amber", "--source", "partner:2026-11")
    assert (result.exit_code, result.stdout) == (0, "1 added, 0 known already\n")
    assert "passed over: 1 entries of a quality below 50" in result.stderr
    [known] = kuato.json("list")
    assert (known["format"], known["banks"], known["tags"]) == ("FINGERPRINT", ["partner"], ["tlp:amber"])
    [source] = known["sources"]
    assert (source["kind"], source["id"], source["metadata"]) == ("partner", "2026-11", {"quality": 97, "name": "a.jpg"})
    assert source["first_seen"] is not None


def test_what_a_picture_resembles_of_a_list_is_found(kuato: Kuato, gallery: Path, tmp_path: Path) -> None:
    kuato("add", gallery / "house.png")
    kuato("export", "--format", "threatexchange", tmp_path / "list")
    kuato("reset", "--yes")
    kuato("import", tmp_path / "list")
    [answer] = kuato.json("search", gallery / "house-small.jpg")
    assert (answer["decision"], answer["matches"][0]["picture"]["format"]) == ("MAYBE", "FINGERPRINT")


def test_looking_first_writes_nothing(kuato: Kuato, tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", f"pdq,phash\n{ONE},{'0f' * 8}\nzz,\n")
    result = kuato("import", "--check", path)
    assert (result.exit_code, "1 pdq, 1 phash; wrong: 1; nothing was imported" in result.stdout) == (2, True)
    assert "line 3: 'zz' is no pdq" in result.stderr
    assert "warning: 1 fingerprints phash are kept, but searches do not use them" in result.stderr
    result = kuato("import", "--check", "--skip-bad", path, "--json")
    shape = {"file": "list.csv", "format": "csv", "pictures": 1, "fingerprints": {"pdq": 1, "phash": 1}, "wrong": 1, "passed": {}}
    assert result.exit_code == 0
    assert {name: value for name, value in json.loads(result.stdout).items() if name in shape} == shape
    assert kuato.json("stats")[0]["pictures"] == 0


def test_wrong_lines_are_named_and_nothing_is_taken_unless_wanted(kuato: Kuato, tmp_path: Path) -> None:
    path = write(tmp_path / "list", f"pdq {ONE}\n" + "pdq zz\n" * 30)
    result = kuato("import", path)
    assert result.exit_code == 2
    assert result.stderr.count("'zz' is no pdq") == 21  # the first 20, and the reason of the refusal
    assert "and 10 more entries that are wrong" in result.stderr
    assert kuato.json("stats")[0]["pictures"] == 0
    [answer] = kuato.json("import", path, "--skip-bad")
    assert (answer["new"], answer["known"], answer["wrong"], len(answer["flaws"])) == (1, 0, 30, 20)
    assert answer["flaws"][0]["place"] == "line 2"


def test_the_algorithm_can_be_told(kuato: Kuato, tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", f"hash\n{'0f' * 8}\n")
    assert kuato("import", path).exit_code == 2
    assert kuato.json("import", path, "--algorithm", "dhash")[0]["fingerprints"] == {"dhash": 1}
    assert kuato("import", path, "--algorithm", "sift").exit_code == 4


def test_a_folder_is_a_feed_of_misp(kuato: Kuato, tmp_path: Path) -> None:
    uuid = "5f0e1a2b-0000-4000-8000-00000000000a"
    feed = tmp_path / "feed"
    feed.mkdir()
    write(feed / "manifest.json", json.dumps({uuid: {"info": "x"}}))
    write(
        feed / f"{uuid}.json", json.dumps({"Event": {"uuid": uuid, "Attribute": [{"uuid": uuid, "type": "text", "value": f"pdq:{ONE}"}]}})
    )
    assert kuato("import", feed).stdout == "1 added, 0 known already\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["missing"], 4),
        (["list", "--bank", "nobody"], 4),
        (["list", "--tag", "\x1b"], 2),
        (["list", "--format", "kuato"], 2),
        (["list", "--format", "photodna"], 2),
        (["export", "--skip-bad"], 2),
        (["empty"], 2),
        (["picture"], 2),
    ],
)
def test_what_cannot_be_is_told_in_one_line(kuato: Kuato, gallery: Path, tmp_path: Path, arguments: list[str], code: int) -> None:
    write(tmp_path / "list", f"pdq {ONE}\n")
    write(tmp_path / "empty", "")
    (tmp_path / "picture").write_bytes((gallery / "boat.png").read_bytes())
    (tmp_path / "export").write_bytes(kuato("export").stdout_bytes)
    result = kuato("import", tmp_path / arguments[0], *arguments[1:])
    assert (result.exit_code, result.stderr.count("\n")) == (code, 1)
    assert kuato.json("stats")[0]["pictures"] == 0


def test_banks_that_differ_stay_and_are_named(kuato: Kuato, gallery: Path, tmp_path: Path) -> None:
    kuato("bank", "create", "b", "--sensitive")
    kuato("export", tmp_path / "export")
    kuato("bank", "update", "b", "--not-sensitive")
    kuato("add", gallery / "boat.png")
    result = kuato("import", tmp_path / "export")
    assert "warning: bank b exists and stays as it is; in the file it has other sensitive" in result.stderr
    assert kuato.json("bank", "show", "b")[0]["sensitive"] is False


@pytest.mark.slow
def test_interrupted_it_goes_on_where_it_stopped(kuato: Kuato, tmp_path: Path) -> None:
    bits = np.tile(np.repeat(np.array([0, 1], np.uint8), 128), (30_000, 1))
    hashes = np.packbits(np.random.default_rng(1).permuted(bits, axis=1), axis=1)
    path = write(tmp_path / "list", "".join(f"pdq {one.tobytes().hex()}\n" for one in hashes))
    process = kuato.start("import", path)
    while not kuato.json("stats")[0]["pictures"] and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=180)
    assert (process.returncode, out, err) == (130, b"", b"kuato: stopped; the same command goes on from here\n")
    assert kuato("import", path).exit_code == 0
    assert kuato.json("stats")[0]["pictures"] == 30_000
    assert kuato("doctor", "--deep").exit_code == 0
