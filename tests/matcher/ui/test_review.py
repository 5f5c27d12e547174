"""The review page in a real browser: pairs are judged by keyboard alone, and that changes answers at once."""

import json
import time

import cv2
import numpy as np
import pytest

from matcher.reviews import Verdict
from matcher.waiting import Waiting
from tests.matcher.ui.chromium import TABLET, fits, readable

NEXT = """pair => {
  const article = document.querySelector(".review-pair");
  return article ? article.dataset.a + article.dataset.b !== pair : !document.getElementById("nothing").hidden;
}"""
DEADLINE = 60.0  # seconds; only what is broken takes so long


def pages(count):
    """Pictures of one template with other contents each: of two such a search says MAYBE."""
    made = []
    for number in range(count):
        rng = np.random.default_rng(number)
        picture = np.full((600, 800, 3), 245, np.uint8)
        cv2.rectangle(picture, (0, 0), (800, 70), (120, 60, 20), -1)
        cv2.putText(picture, "MARROW BANK", (30, 48), cv2.FONT_HERSHEY_DUPLEX, 1.3, (255, 255, 255), 2)
        for row in range(9):
            text = "".join(rng.choice(list("abcdefghij klmnop"), 34))
            cv2.putText(picture, text, (40, 130 + 50 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (30, 30, 30), 2)
        made.append(cv2.imencode(".png", picture)[1].tobytes())
    return made


@pytest.fixture
def matcher(services):
    return services.matcher


@pytest.fixture
def waiting(matcher):
    """Pictures of which at least so many pairs wait."""

    def fill(pairs=3):
        made = 0
        for data in pages(4 + pairs):
            matcher.add(data)
            made += 1
            if Waiting(matcher).count() >= pairs:
                break
        found = Waiting(matcher).next(0, 50)
        assert len(found) >= pairs, f"{made} pictures gave {len(found)} pairs"
        return found

    return fill


def until(holds, what):
    give_up = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < give_up, what
        time.sleep(0.05)


def pair_on(page):
    article = page.locator(".review-pair")
    article.wait_for()
    return article.get_attribute("data-a"), article.get_attribute("data-b")


def test_thirty_pairs_by_keyboard_alone(matcher, waiting, visit, account, log_in):
    expected = waiting(30)
    said = review(matcher, visit, account, log_in, lambda number, pair: number % 10 == 9)
    assert len(said) >= min(30, len(expected) - 3 * 3)  # a cluster that grew settles pairs of its own


@pytest.mark.slow
def test_thirty_real_pairs_by_keyboard_alone(matcher, visit, account, log_in, shared):
    """Of labelled pictures, judged as their labels say."""
    folder = shared / "data" / "dev"
    clusters = json.loads((folder / "ground_truth.json").read_text())["clusters"]
    label = {member["file"]: cluster["id"] for cluster in clusters for member in cluster["members"]}
    name_of = {}
    for path in sorted((folder / "images").iterdir())[:90]:
        name_of[matcher.add(path.read_bytes(), name=path.name).record.sha256] = path.name
    expected = Waiting(matcher).next(0, 50)

    def same(number, pair):
        one, other = (label.get(name_of[sha256]) for sha256 in pair)
        return one is not None and one == other

    said = review(matcher, visit, account, log_in, same)
    assert len(said) >= min(30, len(expected) // 2)


def review(matcher, visit, account, log_in, same):
    """Judge up to thirty pairs by keyboard, hold what is kept and answered against it, and return the verdicts by pair."""
    window = visit()
    log_in(window, "ana", account("ana", "reviewer"))
    page = window.go("/review")
    said = {}
    for number in range(30):
        pair = pair_on(page)
        verdict = Verdict.SAME if same(number, pair) else Verdict.DIFFERENT
        page.keyboard.press("a" if verdict is Verdict.SAME else "r")
        said[frozenset(pair)] = verdict
        page.wait_for_function(NEXT, arg="".join(pair))
        if page.locator("#nothing").is_visible():
            break
    until(lambda: len(list(matcher.collection.reviews.all())) == len(said), "not all verdicts were kept")
    kept = {frozenset((one.a, one.b)): one for one in matcher.collection.reviews.all()}
    assert {pair: one.verdict for pair, one in kept.items()} == said
    assert {one.who for one in kept.values()} == {"ana"}
    for pair, verdict in said.items():
        one, other = sorted(pair)
        found = {match.picture.sha256: match.decision for match in matcher.search_sha256(one, limit=50).matches}
        assert found.get(other) == ("YES" if verdict is Verdict.SAME else None)
    return said


def test_the_most_useful_comes_first_and_skipped_ones_come_again(waiting, visit):
    pairs = waiting(3)
    assert [one.usefulness for one in pairs] == sorted((one.usefulness for one in pairs), reverse=True)
    page = visit().go("/review")
    first = pair_on(page)
    assert set(first) == {pairs[0].one.sha256, pairs[0].other.sha256}
    for pair in pairs:
        assert set(pair_on(page)) == {pair.one.sha256, pair.other.sha256}
        page.keyboard.press("s")
    page.get_by_role("heading", name="Nothing is left to judge").wait_for()
    readable(page)
    page.get_by_role("button", name="Look again, with those skipped").click()
    assert pair_on(page) == first


def test_undo(matcher, waiting, visit):
    waiting(3)
    page = visit().go("/review")
    pair = pair_on(page)
    page.keyboard.press("r")
    until(lambda: matcher.collection.reviews.get(*pair) is not None, "the verdict was not kept")
    page.keyboard.press("u")
    page.wait_for_function("a => document.querySelector('.review-pair')?.dataset.a === a", arg=pair[0])
    until(lambda: matcher.collection.reviews.get(*pair) is None, "the verdict was not withdrawn")
    assert any({one.one.sha256, one.other.sha256} == set(pair) for one in Waiting(matcher).next(0, 50))
    page.keyboard.press("a")
    until(lambda: (one := matcher.collection.reviews.get(*pair)) is not None and one.verdict is Verdict.SAME, "it was not kept")
    page.get_by_role("link", name="Who decided what").click()
    row = page.get_by_role("row").nth(1)
    assert ("anonymous" in row.inner_text(), "same" in row.inner_text()) == (True, True)
    readable(page)
    fits(page)
    row.get_by_role("button", name="Undo").click()
    until(lambda: matcher.collection.reviews.get(*pair) is None, "the verdict was not withdrawn")


def test_whole_clusters_at_once(matcher, waiting, visit):
    pairs = waiting(6)
    one, other = pairs[0].one, pairs[0].other
    third = next(each for pair in pairs for each in (pair.one, pair.other) if each.id not in (one.id, other.id))
    matcher.clustering.join(other, third)
    page = visit().go("/review")
    for _ in range(len(pairs)):
        pair = pair_on(page)
        if any(matcher.get(sha256).cluster for sha256 in pair):
            break
        page.keyboard.press("s")
    page.keyboard.press("c")
    assert page.locator("#whole").is_checked()
    ends = [matcher.get(sha256) for sha256 in pair]
    sides = [{end.id} if not end.cluster else set(matcher.collection.clusters.get(end.cluster).members) for end in ends]
    page.keyboard.press("r")
    until(lambda: matcher.collection.reviews.get(*pair) is not None, "the verdict was not kept")
    waiting_ids = [{each.one.id, each.other.id} for each in Waiting(matcher).next(0, 50)]
    assert not [ids for ids in waiting_ids if ids & sides[0] and ids & sides[1] and not ids <= sides[0] and not ids <= sides[1]]


def test_compared_side_by_side_overlaid_and_blinking(served_with, services, visit):
    url = served_with(thumbnails__enabled=True)
    from matcher.engine import Matcher

    settings = services.settings.with_overrides({"thumbnails.enabled": True, "thumbnails.side": 400})
    with Matcher.open(settings) as matcher:
        for data in pages(6):
            matcher.add(data)
        assert Waiting(matcher).next(0, 1)
    page = visit(url).go("/review")
    pair_on(page)
    seen = page.locator(".pair .seen").first
    assert "blur" in seen.evaluate("each => getComputedStyle(each).filter")
    page.keyboard.press("b")
    assert seen.evaluate("each => getComputedStyle(each).filter") == "none"
    readable(page)
    page.keyboard.press("2")
    over = page.locator(".overlay > svg").nth(1)
    assert over.evaluate("each => each.style.opacity") == "0.5"
    page.keyboard.press("ArrowRight")
    assert float(over.evaluate("each => each.style.opacity")) == pytest.approx(0.55)
    readable(page)
    page.keyboard.press("3")
    page.wait_for_function("() => document.querySelector('.overlay').classList.contains('overlay-second')")
    page.keyboard.press("1")
    assert page.locator(".pair").is_visible()
    fits(page)


def test_on_a_tablet(waiting, visit):
    waiting(1)
    page = visit(viewport=TABLET).go("/review")
    pair_on(page)
    fits(page)
    readable(page)


def test_nothing_of_a_sensitive_picture_is_shown(services, visit, served_with):
    from matcher.engine import Matcher

    url = served_with(thumbnails__enabled=True)
    settings = services.settings.with_overrides({"thumbnails.enabled": True})
    with Matcher.open(settings) as matcher:
        for data in pages(4):
            record = matcher.add(data).record
        assert matcher.collection.thumbnails.get(record)
        for each in list(matcher.find(limit=None)):
            matcher.tag(each.sha256, ['copine-scale:level="3"'])
        assert matcher.collection.thumbnails.get(matcher.get(record.sha256)) is None
    window = visit(url)
    page = window.go("/review")
    pair_on(page)
    assert page.get_by_text("Sensitive: never shown").count() == 2
    assert page.locator(".seen").count() == 0
    window.expected.append("404")
    assert window.page.goto(f"{url}/thumbnails/{record.sha256}").status == 404
