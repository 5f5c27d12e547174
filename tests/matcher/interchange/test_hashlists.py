"""What becomes of a list in the store, and of the store in a list, whatever the format."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import redis

from matcher.doctor import Doctor
from matcher.engine import Matcher
from matcher.errors import BadFile, BadRequest, NotFound
from matcher.interchange.export import Selection
from matcher.interchange.hashlists import FORMATS, ListExport, ListImporter, importer_of, recognised
from matcher.match import Decision
from matcher.records import identity
from matcher.settings import Settings
from matcher.source import Source
from tests.matcher.interchange.conftest import everything, fingerprints, pdq, remember, write

ONE, TWO = pdq(1).hex(), pdq(2).hex()
SHA = "ab" * 32


def listed(matcher: Matcher, format: str, **options: object) -> bytes:
    """The list of everything in the store."""
    return b"".join(ListExport(matcher, Selection(matcher), format, **options).lines())  # type: ignore[arg-type]


def test_an_entry_is_known_by_its_fingerprint_and_found(matcher: Matcher, tmp_path: Path) -> None:
    path = write(tmp_path / "partner.txt", f"pdq {ONE}\npdq {TWO}\n")
    done = ListImporter(matcher, clock=lambda: 1000).run(path)
    assert (done.new, done.known) == (2, 0)
    [match] = matcher.search_fingerprints(fingerprints(1)).matches
    assert match.picture.sha256 == identity("pdq", pdq(1))
    assert match.picture.fingerprint_only
    assert match.picture.sources == (Source("hash-list", "partner.txt", 1000, 1000),)


def test_banks_tags_and_sources_are_given_to_all(matcher: Matcher, tmp_path: Path) -> None:
    matcher.banks.create("partner")
    path = write(tmp_path / "list.csv", f"pdq,tags\n{ONE},own|other\n{TWO},\n")
    importer = ListImporter(matcher, banks=["partner"], tags=["tlp:amber"], sources=[Source("partner", "x", 5, 6)])
    importer.run(path)
    first, second = everything(matcher)
    assert (first.tags, second.tags) == (("own", "other", "tlp:amber"), ("tlp:amber",))
    assert first.banks == second.banks == ("partner",)
    assert first.sources == (Source("partner", "x", 5, 6),)


def test_what_the_list_says_of_an_entry_is_kept_with_its_source(matcher: Matcher, tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", f"hash,quality,filename,note\n{ONE},97,a.jpg,from the forum\n")
    ListImporter(matcher, clock=lambda: 9).run(path)
    [record] = everything(matcher)
    assert record.sources == (Source("hash-list", "list.csv", 9, 9, {"quality": 97, "name": "a.jpg", "note": "from the forum"}),)


def test_the_same_fingerprint_twice_is_one_picture(matcher: Matcher, tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", f"pdq,tags\n{ONE},a\n{ONE.upper()},b\n")
    done = ListImporter(matcher).run(path)
    assert (done.new, done.known) == (1, 1)
    assert everything(matcher)[0].tags == ("a", "b")


def test_imported_again_nothing_is_new(matcher: Matcher, tmp_path: Path) -> None:
    path = write(tmp_path / "list", f"{ONE}\n{TWO}\n")
    ListImporter(matcher).run(path)
    done = ListImporter(matcher).run(path)
    assert (done.new, done.known) == (0, 2)


def test_imported_again_the_list_of_its_one_source_is_not_read_for_each(matcher: Matcher, settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "list", "".join(f"{pdq(n).hex()}\n" for n in range(1500)))
    ListImporter(matcher, clock=lambda: 1000).run(path)
    with redis.Redis.from_url(settings["redis.url"]) as client:
        before = client.info("stats")["total_net_output_bytes"]
        ListImporter(matcher, clock=lambda: 2000).run(path)
        sent = client.info("stats")["total_net_output_bytes"] - before
    assert everything(matcher)[0].sources[0].last_seen == 2000
    assert sent < 2_000_000  # 1500 times the list would be 18 MB


def test_a_sha256_is_a_claim(matcher: Matcher, tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", f"pdq,sha256\n{ONE},{SHA}\n")
    ListImporter(matcher).run(path)
    [record] = everything(matcher)
    assert record.sha256 == identity("pdq", pdq(1))
    assert record.sources[0].metadata == {"sha256": SHA}


def test_a_sha256_that_is_trusted_is_the_pictures(matcher: Matcher, tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", f"pdq,sha256\n{ONE},{SHA.upper()}\n{TWO},\n")
    ListImporter(matcher, trust_sha256=True).run(path)
    assert [record.sha256 for record in everything(matcher)] == [SHA, identity("pdq", pdq(2))]


def test_lines_of_one_file_that_follow_each_other_are_one_picture(matcher: Matcher, tmp_path: Path) -> None:
    lines = [f"pdq,{ONE},{SHA},a", f"tiles,{fingerprints(1).values['tiles'].hex()},{SHA},b", f"pdq,{TWO},,"]
    path = write(tmp_path / "list.csv", "\n".join(["algorithm,fingerprint,sha256,tags", *lines]))
    assert ListImporter(matcher).check(path).pictures == 2
    ListImporter(matcher).run(path)
    first, second = everything(matcher)
    assert (set(first.fingerprints), first.tags, first.sha256) == ({"pdq", "tiles"}, ("a", "b"), identity("pdq", pdq(1)))
    assert set(second.fingerprints) == {"pdq"}


@pytest.mark.parametrize("trusted", [False, True])
def test_two_hashes_of_one_file_are_both_kept(matcher: Matcher, tmp_path: Path, trusted: bool) -> None:
    path = write(tmp_path / "list.csv", f"pdq,sha256\n{ONE},{SHA}\n{TWO},{SHA}\n{TWO},{SHA}\n{ONE},{SHA}\n")
    done = ListImporter(matcher, trust_sha256=trusted).run(path)
    assert (done.new, done.known) == (2, 1)
    assert {record.fingerprints["pdq"] for record in everything(matcher)} == {pdq(1), pdq(2)}


def test_no_cell_is_a_formula(matcher: Matcher, tmp_path: Path) -> None:
    remember(matcher, 1, tags=["=cmd|' /C calc'!A0"], sources=[Source("-1", "x", metadata={"note": "@SUM(A1)"})])
    remember(matcher, 2, tags=["'=quoted"], sources=[Source("file", "x", metadata={"note": "'plain'"})])
    text = listed(matcher, "csv", algorithms=["pdq"])
    cells = [cell for row in csv.reader(text.decode().splitlines()) for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    matcher.reset()
    ListImporter(matcher, "csv").run(write(tmp_path / "list", text))
    first, second = everything(matcher)
    assert (first.tags, first.sources[0].key, first.sources[0].metadata["note"]) == (("=cmd|' /C calc'!A0",), "-1:x", "@SUM(A1)")
    assert (second.tags, second.sources[0].metadata["note"]) == (("'=quoted",), "'plain'")


def test_large_fingerprints_go_beside_the_record(matcher: Matcher, tmp_path: Path) -> None:
    remember(matcher, 1)
    path = write(tmp_path / "list.csv", listed(matcher, "csv", algorithms=["pdq", "local"]))
    matcher.reset()
    ListImporter(matcher, trust_sha256=True).run(path)
    [record] = everything(matcher)
    assert matcher.collection.whole(record) == {name: fingerprints(1).values[name] for name in ("pdq", "local")}
    assert record.sha256 == fingerprints(1).sha256


@pytest.mark.parametrize("format", ["csv", "jsonl", "misp"])
def test_our_own_lists_come_in_again(matcher: Matcher, tmp_path: Path, format: str) -> None:
    seen = Source("url", "https://a.example/1|2", 0, 0, {"note": "seen\nthere"})
    remember(matcher, 1, sources=[seen], tags=['galaxy:x="a, b|c"', "back\\slash"])
    remember(matcher, 2)
    path = write(tmp_path / "list", listed(matcher, format))
    matcher.reset()
    done = importer_of(matcher, recognised(path), trust_sha256=True).run(path)
    first, second = everything(matcher)
    assert done.new == 2
    assert first.tags == ('galaxy:x="a, b|c"', "back\\slash")
    assert [record.sha256 for record in (first, second)] == [fingerprints(n).sha256 for n in (1, 2)]
    assert first.fingerprints == {name: fingerprints(1).values[name] for name in ("pdq", "tiles")}
    if format != "misp":
        assert (first.sources[0].key, first.sources[0].metadata) == (seen.key, {"note": "seen\nthere"})


@pytest.mark.parametrize("format", FORMATS)
def test_an_empty_list_is_one_too(matcher: Matcher, tmp_path: Path, format: str) -> None:
    path = write(tmp_path / "list", listed(matcher, format))
    with pytest.raises(BadFile, match="there (are no fingerprints|is no MISP event) in it"):
        ListImporter(matcher, format).run(path)


def test_only_hashes_on_request(matcher: Matcher) -> None:
    remember(matcher, 1, sources=[Source("file", "secret", metadata={"note": "secret"})], tags=["secret"])
    assert b"secret" in listed(matcher, "csv")
    for format in FORMATS:
        assert b"secret" not in listed(matcher, format, hashes_only=True)


def test_a_made_up_sha256_does_not_leave(matcher: Matcher, tmp_path: Path) -> None:
    ListImporter(matcher).run(write(tmp_path / "list", ONE))
    for format in FORMATS:
        assert identity("pdq", pdq(1)).encode() not in listed(matcher, format)


def test_of_sensitive_pictures_hashes_leave_but_no_notes_and_no_pixels(matcher: Matcher) -> None:
    remember(matcher, 1, sources=[Source("file", "a", metadata={"note": "what is on it"})], tags=["copine-scale:level=1"])
    for format in ("csv", "jsonl"):
        text = listed(matcher, format, algorithms=["pdq", "local"])
        assert pdq(1).hex().encode() in text
        assert fingerprints(1).values["local"].hex().encode() not in text
        assert b"what is on it" not in text


def test_pictures_without_such_a_fingerprint_are_left_out_and_counted(matcher: Matcher) -> None:
    remember(matcher, 1)
    export = ListExport(matcher, Selection(matcher), "photodna")
    assert b'"items"' in b"".join(export.lines())
    assert (export.pictures, export.left_out) == (0, 1)


def test_an_algorithm_must_exist_and_fit_the_format(matcher: Matcher) -> None:
    with pytest.raises(NotFound, match="no algorithm known here"):
        ListExport(matcher, Selection(matcher), "csv", ["sift"])
    with pytest.raises(BadRequest, match="cannot hold fingerprints tiles"):
        ListExport(matcher, Selection(matcher), "threatexchange", ["tiles"])
    with pytest.raises(NotFound, match="no algorithm known here"):
        ListImporter(matcher, algorithm="sift")


def test_a_list_with_a_wrong_line_is_refused_before_anything_is_written(matcher: Matcher, tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", f"pdq\n{ONE}\nzz\n{TWO}\n")
    before = set(matcher.collection.store.scan(b""))
    with pytest.raises(BadFile, match="list.csv: 1 of 3 entries are wrong, the first at line 3: .*nothing was imported.*--skip-bad"):
        ListImporter(matcher).run(path)
    assert set(matcher.collection.store.scan(b"")) == before
    done = ListImporter(matcher, skip_bad=True).run(path)
    assert done.new == 2


def test_the_first_flaws_are_told_and_all_are_counted(matcher: Matcher, tmp_path: Path) -> None:
    survey = ListImporter(matcher).check(write(tmp_path / "list.csv", "pdq\n" + "zz\n" * 50 + f"{ONE}\n"))
    assert ([flaw.place for flaw in survey.flaws], survey.wrong, survey.pictures) == ([f"line {n}" for n in range(2, 22)], 50, 1)


def test_an_algorithm_that_is_not_enabled_is_kept_until_it_is(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", "phash\nd1c0f0a89c3e5e0b\n")
    with Matcher.open(settings) as matcher:
        [warning] = ListImporter(matcher).check(path).warnings
        assert "1 fingerprints phash are kept, but searches do not use them" in warning
        assert "fingerprints.enabled" in warning and "kuato doctor --deep" in warning
        ListImporter(matcher).run(path)
        [record] = everything(matcher)
        assert record.fingerprints == {"phash": bytes.fromhex("d1c0f0a89c3e5e0b")}
    with Matcher.open(settings.with_overrides({"fingerprints.enabled": "pdq,phash"})) as matcher:
        assert ListImporter(matcher).check(path).warnings == ()
        Doctor(matcher.collection).run(deep=True)
        index = matcher.collection.filing.bands["phash"]
        assert index.search(bytes.fromhex("d1c0f0a89c3e5e0a")).ids.tolist() == [record.id]


def test_vectors_of_a_list_are_found(settings: Settings, tmp_path: Path, sample: Callable[[str], Path]) -> None:
    """Those that adulau/photodna computed, as of the pictures themselves; imported before and after the algorithm is in use."""
    login, copy = (sample(name).read_bytes() for name in ("baseline/tinlark-login.png", "queries/tinlark-half.webp"))
    with Matcher.open(settings.with_overrides({"fingerprints.enabled": "photodna"})) as matcher:
        vector = matcher.pool.fingerprint(login).values["photodna"]
        items = [{"id": 1, "path": "/a/login.png", "hash": list(vector), "extra": {}}]
        items += [{"id": n, "path": str(n), "hash": list(np.random.default_rng(n).bytes(144)), "extra": {}} for n in range(2, 9)]
        path = write(tmp_path / "meta.json", json.dumps({"dimension": 144, "items": items}))
        importer = ListImporter(matcher)
        assert (importer.check(path).warnings, importer.run(path).new) == ((), 8)
        [match] = matcher.search(copy).matches
        assert (match.picture.sources[0].metadata["name"], match.decision) == ("/a/login.png", Decision.MAYBE)
        assert [one.algorithm for one in match.evidence] == ["photodna"]
        assert json.loads(listed(matcher, "photodna"))["items"][0]["hash"] == list(vector)
        matcher.reset()
    with Matcher.open(settings) as matcher:
        assert "fingerprints.enabled" in ListImporter(matcher).check(path).warnings[0]
        ListImporter(matcher).run(path)
    with Matcher.open(settings.with_overrides({"fingerprints.enabled": "photodna"})) as matcher:
        assert matcher.search(copy).matches == ()
        Doctor(matcher.collection).run(deep=True)
        assert len(matcher.search(copy).matches) == 1


def test_what_is_only_exchanged_is_kept_and_told(matcher: Matcher, tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", "phash-dct-base64\n0cDwqJw+Xgs=\n")
    [warning] = ListImporter(matcher).check(path).warnings
    assert "phash-perception are kept, but searches do not use them: it is not the pHash that is computed here" in warning
    ListImporter(matcher).run(path)
    assert everything(matcher)[0].fingerprints == {"phash-perception": bytes.fromhex("d1c0f0a89c3e5e0b")}
    assert b"phash-perception,1,d1c0f0a89c3e5e0b," in listed(matcher, "csv")


def test_sha256_taken_for_pdq_are_doubted(matcher: Matcher, tmp_path: Path) -> None:
    many = "".join(f"{identity('x', bytes([n]))}\n" for n in range(100))
    [warning] = ListImporter(matcher).check(write(tmp_path / "list", many)).warnings
    assert "they may be SHA-256" in warning
    real = "".join(f"{pdq(n).hex()}\n" for n in range(100))
    assert ListImporter(matcher).check(write(tmp_path / "list", real)).warnings == ()


STARTS = {
    "kuato": ['{"kuato-export":{"version":1', '{ "kuato-export": {}}\n'],
    "csv": [
        "hash,quality,filename\n",
        "algorithm;fingerprint;note\n",
        "\ufeffpdq,tags\n",
        "signal_type,signal_str,collab,category,tags\r\n",
    ],
    "jsonl": ['{"pdq": "ab"}\n{"pdq": "cd"}\n', '{"algorithm":"pdq","fingerprint":"ab"}'],
    "threatexchange": [ONE, f"pdq {ONE}\n", f"{ONE},90,a.jpg\n", f"hash={ONE},norm=128", f"'Sample Signals' pdq {ONE} POSITIVE_CLASS\n"],
    "photodna": ['{\n  "dimension": 144,\n  "items": [', '{"items":[{"extra":{}'],
    "misp": ['{"Event": {', '{"response": [{"Event"', '[\n {"Event":', '{"5f0e1a2b-0000-4000-8000-000000000000": {"Orgc"'],
}


@pytest.mark.parametrize(("format", "start"), [(format, start) for format, starts in STARTS.items() for start in starts])
def test_formats_are_recognised_by_their_beginning(tmp_path: Path, format: str, start: str) -> None:
    assert recognised(write(tmp_path / "file", start)) == format


@pytest.mark.parametrize("start", ["", "\x89PNG\r\n", "hello world", "<html>", "\x00" * 100, "a,b,c\n"])
def test_what_is_no_list_is_refused_with_what_to_do(tmp_path: Path, start: str) -> None:
    with pytest.raises(BadFile, match="file: what format it has cannot be told; say it with --format"):
        recognised(write(tmp_path / "file", start))


def test_an_export_is_no_list(matcher: Matcher, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="export of Kuato"):
        ListImporter(matcher).run(write(tmp_path / "file", STARTS["kuato"][0]))
    with pytest.raises(BadRequest, match="for hash lists"):
        importer_of(matcher, "kuato", skip_bad=True)


def test_progress_ends_with_all(matcher: Matcher, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = write(tmp_path / "list", "".join(f"{pdq(n).hex()}\n" for n in range(1500)))
    ListImporter(matcher).run(path, lambda done, total: told.append((done, total)))
    assert told == [(1000, 1500), (1500, 1500)]
