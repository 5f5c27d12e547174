"""What many unrelated pictures show counts for nothing."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageDraw

from matcher.engine import Matcher
from matcher.match import Answer, Decision
from matcher.settings import Settings
from matcher.shared_overlays import NOTE
from tests.matcher.fingerprints.drawn import file, page, photo, saved


def dialog() -> Image.Image:
    """A cookie dialog, with enough upon it to be recognised."""
    image = Image.new("RGB", (600, 420), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 599, 419), outline=(30, 30, 30), width=3)
    random = np.random.default_rng(7)
    for line in range(22):
        draw.text((20, 16 + 15 * line), "".join(chr(97 + c) for c in random.integers(0, 26, 90)), fill=(20, 20, 20))
    for n, colour in enumerate(((20, 120, 60), (150, 150, 160), (30, 70, 160))):
        draw.rounded_rectangle((20 + 135 * n, 365, 140 + 135 * n, 405), 6, fill=colour)
        draw.text((40 + 135 * n, 378), ("accept all", "reject", "settings")[n], fill=(255, 255, 255))
    return image


def behind_dialog(background: Image.Image) -> bytes:
    shown = background.copy()
    shown.paste(dialog(), (180, 90))
    return saved(shown)


@pytest.fixture
def matcher(settings: Settings) -> Iterator[Matcher]:
    with Matcher.open(settings.with_overrides({"search.overlay_clusters": 3, "cluster.automatic": False})) as made:
        yield made


def cluster_of(matcher: Matcher, seed: int) -> None:
    """Add a page without and with the dialog, which are one cluster."""
    plain, behind = (matcher.add(data).record for data in (saved(page(seed)), behind_dialog(page(seed))))
    matcher.collection.clusters.found(plain, behind, ())


def decisions(answer: Answer) -> dict[str, Decision]:
    return {match.picture.sha256: match.decision for match in answer.matches}


def notes(answer: Answer) -> set[str]:
    return {one.note for match in answer.matches for one in match.evidence}


def test_a_large_dialog_in_common_says_too_much(matcher: Matcher) -> None:
    known = matcher.add(behind_dialog(page(1))).record.sha256
    assert decisions(matcher.search(behind_dialog(page(2)))) == {known: Decision.YES}
    assert decisions(matcher.search(behind_dialog(photo(1)))) == {known: Decision.MAYBE}


def test_what_is_ignored_counts_for_nothing_in_other_pictures(matcher: Matcher) -> None:
    matcher.banks.create("dialogs", kind="ignore")
    known = matcher.add(behind_dialog(page(1))).record.sha256
    ignored = matcher.add(saved(dialog()), banks=["dialogs"]).record.sha256
    answer = matcher.search(behind_dialog(page(2)))
    assert decisions(answer) == {known: Decision.MAYBE} and NOTE in notes(answer)
    assert [match.picture.sha256 for match in answer.suppressed] == [ignored]
    assert decisions(matcher.search(behind_dialog(photo(1)))) == {}


def test_a_copy_is_found_all_the_same(matcher: Matcher) -> None:
    matcher.banks.create("dialogs", kind="ignore")
    matcher.add(saved(dialog()), banks=["dialogs"])
    known = matcher.add(behind_dialog(page(2))).record.sha256
    copy = Image.open(io.BytesIO(behind_dialog(page(2)))).resize((720, 450))
    assert decisions(matcher.search(saved(copy, "JPEG", 80))) == {known: Decision.YES}


def test_what_many_clusters_share_counts_for_less(matcher: Matcher) -> None:
    cluster_of(matcher, 1)
    cluster_of(matcher, 3)
    assert Decision.YES in decisions(matcher.search(behind_dialog(page(2)))).values()
    cluster_of(matcher, 4)
    answer = matcher.search(behind_dialog(page(2)))
    assert Decision.YES not in decisions(answer).values() and NOTE in notes(answer)


@pytest.mark.parametrize("kind", ["baseline", "known-bad"])
def test_but_not_of_pictures_that_somebody_looks_for(matcher: Matcher, kind: str) -> None:
    for seed in (1, 3, 4):
        cluster_of(matcher, seed)
    matcher.banks.create("brand", kind=kind)
    wanted = matcher.add(behind_dialog(page(5)), banks=["brand"]).record.sha256
    found = decisions(matcher.search(behind_dialog(page(2))))
    assert [sha256 for sha256, decision in found.items() if decision is Decision.YES] == [wanted]


def test_a_photograph_is_found_however_many_pages_show_it(matcher: Matcher) -> None:
    known = matcher.add(file("photo")).record.sha256
    before = decisions(matcher.search(file("photo:in-page")))[known]
    for seed in range(3):
        records = [matcher.add(file(f"photo:in-page{'2' * (seed > 0)}") + bytes([seed, n])).record for n in range(2)]
        matcher.collection.clusters.found(records[0], records[1], ())
    assert decisions(matcher.search(file("photo:in-page")))[known] is before


def test_pictures_in_no_cluster_make_nothing_common(matcher: Matcher) -> None:
    for seed in (1, 3, 4):
        matcher.add(behind_dialog(page(seed)))
    assert Decision.YES in decisions(matcher.search(behind_dialog(page(2)))).values()
