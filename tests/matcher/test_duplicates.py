"""Which of many pictures are copies of each other."""

import io
from functools import cache

import pytest
from PIL import Image, ImageOps

from matcher.decision import Rules
from matcher.decode import Limits
from matcher.duplicates import Duplicates, Group
from matcher.extraction import Fingerprints, extract
from matcher.fingerprints import registry
from matcher.match import Decision
from tests.matcher.fingerprints.drawn import file, saved

ALGORITHMS = registry.load(None)


@cache
def fingerprints(name: str) -> Fingerprints:
    kind, _, treatment = name.partition(":")
    treatments = {"mirrored": ImageOps.mirror, "part": lambda image: image.crop((300, 100, 800, 500))}
    data = file(name) if treatment not in treatments else saved(treatments[treatment](Image.open(io.BytesIO(file(kind)))))
    return extract(data, ALGORITHMS, Limits(), query=True, name=name)


def grouped(*names: str, maybe: bool = False) -> list[Group]:
    found = Duplicates(ALGORITHMS, Rules.load(), maybe)
    for name in names:
        found.add(name, fingerprints(name))
    return found.groups()


def members(groups: list[Group]) -> list[set[str]]:
    return [{copy.name for copy in group.copies} for group in groups]


def test_copies_are_found_whatever_their_order() -> None:
    one, other = ["page", "page:q30", "page:half", "page:mirrored"], ["photo", "photo:q30"]
    for names in (one + other, other + one[::-1], [*other[:1], *one, *other[1:]]):
        assert members(grouped(*names, "photo2", "page2")) == [set(one), set(other)]


def test_the_best_comes_first() -> None:
    [group] = grouped("page:half", "page:q30", "page")
    assert group.copies[0].pixels == group.copies[1].pixels > group.copies[2].pixels
    assert [copy.name for copy in group.copies] == ["page", "page:q30", "page:half"]
    assert group.copies[0].bytes_size > group.copies[1].bytes_size
    assert (group.decision, group.exact) == (Decision.YES, False)


def test_the_same_bytes_need_no_second_look() -> None:
    found = Duplicates(ALGORITHMS, Rules.load())
    picture = fingerprints("page")
    assert picture.sha256 not in found
    found.add("b", picture)
    assert picture.sha256 in found
    found.add_again("a", picture.sha256)
    found.add("c", picture)  # two that were looked at at the same time
    [group] = found.groups()
    assert ([copy.name for copy in group.copies], group.exact) == (["a", "b", "c"], True)


def test_what_is_too_simple_is_only_a_copy_of_its_own_bytes() -> None:
    assert grouped("white", "black", "grey") == []


def test_a_part_of_a_picture_is_no_copy_of_it() -> None:
    assert grouped("photo", "photo:part") == []


@pytest.mark.parametrize("maybe", [False, True])
def test_what_may_be_a_copy_is_grouped_when_asked_for(maybe: bool) -> None:
    """A hash alone says no more than MAYBE; without tiles and local features nothing else is said."""
    hashes = {"pdq": ALGORITHMS["pdq"]}
    found = Duplicates(hashes, Rules.load(), maybe)
    for name in ("page", "page:q30", "photo"):
        found.add(name, extract(file(name), hashes, Limits(), query=True))
    groups = found.groups()
    assert members(groups) == ([{"page", "page:q30"}] if maybe else [])
    assert all(group.decision is Decision.MAYBE for group in groups)


def test_of_a_group_that_is_sure_maybe_changes_nothing() -> None:
    assert [group.decision for group in grouped("page", "page:q30", maybe=True)] == [Decision.YES]
