"""Algorithms that are not in the default set work in a store: filed, found, compared, told of, in order."""

import pytest

from matcher.doctor import Doctor
from matcher.engine import Matcher
from matcher.settings import Settings
from tests.matcher.fingerprints.drawn import file


@pytest.mark.parametrize(
    ("names", "decision"),
    [
        (("phash-simple",), "MAYBE"),
        (("dhash-vertical",), "MAYBE"),
        (("crop-resistant",), "MAYBE"),
        (("bow",), "MAYBE"),
        (("bow", "orb-ransac"), "MAYBE"),  # both of one family
        (("dhash-vertical", "bow", "orb-ransac"), "YES"),
        (("dhash-vertical", "rgb-histogram", "colorhash", "tlsh-pixels"), "MAYBE"),  # such a JPEG shifts the colours
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else value,
)
def test_a_copy_is_found_and_another_page_is_not(settings: Settings, names: tuple[str, ...], decision: str) -> None:
    with Matcher.open(settings.with_overrides({"fingerprints.enabled": names})) as matcher:
        for name in ("page", "page2", "white"):
            matcher.add(file(name))
        answer = matcher.search(file("page:q30"))
        assert [match.decision.value for match in answer.matches] == [decision]
        assert {evidence.algorithm for evidence in answer.matches[0].evidence} == set(names)
        assert matcher.search(file("page3")).matches == ()
        assert Doctor(matcher.collection).run(deep=True).findings == ()


def test_features_are_kept_beside_the_record(settings: Settings) -> None:
    with Matcher.open(settings.with_overrides({"fingerprints.enabled": ("bow", "orb-ransac")})) as matcher:
        record = matcher.add(file("page")).record
        assert set(record.fingerprints) == {"bow"} and set(record.versions) == {"bow", "orb-ransac"}
        assert set(matcher.shown_fingerprints(record)) == {"bow"}
