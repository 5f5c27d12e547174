"""PDQ lists in all the forms of Meta's tools."""

from pathlib import Path

import pytest

from matcher.interchange.threatexchange import ThreatExchange
from tests.matcher.interchange.conftest import pdq
from tests.matcher.interchange.reading import found

ONE = pdq(1).hex()


@pytest.mark.parametrize(
    ("line", "tags", "details"),
    [
        (ONE, (), None),
        (ONE.upper(), (), None),
        (f"pdq {ONE}", (), None),
        (f"  pdq   {ONE}  ", (), None),
        (f"{ONE},100,folder/a, b.jpg", (), {"quality": 100, "name": "folder/a, b.jpg"}),
        (f"{ONE},idx=17", (), {"name": "idx=17"}),
        (f"hash={ONE},norm=128,delta=0,quality=88,filename=a.jpg", (), {"quality": 88, "name": "a.jpg"}),
        (f"'Sample Signals' pdq {ONE} INVESTIGATION_SEED a,b", ("a", "b"), {"category": "INVESTIGATION_SEED"}),
        (f'pdq {ONE} "It\'s ours" POSITIVE_CLASS', (), {"category": "POSITIVE_CLASS"}),
    ],
)
def test_every_form_of_a_line(tmp_path: Path, line: str, tags: tuple[str, ...], details: dict[str, object] | None) -> None:
    read = found(ThreatExchange(), tmp_path, f"{line}\n")
    assert (read.prints, read.flaws) == ([{"pdq": ONE}], [])
    assert (read.entries[0].tags, read.entries[0].details) == (tags, details)


def test_other_signals_and_what_is_harmless_or_too_simple_are_passed_over(tmp_path: Path) -> None:
    lines = [
        "url https://a.example/b c",
        "raw_text any text, at all",
        "'Collab' video_md5 d41d8cd98f00b204e9800998ecf8427e X",
        f"'Collab' pdq {ONE} NEGATIVE_CLASS",
        f"{ONE},49,dull.png",
        "# a remark",
        "",
    ]
    read = found(ThreatExchange(), tmp_path, "\n".join(lines))
    assert (read.entries, read.flaws, len(read.passed)) == ([], [], 6)


@pytest.mark.parametrize(
    "line",
    [
        "pdq",
        "pdq zz",
        f"pdq {ONE[:-1]}",
        f"pdq {ONE}0",
        f"{ONE[:-1]}g",
        f"{ONE} pdq",
        f"pdq {ONE} lower case opinion",
        "sift 00",
        "\x00\xff",
    ],
)
def test_wrong_lines_are_told_with_their_number(tmp_path: Path, line: str) -> None:
    read = found(ThreatExchange(), tmp_path, f"{ONE}\n{line}\n{ONE}\n")
    assert len(read.entries) == 2
    assert [place for place, _ in read.flaws] == ["line 2"]
