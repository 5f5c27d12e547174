"""What holds for every fingerprint: a test class inherits it and names pictures."""

from collections.abc import Sequence
from functools import cache
from typing import ClassVar

import numpy as np
import pytest

from matcher.fingerprints.base import Fingerprint
from matcher.fingerprints.registry import available
from matcher.picture import ALL_VIEWS
from tests.matcher.fingerprints.drawn import drawn

Pairs = Sequence[tuple[str, str]]


@cache
def computed(fingerprint: Fingerprint, name: str) -> bytes | None:
    """Return the fingerprint of the picture `name`, once for all tests."""
    return fingerprint.compute(drawn(name))


class FingerprintContract:
    """Inherit and give an algorithm; `drawn.py` says which pictures there are.

    same: pairs that lie nearer to each other than any pair of `different`. too_simple: pictures it finds nothing in.
    """

    fingerprint: ClassVar[Fingerprint]
    same: ClassVar[Pairs] = [("page", "page:q30"), ("page", "page:half"), ("photo", "photo:q30"), ("photo", "photo:half")]
    different: ClassVar[Pairs] = [("page", "photo"), ("page", "page2"), ("photo", "photo2"), ("page:q30", "photo:q30")]
    too_simple: ClassVar[Sequence[str]] = ["white", "black", "grey"]

    def of(self, name: str) -> bytes:
        found = computed(self.fingerprint, name)
        assert isinstance(found, bytes), f"{name} is not too simple"
        return found

    def between(self, a: str, b: str) -> float:
        return float(self.fingerprint.distance(self.of(a), [self.of(b)])[0])

    def names(self) -> list[str]:
        return sorted({name for pair in [*self.same, *self.different] for name in pair})

    def test_it_has_name_version_and_family(self) -> None:
        assert self.fingerprint.name and self.fingerprint.family
        assert self.fingerprint.version >= 1
        assert available()[self.fingerprint.name] is type(self.fingerprint)

    def test_it_is_compared_with_an_algorithm_there_is(self) -> None:
        assert (self.fingerprint.space or self.fingerprint.name) in available()

    def test_a_picture_is_at_distance_0_from_itself(self) -> None:
        for name in self.names():
            assert self.between(name, name) == 0

    def test_it_gives_the_same_bytes_every_time(self) -> None:
        for name in self.names():
            assert self.of(name) == type(self.fingerprint)().compute(drawn(name))

    def test_distance_does_not_depend_on_the_order(self) -> None:
        for a, b in [*self.same, *self.different]:
            assert self.between(a, b) == pytest.approx(self.between(b, a), abs=1e-9)

    def test_distances_come_as_one_array_from_0_to_1(self) -> None:
        known = [self.of(name) for name in self.names()]
        found = self.fingerprint.distance(known[0], known)
        assert found.dtype == np.float64 and found.shape == (len(known),)
        assert ((found >= 0) & (found <= 1)).all()
        assert found.tolist() == [float(self.fingerprint.distance(known[0], [k])[0]) for k in known]

    def test_there_may_be_no_candidates(self) -> None:
        assert self.fingerprint.distance(self.of(self.names()[0]), []).shape == (0,)

    def test_copies_of_the_bytes_are_as_good(self) -> None:
        for name in self.names():
            assert self.fingerprint.distance(self.of(name), [bytes(bytearray(self.of(name)))])[0] == 0

    def test_the_same_picture_is_nearer_than_another(self) -> None:
        same, different = [self.between(*pair) for pair in self.same], [self.between(*pair) for pair in self.different]
        assert max(same) < min(different), f"same {same}, different {different}"

    def test_simple_pictures_have_none(self) -> None:
        for name in self.too_simple:
            assert self.fingerprint.compute(drawn(name)) is None, name
            assert self.fingerprint.compute_views(drawn(name)) == {}, name

    def test_views_are_those_it_names(self) -> None:
        name = self.names()[0]
        views = self.fingerprint.compute_views(drawn(name))
        assert set(views) <= set(self.fingerprint.views) <= set(ALL_VIEWS)
        assert views["as is"] == self.of(name)
