"""Tables, as many programs write them."""

from pathlib import Path

import pytest

from matcher.errors import BadFile
from matcher.interchange.csvlist import CsvList
from matcher.source import Source
from tests.matcher.interchange.conftest import pdq
from tests.matcher.interchange.reading import found

ONE, TWO = pdq(1).hex(), pdq(2).hex()


@pytest.mark.parametrize(
    "text",
    [
        f"pdq\n{ONE}\n",
        f"PDQ_Hash,Name\n{ONE},a.jpg\n",
        f"hash,quality,filename\n{ONE},99,a.jpg\n",
        f"Hash Value;Algorithm\n{ONE};PDQ\n",
        f"fingerprint\talgorithm\n{ONE}\tpdq\n",
        f"\ufeffalgorithm,fingerprint\r\npdq,{ONE.upper()}\r\n\r\n",
        f"signal_type,signal_str,collab,category,tags\npdq,{ONE},Sample,POSITIVE_CLASS,a b\n",
        f'"algorithm","hash"\n"HASH_PDQ","{ONE}"',
    ],
)
def test_headings_are_many(tmp_path: Path, text: str) -> None:
    assert found(CsvList(), tmp_path, text).prints == [{"pdq": ONE}]


def test_everything_has_its_column(tmp_path: Path) -> None:
    heading = "algorithm,version,fingerprint,sha256,tags,source,note,url,filename,quality"
    row = f'pdq,1,{ONE},{"AB" * 32},a|b\\|c,url:https://x.example/1\\|2|file:f,"two\nlines",https://y.example,f.png,50'
    [entry] = found(CsvList(), tmp_path, f"{heading}\n{row}\n").entries
    assert (entry.sha256, entry.tags) == ("ab" * 32, ("a", "b|c"))
    assert entry.sources == (Source("url", "https://x.example/1|2"), Source("file", "f"), Source("url", "https://y.example"))
    assert entry.details == {"note": "two\nlines", "name": "f.png", "quality": 50}


def test_tags_of_tx_stand_between_spaces_and_labels_between_commas(tmp_path: Path) -> None:
    assert found(CsvList(), tmp_path, f"signal_type,signal_str,tags\npdq,{ONE},a b\n").entries[0].tags == ("a", "b")
    assert found(CsvList(), tmp_path, f'hash,labels\n{ONE},"a,b"\n').entries[0].tags == ("a", "b")


def test_a_row_may_hold_fingerprints_of_several_algorithms(tmp_path: Path) -> None:
    text = f"phash,pdq,dhash\n{'0f' * 8},{ONE},\n,{TWO},{'1e' * 8}\n"
    assert found(CsvList(), tmp_path, text).prints == [{"phash": "0f" * 8, "pdq": ONE}, {"pdq": TWO, "dhash": "1e" * 8}]


def test_the_algorithm_is_told_by_the_length_where_it_can_be(tmp_path: Path) -> None:
    assert found(CsvList(), tmp_path, f"hash\n{ONE}\n").prints == [{"pdq": ONE}]
    assert list(found(CsvList(), tmp_path, f"hash\nT1{'0A' * 35}\n").prints[0]) == ["tlsh"]
    [(place, text)] = found(CsvList(), tmp_path, f"hash\n{'0f' * 8}\n").flaws
    assert (place, "--algorithm" in text, "ahash, dhash, phash or whash" in text) == ("line 2", True, True)
    assert found(CsvList(), tmp_path, f"hash\n{'0f' * 8}\n", "whash").prints == [{"whash": "0f" * 8}]


def test_what_is_not_for_us_is_passed_over(tmp_path: Path) -> None:
    rows = [
        "url,https://a.example,,",
        "video_md5,d41d8cd98f00b204e9800998ecf8427e,,",
        f"pdq,{ONE},NEGATIVE_CLASS,",
        f"pdq,{ONE},POSITIVE_CLASS,12",
        f"pdq,{TWO},,",
    ]
    read = found(CsvList(), tmp_path, "\n".join(["type,hash,category,quality", *rows]))
    assert read.prints == [{"pdq": TWO}]
    assert [what.split(":")[0] for what in read.passed] == [
        "entries of the type url",
        "entries of the type video_md5",
        "entries of the class NEGATIVE_CLASS",
        "entries of a quality below 50",
    ]
    assert read.flaws == []


def test_columns_that_say_nothing_are_told(tmp_path: Path) -> None:
    assert found(CsvList(), tmp_path, f"pdq,colour,mood\n{ONE},red,bad\n").passed == [
        "columns whose names say nothing to us (colour, mood)"
    ]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("", None),
        ("zz,,,", "is no pdq: it takes 64 hexadecimal digits"),
        (f"{ONE[:-2]},,,", "is no pdq"),
        (f"{ONE[:31]} {ONE[31:]},,,", "is no pdq"),
        (f"{ONE},xyz,,", "is no SHA-256"),
        (f"{ONE},,a\x1b[2J,", "cannot be a tag"),
        (f"{ONE},,{'t' * 256},", "cannot be a tag"),
        (f"{ONE},,,nowhere", "is no source; write KIND:ID"),
        (",,a,", "there is no fingerprint"),
        (f'"{ONE}', "it is no row of a table"),
    ],
)
def test_wrong_rows_are_told_with_their_line(tmp_path: Path, row: str, text: str | None) -> None:
    read = found(CsvList(), tmp_path, f"pdq,sha256,tags,source\n{TWO},,,\n{row}\n")
    assert read.prints == [{"pdq": TWO}]
    assert [place for place, _ in read.flaws] == (["line 3"] if text else [])
    assert all(str(text) in said for _, said in read.flaws)


def test_rows_of_several_lines_do_not_shift_the_numbers(tmp_path: Path) -> None:
    read = found(CsvList(), tmp_path, f'pdq,note\n{ONE},"1\n2\n3"\nzz,\n')
    assert [place for place, _ in read.flaws] == ["line 5"]


@pytest.mark.parametrize(
    ("algorithm", "text"), [("sift", "'sift' is no algorithm known here"), ("phash", "is no phash: it takes 16 hexadecimal digits")]
)
def test_the_algorithm_must_be_known_and_fit(tmp_path: Path, algorithm: str, text: str) -> None:
    [(_, said)] = found(CsvList(), tmp_path, f"algorithm,hash\n{algorithm},{ONE}\n").flaws
    assert text in said


@pytest.mark.parametrize("text", ["", "a,b,c\n1,2,3\n", "sha256\n" + "ab" * 32, "\x00\x01\x02"])
def test_without_a_column_of_fingerprints_all_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadFile, match="line 1 names no column with fingerprints"):
        found(CsvList(), tmp_path, text)


def test_other_encodings_cost_no_entry(tmp_path: Path) -> None:
    [entry] = found(CsvList(), tmp_path, b"pdq,filename\n" + ONE.encode() + b",gr\xfc\xdfe.jpg\n").entries
    assert entry.details == {"name": "gr\\xfc\\xdfe.jpg"}


def test_an_endless_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="longer than 4 MiB"):
        found(CsvList(), tmp_path, "pdq\n" + "a" * (5 << 20))


def test_an_unknown_version_is_kept_as_it_is(tmp_path: Path) -> None:
    read = found(CsvList(), tmp_path, f"algorithm,version,hash\npdq,7,{ONE}\npdq,300,{ONE}\npdq,x,{ONE}\n")
    assert [entry.prints[0].version for entry in read.entries] == [7]
    assert len(read.flaws) == 2
