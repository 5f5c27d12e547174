"""Clusters and their graph, in a real browser."""

import json
from xml.etree import ElementTree

from playwright.sync_api import expect

from matcher.cluster import Link
from matcher.proposals import Reason
from matcher.reviews import Verdict
from matcher.source import Source
from matcher.visjs import read_graph
from tests.matcher.ui.boards import tied
from tests.matcher.ui.chromium import PATIENCE, TABLET, fits, readable


def test_clusters_are_listed_by_size_and_shown_with_all_that_is_known(visit, services):
    (small,), (large,) = tied(services.matcher, 1, 3), tied(services.matcher, 1, 6, seed=2)
    window = visit()
    page = window.go("/clusters")
    assert page.locator(".cluster-row h2 a").all_inner_texts() == ["6 pictures", "3 pictures"]
    readable(page)
    page.get_by_role("link", name="Newest").click()
    assert page.locator(".cluster-row").count() == 2
    page.locator(".cluster-row h2 a", has_text="6 pictures").click()
    assert page.locator(".tile").count() == 6
    for text in ("shop0.wave0.example", "Wave", "Timeline"):
        assert page.get_by_text(text, exact=True).first.is_visible()
    readable(page)
    fits(page)
    tablet = visit(viewport=TABLET).go(page.url.removeprefix(window.base))
    fits(tablet)
    assert {services.matcher.get(one.sha256).cluster for one in large} != {services.matcher.get(one.sha256).cluster for one in small}


def test_a_cluster_is_split_and_merged_again(visit, services):
    ((first, *others),) = tied(services.matcher, 1, 4)
    page = visit().go(f"/clusters/{services.matcher.get(first.sha256).cluster}")
    split = page.get_by_role("button", name="Split off")
    assert split.is_disabled()
    for record in others[:2]:
        page.locator(f".tile[data-sha='{record.sha256}'] input").check()
    split.click()
    expect(page.locator(".tile")).to_have_count(2, timeout=PATIENCE)
    clusters = [services.matcher.get(record.sha256).cluster for record in (first, *others)]
    assert clusters[0] == clusters[3] != clusters[1] == clusters[2] and "" not in clusters
    page.get_by_label("Id of a cluster").fill(first.sha256)
    page.get_by_role("button", name="Merge").click()
    expect(page.locator(".tile")).to_have_count(4, timeout=PATIENCE)
    assert len({services.matcher.get(record.sha256).cluster for record in (first, *others)}) == 1


def test_a_proposal_is_decided(visit, services):
    (one, *_), (other, *_) = tied(services.matcher, 2, 2)
    names = [services.matcher.get(record.sha256).cluster for record in (one, other)]
    services.matcher.collection.proposals.add(*names, Reason.BRIDGE, [Link.between(one.id, other.id, 0.12)])
    page = visit().go("/clusters")
    page.get_by_role("link", name="1 proposal waits").click()
    assert page.get_by_text("One picture alone ties them.").is_visible()
    readable(page)
    page.get_by_role("button", name="Bring together").click()
    expect(page.locator(".tile")).to_have_count(4, timeout=PATIENCE)
    assert services.matcher.get(one.sha256).cluster == services.matcher.get(other.sha256).cluster


def test_what_was_decided_of_a_proposal_is_undone(visit, services):
    (one, *_), (other, *_) = tied(services.matcher, 2, 2)
    names = [services.matcher.get(record.sha256).cluster for record in (one, other)]
    services.matcher.collection.proposals.add(*names, Reason.BRIDGE, [Link.between(one.id, other.id, 0.12)])
    page = visit().go("/clusters/waiting")
    page.get_by_role("button", name="Bring together").click()
    page.get_by_text("Brought together, as was proposed.").wait_for()
    readable(page)
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("The decision is undone; what was proposed waits again.").wait_for()
    assert services.matcher.get(one.sha256).cluster == names[0] != services.matcher.get(other.sha256).cluster
    page.get_by_role("button", name="Leave apart").click()
    page.get_by_text("Left apart; it is not proposed again.").wait_for()
    assert page.get_by_text("Nothing waits").is_visible()
    page.keyboard.press("u")
    page.get_by_role("button", name="Leave apart").click()
    page.get_by_role("link", name="Who decided what").click()
    assert page.get_by_role("row", name="Leave apart").get_by_text("page-0.png").count() == 2
    readable(page)
    fits(page)
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Bring together").wait_for()
    page.get_by_role("link", name="Who decided what").click()
    assert page.get_by_text("Nobody decided on a proposal yet").is_visible()
    fits(visit(viewport=TABLET).go("/clusters/decided"))


def test_the_graph_shows_what_ties_pictures_and_where_they_were_seen(visit, services):
    records = tied(services.matcher, 2, 5)[0]
    services.matcher.clustering.review(records[0], records[4], Verdict.SAME, "ana")
    page = visit().go("/graph")
    page.locator("#graph[data-drawn='10']").wait_for()
    assert page.locator("#told").inner_text() == "10 pictures, 9 ties"
    page.get_by_label("Where they were seen").check()
    page.locator("#graph[data-drawn='22']").wait_for()  # five domains and an event of each cluster
    page.get_by_label("Find a picture or place").fill("page-0")
    page.get_by_label("Find a picture or place").press("Enter")
    page.locator("#chosen h2", has_text="page-0.png").wait_for()
    assert page.locator("#chosen").get_by_text("shop0.wave0.example").count() == 0  # no distance, so not among the nearest
    readable(page)
    fits(page)
    page.get_by_text("The same as a list").click()
    page.locator("#list").get_by_role("button", name="Wave", exact=True).first.click()
    assert page.locator("#chosen").get_by_text("5 pictures were seen there").is_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG", exact=True).click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def test_other_programs_get_the_graph(services, served, visit):
    records = tied(services.matcher, 1, 4)[0]
    cluster = services.matcher.get(records[0].sha256).cluster
    page = visit().go(f"/graph?cluster={cluster}")
    page.locator("#graph[data-drawn='4']").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="VisJS JSON").click()
    truth = read_graph(json.loads(download.value.path().read_text()))
    assert {name: set(members) for name, members in truth.clusters.items()} == {cluster: {record.sha256 for record in records}}
    with page.expect_download() as download:
        page.get_by_role("link", name="GraphML").click()
    root = ElementTree.parse(download.value.path()).getroot()
    assert len(list(root.iter("{http://graphml.graphdrawing.org/xmlns}node"))) == 4 + 5


def test_names_from_outside_stay_text(visit, services):
    evil = "<img src=x onerror=alert(1)>\u202egnp.exe"
    record = tied(services.matcher, 1, 2)[0][0]
    services.matcher.change(services.matcher.get(record.sha256), sources=[Source("domain", evil, 1e9, 1e9)], tags=["ملف <b>"])
    page = visit().go(f"/clusters/{services.matcher.get(record.sha256).cluster}")
    assert page.get_by_text("<img src=x onerror=alert(1)>").first.is_visible()
    assert page.locator("img[src='x']").count() == 0
    page.goto(page.url.replace("/clusters/", "/graph?cluster="))
    page.get_by_label("Where they were seen").check()
    page.get_by_text("The same as a list").click()
    page.locator("#list").get_by_text("onerror").wait_for()
    assert page.locator("img[src='x']").count() == 0


def test_a_viewer_changes_nothing_and_whoever_is_limited_sees_their_own(visit, services, account, log_in):
    (mine, *_) = records = tied(services.matcher, 1, 3)[0]
    services.matcher.banks.create("theirs")
    for record in records[:2]:
        services.matcher.set_banks(record.sha256, add=["theirs"])
    viewer, limited = account("vic", "viewer"), account("lim", "reviewer", banks=["theirs"])
    cluster = services.matcher.get(mine.sha256).cluster
    window = visit()
    log_in(window, "vic", viewer)
    page = window.go(f"/clusters/{cluster}")
    assert page.locator(".tile").count() == 3
    assert page.get_by_role("button", name="Split off").count() == page.get_by_role("button", name="Merge").count() == 0
    other = visit()
    log_in(other, "lim", limited)
    assert other.go("/clusters").locator(".cluster-row h2 a").all_inner_texts() == ["2 pictures"]
    page = other.go(f"/clusters/{cluster}")
    assert page.locator(".tile").count() == 2 and page.get_by_role("button", name="Split off").count() == 0
