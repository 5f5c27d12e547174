"""Labelling by dragging and by keys, the calibration, the dashboard: in a real browser, on real pictures."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from matcher.dashboard import by_day
from matcher.decision import Rules
from matcher.labelling import Group, Labellings
from matcher.match import Decision
from matcher.queues import Length, Lengths, Told
from matcher.reviews import Verdict
from matcher.truth import GroundTruth
from matcher.ui import dashboard
from tests.matcher.ui.boards import tied
from tests.matcher.ui.chromium import TABLET, fits, readable

KINDS = {
    "tinlark": ("baseline/tinlark-login.png", "queries/tinlark-half.webp", "queries/tinlark-phishing-warning.jpg"),
    "others": ("baseline/ovalquay-login.png", "seen/courier-news.webp", "seen/octopus-drawing.png"),
}


@pytest.fixture
def known(services, sample) -> Iterator[dict[str, list[str]]]:
    """Real pictures in the store: their SHA-256."""
    add = services.matcher.add
    yield {kind: [add(sample(name).read_bytes()).record.sha256 for name in names] for kind, names in KINDS.items()}


def drag(page: Page, sha256: str, zone: str, steps: int = 8) -> None:
    piece = page.locator(f"[data-picture='{sha256}']")
    piece.scroll_into_view_if_needed()
    start = piece.bounding_box()
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + 30)
    page.mouse.down()
    page.mouse.move(start["x"] + start["width"] / 2 + 20, start["y"] + 40, steps=3)
    end = page.locator(f"[data-zone='{zone}']").bounding_box()
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + min(60, end["height"] / 2), steps=steps)
    assert page.locator(".ghost").count() == 1
    page.mouse.up()
    assert page.locator(".ghost").count() == 0


def kept(page: Page, version: int) -> None:
    """Wait until so many changes are kept."""
    page.locator(f"#board[data-saved='yes'][data-version='{version}']").wait_for()


def test_pictures_are_sorted_by_dragging_into_a_ground_truth(visit, services, known):
    page = visit().go("/labelling")
    readable(page)
    page.get_by_label("Name").fill("Autumn")
    page.locator("input[name=count]").fill("6")
    page.get_by_role("button", name="Draw pictures").click()
    page.wait_for_url("**/labelling/*-*")
    assert page.locator("[data-picture]").count() == 6
    readable(page)
    fits(page)
    one, other, third = known["others"]
    drag(page, one, "new")
    drag(page, other, "group-0" if page.locator("[data-zone='group-1']").count() == 0 else "group-1")
    drag(page, third, "singles")
    page.get_by_label("Name of group 1").fill("Tinlark")
    page.get_by_label("Name of group 1").press("Enter")
    page.locator("#told", has_text="6 of 6 decided, 2 groups").wait_for()
    kept(page, 5)
    with page.expect_download() as download:
        page.get_by_role("link", name="Ground truth").click()
    truth = GroundTruth.from_json(json.loads(download.value.path().read_text()))
    assert {frozenset(names) for names in truth.clusters.values()} == {frozenset(known["tinlark"]), frozenset((one, other))}
    assert truth.singles == (third,) and "01 Tinlark" in truth.clusters
    assert services.matcher.get(one).cluster == ""  # labels are for the calibration alone


def test_pictures_are_sorted_by_keys_alone(visit, services, known):
    pictures = [*known["tinlark"], *known["others"]]
    made = Labellings(services.matcher.collection.store).begin("keys", "ana", undecided=pictures)
    page = visit(viewport=TABLET).go(f"/labelling/{made.id}")
    page.locator(f"[data-picture='{pictures[0]}']").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.keyboard.press("n")  # both are chosen: a new group of two
    kept(page, 2)
    page.keyboard.press("1")  # the next one is where the focus went
    page.keyboard.press("a")
    page.keyboard.press("a")
    kept(page, 5)
    page.keyboard.press("z")
    kept(page, 6)
    labelling = Labellings(services.matcher.collection.store).get(made.id)
    assert labelling.groups == (Group("", tuple(pictures[:3])),)
    assert (labelling.singles, labelling.undecided) == ((pictures[3],), tuple(pictures[4:]))
    readable(page)
    fits(page)


def test_what_somebody_else_changed_is_not_overwritten(visit, services, known):
    labellings = Labellings(services.matcher.collection.store)
    made = labellings.begin("two", "ana", undecided=[*known["tinlark"], *known["others"]])
    window = visit()
    window.expected.append("409")
    page = window.go(f"/labelling/{made.id}")
    labellings.save(made.sorted_anew([], made.pictures, []), "bob")
    drag(page, known["others"][0], "singles")
    page.get_by_text("somebody else changed the labelling").wait_for()
    page.get_by_role("button", name="Load anew").click()
    page.locator("#told", has_text="6 of 6 decided").wait_for()


def test_a_handle_a_bound_and_what_would_change(visit, services, known):
    labellings = Labellings(services.matcher.collection.store)
    labellings.begin("labels", "ana", [Group("", tuple(known["tinlark"]))], known["others"])
    one, other = (services.matcher.get(sha256) for sha256 in known["others"][:2])
    services.matcher.clustering.review(one, other, Verdict.DIFFERENT, "ana")
    page = visit().go("/calibration")
    readable(page)
    page.get_by_role("button", name="Compare the pictures").click()
    page.locator("#told", has_text="6 pictures, 3 pairs that belong together, 12 different ones").wait_for()
    assert {"pdq", "local"} <= set(page.locator(".curve-card h3").all_inner_texts())
    assert page.locator("#changed").is_hidden()
    readable(page)
    fits(page)
    for bound in page.locator("input[type=range]").all():
        bound.fill("0")
    page.locator("#calibration[data-told='changed']").wait_for()
    page.locator(".change-worse").first.wait_for()
    readable(page)
    page.get_by_role("button", name="As it is in force").click()
    page.locator("#changed").wait_for(state="hidden")
    page.get_by_role("button", name="Find bounds").click()
    page.locator("#worth .warning").first.wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Rules file").click()
    rules = Rules.load(download.value.path())
    assert rules != services.matcher.rules and rules.bounds("pdq")[0] <= rules.bounds("pdq")[1]


def test_a_handle_is_dragged(visit, services, known):
    Labellings(services.matcher.collection.store).begin("labels", "ana", [Group("", tuple(known["tinlark"]))], known["others"])
    page = visit().go("/calibration")
    page.get_by_role("button", name="Compare the pictures").click()
    page.locator(".curve-card").first.wait_for()
    curve, slider = page.locator(".curve-card").first.locator("svg.curve"), page.locator(".curve-card").first.locator("input").nth(1)
    curve.scroll_into_view_if_needed()
    box, before = curve.bounding_box(), float(slider.input_value())
    page.mouse.move(box["x"] + box["width"] * before, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.5, steps=5)
    page.mouse.up()
    assert abs(float(slider.input_value()) - 0.9) < 0.02
    page.locator("#calibration[data-told='changed']").wait_for()


def test_the_dashboard_tells_how_it_goes(visit, services, sample):
    records = tied(services.matcher, 1, 3)[0]
    services.matcher.clustering.review(records[0], records[1], Verdict.SAME, "ana")
    for decision in (Decision.YES, Decision.YES, Decision.MAYBE, Decision.NO):
        services.matcher.tally.decided(decision)
    for alerts in (0, 0, 0, 2):
        services.matcher.tally.message(alerts)
    page = visit().go("/dashboard")
    values = dict(zip(page.locator(".stat-name").all_inner_texts(), page.locator(".stat-value").all_inner_texts(), strict=True))
    assert values["Known pictures"] == "3" and values["Searches"] == "4" and values["Alerts per 1,000 messages"] == "250"
    assert page.get_by_text("50 % YES, 25 % MAYBE").is_visible()
    assert page.get_by_text("Redis keeps an append-only file").is_visible()
    readable(page)
    fits(page)
    assert sum(day.reviews for day in by_day(services.matcher.collection, services.matcher.tally, 3)) == 1
    fits(visit(viewport=TABLET).go("/dashboard"))


def test_the_dashboard_tells_what_waits_elsewhere(visit, monkeypatch):
    there = Told("AIL", Lengths((Length("KuatoImages", 1200, 4, 2, 1),), 1))
    monkeypatch.setattr(dashboard, "told", lambda settings: [there, Told("Mail", why="its server is away")])
    page = visit().go("/dashboard")
    assert page.get_by_role("row", name="KuatoImages 1,200 4 2 1").is_visible()
    assert page.get_by_text("1 tag waits to be taken.").is_visible()
    assert page.get_by_text("It cannot be told: its server is away").is_visible()
    readable(page)
    fits(page)


def test_labelling_and_rules_are_for_reviewers(visit, account, log_in):
    window = visit()
    window.expected.append("403")
    log_in(window, "vic", account("vic", "viewer"))
    for path in ("/labelling", "/calibration", "/rules", "/banks/set-up", "/clusters/waiting"):
        assert window.go(path).get_by_role("heading", name="That is not yours to do").is_visible()
