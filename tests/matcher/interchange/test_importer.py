"""An export comes in again as it was, is merged where there is something already, and is refused whole when it is not right."""

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from matcher.engine import Matcher
from matcher.errors import BadFile
from matcher.fingerprints.local import Local
from matcher.interchange.export import export_lines
from matcher.interchange.importer import Importer
from matcher.settings import Settings
from matcher.source import Source
from matcher.store import Store
from tests.matcher.interchange.conftest import everything, filled, fingerprints, remember, write

VERSION_1 = Path(__file__).parent / "version-1.jsonl"
LOCAL = Local.version


def exported(matcher: Matcher, path: Path) -> Path:
    return write(path, b"".join(export_lines(matcher)))


def signed(documents: list[dict[str, Any]]) -> bytes:
    """An export of these lines whose last line is right, as an attacker would write it."""
    lines = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    counts = {"banks": sum("bank" in d for d in documents), "pictures": sum("picture" in d for d in documents)}
    return lines + json.dumps({"end": {**counts, "sha256": hashlib.sha256(lines).hexdigest()}}).encode() + b"\n"


def header(**changes: Any) -> dict[str, Any]:
    return {"kuato-export": {"version": 1, "schema": 2, "algorithms": {"pdq": 1}} | changes}


def bank(**changes: Any) -> dict[str, Any]:
    whole = {
        "name": "b",
        "kind": "observed",
        "tags": [],
        "domains": [],
        "thresholds": {},
        "sensitive": False,
        "note": "",
        "keep_days": None,
    }
    return {"bank": whole | changes}


def picture(**changes: Any) -> dict[str, Any]:
    whole = {
        "id": 1,
        "sha256": "ab" * 32,
        "format": "PNG",
        "width": 1,
        "height": 1,
        "bytes": 1,
        "added": 1,
        "seen": 0,
        "sources": [],
        "tags": [],
    }
    return {"picture": whole | {"banks": [], "fingerprints": {"pdq": {"version": 1, "hex": "ab" * 32}}} | changes}


def source(**changes: Any) -> dict[str, Any]:
    return {"kind": "file", "id": "a", "first_seen": 1, "last_seen": 1, "metadata": {}, "visibility": {}} | changes


def test_into_an_empty_store_it_comes_as_it_was(matcher: Matcher, tmp_path: Path) -> None:
    filled(matcher)
    before, records = exported(matcher, tmp_path / "before"), everything(matcher)
    matcher.reset()
    done = Importer(matcher).run(before)
    assert (done.new, done.known, done.banks) == (3, 0, ("phishing", "shop"))
    assert exported(matcher, tmp_path / "after").read_bytes() == before.read_bytes()
    assert [(r.id, r.sha256, r.sources, r.banks) for r in everything(matcher)] == [(r.id, r.sha256, r.sources, r.banks) for r in records]


def test_what_came_in_is_found_and_has_all_its_fingerprints(matcher: Matcher, tmp_path: Path) -> None:
    filled(matcher)
    path = exported(matcher, tmp_path / "export")
    matcher.reset()
    Importer(matcher).run(path)
    for seed in (1, 2, 4):
        assert [match.picture.sha256 for match in matcher.search_fingerprints(fingerprints(seed)).matches][:1] == [
            fingerprints(seed).sha256
        ]
    assert matcher.collection.whole(everything(matcher)[0]) == fingerprints(1).values
    assert [record.id for record in matcher.by_source("misp-attribute", "u-u-i-d")] == [1]
    assert matcher.collection.add(fingerprints(9)).record.id == 5


def test_exports_of_part_come_in_again(matcher: Matcher, tmp_path: Path) -> None:
    filled(matcher)
    path = write(tmp_path / "export", b"".join(export_lines(matcher, tags=["one"])))
    matcher.reset()
    assert Importer(matcher).run(path).new == 2


def test_into_a_store_with_pictures_it_is_merged(matcher: Matcher, tmp_path: Path) -> None:
    filled(matcher)
    path = exported(matcher, tmp_path / "export")
    matcher.reset()
    matcher.banks.create("phishing", kind="ignore")
    remember(matcher, 1, sources=[Source("file", "ours", 5, 5)], tags=["ours"])
    survey = Importer(matcher).check(path)
    assert [warning for warning in survey.warnings if "phishing" in warning and "kind" in warning]
    done = Importer(matcher).run(path)
    assert (done.new, done.known, done.banks) == (2, 1, ("shop",))
    known = matcher.get(fingerprints(1).sha256)
    assert set(known.tags) == {"ours", "one", "t|w|o\\"}
    assert {one.kind for one in known.sources} == {"file", "misp-attribute", "url"}
    assert matcher.banks.get("phishing").kind == "ignore"
    assert known.banks == ("phishing",)
    again = Importer(matcher).run(path)
    assert (again.new, again.known, again.banks) == (0, 3, ())


def test_banks_tags_and_sources_can_be_given_to_all(matcher: Matcher, tmp_path: Path) -> None:
    remember(matcher, 1, sources=[Source("file", "a", 1, 1, {"theirs": 1})], tags=["one"])
    path = exported(matcher, tmp_path / "export")
    matcher.reset()
    matcher.banks.create("partner")
    Importer(matcher, banks=["partner"], tags=["from-partner"], sources=[Source("partner", "x", 7, 7), Source("file", "a", 9, 9)]).run(path)
    [record] = everything(matcher)
    assert (record.banks, record.tags) == (("partner",), ("one", "from-partner"))
    assert record.sources == (Source("file", "a", 1, 1, {"theirs": 1}), Source("partner", "x", 7, 7))


def test_fingerprints_not_in_use_here_are_kept_and_told(settings: Settings, matcher: Matcher, tmp_path: Path) -> None:
    foreign = {"version": 3, "hex": "00ff"}
    prints = {"pdq": {"version": 1, "hex": "ab" * 32}, "phash": {"version": 1, "hex": "cd" * 8}, "tiles": {"version": 9, "hex": "00"}}
    beside = {"version": 2, "large": True, "base64": "AAEC"}
    path = write(tmp_path / "export", signed([header(), picture(fingerprints=prints | {"strange": foreign, "beside": beside})]))
    warnings = Importer(matcher).check(path).warnings
    told = [name for name in ("pdq", "beside", "phash", "strange", "tiles") if any(f" fingerprints {name} " in text for text in warnings)]
    assert told == ["beside", "phash", "strange", "tiles"]
    assert any("fingerprints.enabled" in warning for warning in warnings)
    Importer(matcher).run(path)
    after = json.loads(list(export_lines(matcher))[1])["picture"]["fingerprints"]
    assert after == prints | {"strange": foreign, "beside": beside}
    assert len(matcher.search_fingerprints(fingerprints(1)).matches) == 0


def test_a_file_of_the_first_version_is_read_for_ever(matcher: Matcher, tmp_path: Path) -> None:
    done = Importer(matcher).run(VERSION_1)
    assert (done.new, done.banks) == (3, ("baseline", "seen"))
    records = everything(matcher)
    assert [(record.id, record.format, record.size) for record in records] == [
        (1, "PNG", (1280, 800)),
        (3, "JPEG", (1280, 800)),
        (4, "FINGERPRINT", (0, 0)),
    ]
    assert [record.banks for record in records] == [("baseline",), ("seen", "baseline"), ()]
    assert records[1].sources == (Source("file", "market-listing.jpg", 1790000000, 1790000100, {"k": "ü"}, {"tlp": "green"}),)
    # Its local features were of another version: kept, and compared with nothing until the picture is added again.
    assert set(matcher.collection.whole(records[0])) == {"pdq", "pdq-trimmed", "tiles"}
    assert records[0].versions["local"] == 1
    assert matcher.banks.get("baseline").thresholds == {"pdq.yes": 0.1}


def test_a_newer_version_is_refused_with_what_to_do(matcher: Matcher, tmp_path: Path) -> None:
    path = write(tmp_path / "export", signed([header(version=3, surprise=True)]))
    with pytest.raises(BadFile, match="version 3, this Kuato reads up to 2; import it with a newer one"):
        Importer(matcher).run(path)


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "cut within a line": lambda data: data[:-20],
    "cut in the middle": lambda data: data[: len(data) // 2],
    "cut between lines": lambda data: b"".join(data.splitlines(keepends=True)[:-1]),
    "cut to nothing": lambda data: b"",
    "no line's end at the end": lambda data: data[:-1],
    "a digit altered": lambda data: data.replace(b'"width":640', b'"width":641', 1),
    "a line left out": lambda data: b"".join(line for n, line in enumerate(data.splitlines(keepends=True)) if n != 4),
    "a line twice": lambda data: data.replace(data.splitlines(keepends=True)[3], data.splitlines(keepends=True)[3] * 2),
    "line ends of Windows": lambda data: data.replace(b"\n", b"\r\n"),
    "something behind": lambda data: data + b"\n",
    "two in one": lambda data: data + data,
    "a picture of bytes": lambda data: b"\x89PNG\r\n\x1a\n" + data,
    "not a hexadecimal digit": lambda data: data.replace(b'"hex":"', b'"hex":"g', 1),
    "no UTF-8": lambda data: data.replace(b"phishing", b"phis\xffing", 1),
    "NaN": lambda data: data.replace(b'"width":640', b'"width":NaN', 1),
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_is_broken_is_refused_before_anything_is_written(matcher: Matcher, tmp_path: Path, how: str) -> None:
    filled(matcher)
    data = b"".join(export_lines(matcher))
    matcher.reset()
    path = write(tmp_path / "export", BROKEN[how](data))
    before = set(matcher.collection.store.scan(b""))
    with pytest.raises(BadFile, match=r"export, line \d+: .*nothing was imported"):
        Importer(matcher).run(path)
    assert set(matcher.collection.store.scan(b"")) == before


def test_no_byte_can_be_altered_unnoticed(matcher: Matcher, tmp_path: Path) -> None:
    filled(matcher)
    data, chance = b"".join(export_lines(matcher)), random.Random(1)
    for _ in range(300):
        at = chance.randrange(len(data) - 1)
        altered = data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
        with pytest.raises(BadFile, match="nothing was imported"):
            Importer(matcher).check(write(tmp_path / "export", altered))


FORGED: dict[str, list[dict[str, Any]]] = {
    "no header": [picture()],
    "an unknown kind of line": [header(), {"review": {}}],
    "two kinds in a line": [header(), {**bank(), **picture()}],
    "a version of text": [header(version="1")],
    "a version that is true": [header(version=True)],
    "an unknown member of the header": [header(when=1)],
    "an unknown member of a bank": [header(), bank(colour="red")],
    "an unknown member of a picture": [header(), picture(secret=1)],
    "an unknown member of a source": [header(), picture(sources=[source(colour=1)])],
    "an unknown member of a fingerprint": [header(), picture(fingerprints={"pdq": {"version": 1, "hex": "ab" * 32, "x": 1}})],
    "a member missing": [header(), {"picture": {k: v for k, v in picture()["picture"].items() if k != "tags"}}],
    "a bank twice": [header(), bank(), bank()],
    "a bank without a name": [header(), bank(name=" ")],
    "a bank's name that moves the cursor": [header(), bank(name="a\x1b[2J")],
    "a bank of an unknown kind": [header(), bank(kind="evil")],
    "a bank's threshold beyond 1": [header(), bank(thresholds={"pdq.yes": 2})],
    "a bank's threshold of text": [header(), bank(thresholds={"pdq.yes": "0"})],
    "a bank kept for long": [header(), bank(keep_days=1e99)],
    "a bank that is perhaps sensitive": [header(), bank(sensitive="no")],
    "a bank that is not there": [header(), picture(banks=["b"])],
    "id 0": [header(), picture(id=0)],
    "an id beyond all": [header(), picture(id=1 << 32)],
    "an id that would use up all": [header(), picture(id=(1 << 32) - 2)],
    "an id that is no number": [header(), picture(id="1")],
    "an id with a fraction": [header(), picture(id=1.5)],
    "ids out of order": [header(), picture(id=2), picture(id=1, sha256="cd" * 32)],
    "an id twice": [header(), picture(), picture(sha256="cd" * 32)],
    "a short SHA-256": [header(), picture(sha256="ab")],
    "a SHA-256 in capitals": [header(), picture(sha256="AB" * 32)],
    "an unknown format": [header(), picture(format="EXE")],
    "a negative width": [header(), picture(width=-1)],
    "a huge height": [header(), picture(height=1 << 40)],
    "a time before all": [header(), picture(added=-1)],
    "a tag that cannot be": [header(), picture(tags=["a\nb"])],
    "a tag too long": [header(), picture(tags=["a" * 256])],
    "a tag twice": [header(), picture(tags=["a", "a"])],
    "a tag with spaces around it": [header(), picture(tags=[" a"])],
    "a source twice": [header(), picture(sources=[source(), source()])],
    "a source of the year 300000": [header(), picture(sources=[source(last_seen=1 << 45)])],
    "a source with text for metadata": [header(), picture(sources=[source(metadata="x")])],
    "a short fingerprint": [header(), picture(fingerprints={"pdq": {"version": 1, "hex": "ab" * 31}})],
    "a long fingerprint": [header(), picture(fingerprints={"pdq": {"version": 1, "hex": "ab" * 33}})],
    "an empty fingerprint": [header(), picture(fingerprints={"foreign": {"version": 1, "hex": ""}})],
    "tiles that cannot be read": [header(), picture(fingerprints={"tiles": {"version": 1, "hex": "ff" * 65}})],
    "features that cannot be read": [header(), picture(fingerprints={"local": {"version": LOCAL, "large": True, "base64": "AAAA"}})],
    "features marked as small": [header(), picture(fingerprints={"local": {"version": LOCAL, "hex": "00" * 600}})],
    "PDQ marked as large": [header(), picture(fingerprints={"pdq": {"version": 1, "large": True, "base64": "q" * 43 + "="}})],
    "a fingerprint too long for a record": [header(), picture(fingerprints={"foreign": {"version": 1, "hex": "00" * 70_000}})],
    "too much for a record": [header(), picture(fingerprints={f"f{n}": {"version": 1, "hex": "00" * 30_000} for n in range(3)})],
    "an algorithm that is a path": [header(), picture(fingerprints={"../x": {"version": 1, "hex": "00"}})],
    "a version beyond 255": [header(), picture(fingerprints={"pdq": {"version": 256, "hex": "ab" * 32}})],
}


@pytest.mark.parametrize("what", FORGED)
def test_what_is_forged_is_refused_too(matcher: Matcher, tmp_path: Path, what: str) -> None:
    path = write(tmp_path / "export", signed(FORGED[what]))
    number = len(FORGED[what])
    with pytest.raises(BadFile, match=rf"export, line {1 if what == 'no header' else number}: "):
        Importer(matcher).run(path)
    assert everything(matcher) == []


def test_what_the_forgeries_are_made_of_is_right(matcher: Matcher, tmp_path: Path) -> None:
    path = write(tmp_path / "export", signed([header(), bank(), picture(sources=[source()], tags=["a"], banks=["b"])]))
    assert Importer(matcher).run(path).new == 1


@pytest.mark.parametrize("text", [b'{"kuato-export": ' + b"[" * 100_000, b'{"kuato-export": {"version": 1' + b"0" * 5000 + b"}}\n"])
def test_what_would_exhaust_the_reader_is_refused(matcher: Matcher, tmp_path: Path, text: bytes) -> None:
    with pytest.raises(BadFile, match="line 1: "):
        Importer(matcher).run(write(tmp_path / "export", text + b"\n"))


def test_counts_must_be_right(matcher: Matcher, tmp_path: Path) -> None:
    data = signed([header(), picture()]).replace(b'"pictures": 1', b'"pictures": 2')
    with pytest.raises(BadFile, match="line 3: there are 0 banks and 1 pictures, not 0 and 2"):
        Importer(matcher).run(write(tmp_path / "export", data))


def test_another_store_gets_the_same(matcher: Matcher, settings: Settings, tmp_path: Path) -> None:
    filled(matcher)
    path = exported(matcher, tmp_path / "export")
    with Matcher(settings, Store(lambda: settings["redis.url"], "other:")) as other:
        Importer(other).run(path)
        assert b"".join(export_lines(other)) == path.read_bytes()
