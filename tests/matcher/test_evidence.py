"""What each algorithm says of a pair."""

import numpy as np
import pytest

from matcher.decision import Rules
from matcher.evidence import Gathered, as_rare, as_stored, gather, gather_many
from matcher.fingerprints import registry
from matcher.fingerprints.local import Local
from matcher.fingerprints.pdq import PDQ
from matcher.fingerprints.tiles import Tiles
from matcher.fingerprints.trimmed import TrimmedPDQ
from matcher.match import Decision, Evidence, Region, Relation
from matcher.picture import VIEWS, Picture
from tests.matcher.fingerprints.drawn import drawn

ALGORITHMS = {algorithm.name: algorithm for algorithm in (PDQ(), TrimmedPDQ(), Tiles(), Local())}
RULES = Rules.load()


def evidence(query: Picture, known: Picture, local: bool = True) -> dict[str, Evidence]:
    views: dict[str, dict[str, bytes]] = {}
    for name, algorithm in ALGORITHMS.items():
        for view, value in algorithm.compute_views(query).items():
            views.setdefault(view, {})[name] = value
    stored = {name: value for name, a in ALGORITHMS.items() if (value := a.compute(known)) is not None}
    return {one.algorithm: one for one in gather(views, stored, ALGORITHMS, RULES, local=local)}


def cut(picture: Picture, left: float, top: float, right: float, bottom: float) -> Picture:
    height, width = picture.pixels.shape[:2]
    pixels = np.ascontiguousarray(picture.pixels[int(top * height) : int(bottom * height), int(left * width) : int(right * width)])
    return Picture(b"", "PNG", (pixels.shape[1], pixels.shape[0]), pixels)


def test_a_copy_is_a_yes_of_all() -> None:
    found = evidence(drawn("photo:q30"), drawn("photo"))
    assert {name: one.decision for name, one in found.items()} == {"pdq": Decision.YES, "tiles": Decision.YES, "local": Decision.YES}


def test_a_letterboxed_copy_is_known_by_what_the_bars_enclose() -> None:
    found = evidence(drawn("photo:letterbox"), drawn("photo"))
    assert found["pdq-trimmed"].decision is Decision.YES
    assert found["pdq"].distance > found["pdq-trimmed"].distance


def test_a_mirrored_copy_is_seen_in_the_mirror() -> None:
    found = evidence(drawn("photo").view("mirrored"), drawn("photo"))
    assert found["pdq"].view == found["local"].view == "mirrored"
    assert found["local"].decision is Decision.YES


@pytest.mark.parametrize(
    ("distance", "rarer"),
    [(0.0, 0.0), (0.1, 0.25), (0.25, 0.5), (0.6, 0.76), (0.76, 0.76), (0.9, 0.9), (1.0, 1.0)],
)
def test_a_turned_copy_needs_three_times_the_odds_to_be_sure_and_no_more_to_be_looked_at(distance: float, rarer: float) -> None:
    assert as_rare(distance, 0.76) == pytest.approx(rarer)


def test_a_part_is_found_with_its_place() -> None:
    found = evidence(drawn("photo"), cut(drawn("photo"), 0.5, 0.0, 1.0, 0.6))["local"]
    assert found.decision is Decision.YES and found.alignment is not None
    region = found.alignment.query_region
    assert (region.left, region.top, region.right, region.bottom) == pytest.approx((0.5, 0.0, 1.0, 0.6), abs=0.1)
    assert found.alignment.known_region.area > 0.4


def test_the_place_is_told_in_the_picture_as_stored() -> None:
    found = evidence(drawn("photo").view("mirrored"), cut(drawn("photo"), 0.5, 0.0, 1.0, 0.6))["local"]
    assert found.alignment is not None
    region = found.alignment.query_region
    assert (region.left, region.right) == pytest.approx((0.0, 0.5), abs=0.1)


@pytest.mark.parametrize("view", list(VIEWS))
def test_a_region_of_a_view_is_turned_back(view: str) -> None:
    picture = np.zeros((40, 60), np.uint8)
    picture[4:10, 30:54] = 255
    marked = VIEWS[view](picture) if view != "negative" else picture
    rows, columns = np.nonzero(marked)
    height, width = marked.shape
    region = Region(columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height)
    stored = as_stored(region, view)
    assert (stored.left, stored.top, stored.right, stored.bottom) == pytest.approx((30 / 60, 4 / 40, 54 / 60, 10 / 40))


def test_others_are_not_alike() -> None:
    for query, known in (("photo", "photo2"), ("page", "photo"), ("page", "page2")):
        assert all(one.decision is not Decision.YES for one in evidence(drawn(query), drawn(known)).values()), (query, known)


def test_local_features_can_be_left_out() -> None:
    assert "local" not in evidence(drawn("photo"), drawn("photo"), local=False)


def test_nothing_is_said_where_one_picture_has_no_fingerprint() -> None:
    assert evidence(drawn("white"), drawn("photo")) == {}


def test_only_what_tells_is_told_of_many() -> None:
    algorithms = {name: one for name, one in ALGORITHMS.items() if name != "local"}
    pictures = [drawn(name) for name in ("page", "photo", "letter")]
    known = [{name: value for name, one in algorithms.items() if (value := one.compute(picture)) is not None} for picture in pictures]
    query = {"as is": known[1]}
    gathered = Gathered(query, known, algorithms, RULES)
    every = gather_many(query, known, algorithms, RULES)
    assert gathered.telling() == [n for n, some in enumerate(every) if any(one.decision is not Decision.NO for one in some)] == [1]
    assert [gathered.of(n) for n in range(3)] == every
    assert Gathered(query, [], algorithms, RULES).telling() == []


def test_a_photograph_in_a_page_is_evidence_of_its_place() -> None:
    algorithms = registry.load(["pdq", "sub-pictures", "local"])
    page, photo = (
        {key: value for key, one in algorithms.items() if (value := one.compute(drawn(name))) is not None}
        for name in ("photo:in-page", "photo")
    )
    found = gather({"as is": page}, photo, algorithms, RULES)
    (inside,) = (one for one in found if one.algorithm == "sub-pictures")
    assert inside.decision is Decision.YES and inside.places is not None and inside.places == inside.regions
    assert [place.area for place in inside.places] == pytest.approx([380 * 238 / (960 * 600), 1], abs=0.02)
    decision, relation, _ = RULES.judge(found)
    assert decision is not Decision.NO and relation is Relation.SHARES_CONTENT
