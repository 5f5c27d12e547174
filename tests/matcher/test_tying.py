"""A matcher that ties pictures when they are added, and obeys what people said, with real pictures, workers and Redis."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from matcher.engine import Matcher
from matcher.match import Decision, Relation
from matcher.reviews import Verdict
from matcher.settings import Settings
from tests.matcher.pictures import encoded, photo


@pytest.fixture
def matcher(settings: Settings) -> Iterator[Matcher]:
    with Matcher.open(settings) as matcher:
        yield matcher


@pytest.fixture
def login(sample: Callable[[str], Path]) -> bytes:
    return sample("baseline/tinlark-login.png").read_bytes()


@pytest.fixture
def half(sample: Callable[[str], Path]) -> bytes:
    return sample("queries/tinlark-half.webp").read_bytes()


def test_a_picture_joins_its_copies_when_it_is_added(matcher: Matcher, login: bytes, half: bytes) -> None:
    first = matcher.add(login).record
    second = matcher.add(half).record
    assert first.cluster == "" != second.cluster
    assert matcher.get(first.sha256).cluster == second.cluster
    assert matcher.add(encoded(photo(seed=3))).record.cluster == ""
    assert {record.cluster for record in matcher.find()} == {"", second.cluster}


@pytest.mark.parametrize("turned", [True, False])
def test_mirrored_copies_are_tied_where_the_operator_wants_it(settings: Settings, turned: bool) -> None:
    with Matcher.open(settings.with_overrides({"cluster.turned": turned})) as matcher:
        matcher.add(encoded(photo(480, 360)))
        assert bool(matcher.add(encoded(np.ascontiguousarray(photo(480, 360)[:, ::-1]))).record.cluster) is turned


def test_where_pictures_are_not_looked_up_they_are_afterwards(settings: Settings) -> None:
    with Matcher.open(settings.with_overrides({"cluster.automatic": False})) as matcher:
        records = [matcher.add(encoded(Image.fromarray(photo(480, 360)), "JPEG", quality=quality)).record for quality in (90, 70)]
        assert not any(record.cluster or matcher.get(record.sha256).placed for record in records)
        assert matcher.place(records[0]).placed
        assert {matcher.get(record.sha256).cluster for record in records} != {""}


def test_what_a_person_said_of_two_pictures_is_obeyed_by_every_search(matcher: Matcher, login: bytes, half: bytes) -> None:
    one, other, asked = (matcher.add(data).record for data in (login, encoded(photo(seed=3)), half))
    assert [match.picture.sha256 for match in matcher.search_sha256(asked.sha256).matches] == [one.sha256]
    matcher.clustering.review(asked, one, Verdict.DIFFERENT, "ana")
    matcher.clustering.review(asked, other, Verdict.SAME, "ana")
    for answer in (matcher.search(half, exclude=lambda record: record.id == asked.id), matcher.search_sha256(asked.sha256)):
        assert [(match.picture.sha256, match.decision, match.relation) for match in answer.matches] == [
            (other.sha256, Decision.YES, Relation.SAME_PICTURE)
        ]
        assert answer.decision is Decision.YES
    assert matcher.search_sha256(asked.sha256, exclude=lambda record: record.id == other.id).decision is Decision.NO
    matcher.banks.create("nothing to see", kind="ignore")
    matcher.set_banks(other.sha256, add=["nothing to see"])
    answer = matcher.search_sha256(asked.sha256)
    assert (answer.decision, [match.picture.sha256 for match in answer.suppressed]) == (Decision.NO, [other.sha256])
