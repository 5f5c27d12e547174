"""Pictures that are added some dozens at a time become what they become one by one, with real pictures, workers and Redis."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matcher.collection import Added
from matcher.engine import Matcher
from matcher.errors import BadRequest, KuatoError, NotFound
from matcher.extraction import Fingerprints
from matcher.intake import Intake
from matcher.match import Decision
from matcher.settings import Settings
from matcher.source import Source
from tests.matcher.pictures import encoded, photo

SHOTS = ("baseline/tinlark-login.png", "queries/tinlark-half.webp")


@pytest.fixture
def matcher(settings: Settings) -> Iterator[Matcher]:
    with Matcher.open(settings) as matcher:
        yield matcher


@pytest.fixture
def looked_at(matcher: Matcher, sample: Callable[[str], Path]) -> list[Fingerprints]:
    """A page, another picture, and a copy of the page."""
    page, copy = (sample(name).read_bytes() for name in SHOTS)
    return [matcher.fingerprint(data) for data in (page, encoded(photo(seed=3)), copy)]


def seen(path: str) -> list[Source]:
    return [Source("file", path, 1000.0, 1000.0)]


def add(
    matcher: Matcher, *pictures: tuple[Fingerprints, list[Source]], tags: tuple[str, ...] = (), banks: tuple[str, ...] = ()
) -> list[Added]:
    with Intake(matcher) as intake:
        outcomes = intake.add(pictures, tags, banks)
    assert not [one for one in outcomes if isinstance(one, KuatoError)]
    return [one for one in outcomes if isinstance(one, Added)]


def test_they_become_what_they_become_one_by_one(matcher: Matcher, looked_at: list[Fingerprints]) -> None:
    bank = matcher.banks.create("phishing")
    together = add(matcher, *((one, seen(f"/{n}")) for n, one in enumerate(looked_at)), tags=("a",), banks=("phishing",))
    assert [one.new for one in together] == [True] * 3
    told = [(one.record.sources, one.record.tags, one.record.banks, one.record.versions) for one in together]
    answers = found(matcher, looked_at)
    for one in looked_at:
        matcher.remove(one.sha256)
    alone = [matcher.collection.add(one, seen(f"/{n}"), ("a",), (bank.id,)).record for n, one in enumerate(looked_at)]
    assert told == [(one.sources, one.tags, one.banks, one.versions) for one in alone]
    assert answers == found(matcher, looked_at)


def found(matcher: Matcher, queries: Sequence[Fingerprints]) -> list[list[tuple[str, Decision, float]]]:
    answers = [matcher.search_fingerprints(query) for query in queries]
    return [[(match.picture.sha256, match.decision, match.distance) for match in answer.matches] for answer in answers]


def test_copies_that_come_together_are_tied(matcher: Matcher, looked_at: list[Fingerprints]) -> None:
    page, other, copy = (one.record for one in add(matcher, *((one, []) for one in looked_at)))
    assert page.cluster == copy.cluster != "" == other.cluster
    assert page.placed and copy.placed and other.placed
    assert all(matcher.get(record.sha256).placed for record in (page, other, copy))


def test_one_that_comes_twice_is_known_the_second_time(matcher: Matcher, looked_at: list[Fingerprints]) -> None:
    page, other, _ = looked_at
    first, middle, second = add(matcher, (page, seen("/1")), (other, seen("/2")), (page, seen("/3")))
    assert [one.new for one in (first, middle, second)] == [True, True, False]
    assert [source.id for source in first.record.sources] == ["/1"]
    assert [source.id for source in second.record.sources] == ["/1", "/3"]
    assert [one.new for one in add(matcher, (page, seen("/1")), (other, []))] == [False, False]


def test_what_is_wrong_with_one_leaves_the_others(matcher: Matcher, looked_at: list[Fingerprints]) -> None:
    bad = Source("file", "/1", 1000.0, 1000.0, {"a": float("nan")})
    with Intake(matcher) as intake:
        first, second, third = intake.add([(looked_at[0], seen("/0")), (looked_at[1], [bad]), (looked_at[2], [])])
    assert isinstance(second, BadRequest)
    assert [one.new for one in (first, third) if isinstance(one, Added)] == [True, True]
    assert matcher.stats()["pictures"] == 2


def test_fingerprints_that_cannot_be_are_refused_alone(matcher: Matcher, looked_at: list[Fingerprints]) -> None:
    broken = replace(looked_at[1], views={"as is": looked_at[1].values | {"pdq": b"short"}})
    with Intake(matcher) as intake:
        first, second = intake.add([(looked_at[0], []), (broken, [])])
    assert isinstance(first, Added)
    assert isinstance(second, BadRequest)


@pytest.mark.parametrize(("tags", "banks", "error"), [((" ",), (), BadRequest), ((), ("nowhere",), NotFound)])
def test_with_what_cannot_be_nothing_is_added(
    matcher: Matcher, looked_at: list[Fingerprints], tags: tuple[str, ...], banks: tuple[str, ...], error: type[KuatoError]
) -> None:
    with Intake(matcher) as intake:
        outcomes = intake.add([(one, []) for one in looked_at], tags, banks)
    assert [type(one) for one in outcomes] == [error] * 3
    assert matcher.stats()["pictures"] == 0


def test_mirrored_copies_and_thumbnails_where_they_are_wanted(settings: Settings) -> None:
    wanted = settings.with_overrides({"cluster.turned": True, "thumbnails.enabled": True})
    pixels = photo(480, 360)
    with Matcher.open(wanted) as matcher:
        found = [matcher.fingerprint(encoded(one)) for one in (pixels, np.ascontiguousarray(pixels[:, ::-1]))]
        one, mirrored = (added.record for added in add(matcher, *((picture, []) for picture in found)))
        assert one.cluster == mirrored.cluster != ""
        assert matcher.collection.thumbnails.there([one.sha256, mirrored.sha256]) == {one.sha256, mirrored.sha256}


def test_where_pictures_are_not_looked_up_they_are_just_kept(settings: Settings, looked_at: list[Fingerprints]) -> None:
    with Matcher.open(settings.with_overrides({"cluster.automatic": False})) as matcher:
        assert not any(one.record.placed or one.record.cluster for one in add(matcher, *((one, []) for one in looked_at)))
