"""The search page in a real browser: what it answers, and what can be done with the answer."""

import hashlib

import pytest

from matcher.source import Source
from tests.matcher.ui.chromium import TABLET, fits, readable

QUERY, KNOWN = "queries/ovalquay-in-browser.png", "baseline/ovalquay-login.png"


@pytest.fixture
def matcher(services, sample):
    services.matcher.banks.create("brands", kind="baseline", tags=["phishing:brand"])
    services.matcher.banks.create("ignored", kind="ignore")
    seen = [Source("file", "Zo\u00eb \u202egnp.exe", 1e9, 1e9)]
    services.matcher.add(sample(KNOWN).read_bytes(), sources=seen, banks=["brands"], tags=["login", "\u0634\u0639\u0627\u0631"])
    return services.matcher


@pytest.fixture
def search(visit, sample):
    """Choose a picture on the search page; the window, once it is answered."""

    def choose(name=QUERY, at=None, **options):
        window = visit(at, **options)
        page = window.go("/search")
        page.locator("#file").set_input_files(sample(name))
        page.locator(".answer").wait_for()
        return window

    return choose


def sha_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_one_glance(matcher, search):
    page = search().page
    assert page.locator(".verdict-word").inner_text() == "YES"
    assert page.get_by_role("heading", name="Part of this picture is known.").is_visible()
    assert page.locator('[data-shot="own"] image').get_attribute("href").startswith("blob:")  # the browser's own file
    # The region that agrees is drawn on both, also where there is no picture of the known one.
    assert page.locator(".match:not([hidden]) .region rect").count() == 2
    assert page.get_by_text("No thumbnail is kept").is_visible()
    assert "details lie alike" in page.locator(".evidence-yes").first.inner_text()
    assert page.get_by_label("Banks").first.inner_text() == "brands"
    assert "phishing:brand" in page.locator(".match:not([hidden])").inner_text()
    readable(page)
    fits(page)


def test_pictures_are_blurred_until_clicked(matcher, search):
    page = search().page
    picture = page.locator('[data-shot="own"] image')
    assert "blur" in picture.evaluate("each => getComputedStyle(each).filter")
    page.get_by_role("button", name="Show", exact=True).click()
    assert picture.evaluate("each => getComputedStyle(each).filter") == "none"


def test_what_is_of_others_is_text_and_stays_in_its_place(matcher, search, sample):
    window = search()
    assert "\u0634\u0639\u0627\u0631" in window.page.locator(".match:not([hidden]) .tag bdi").all_inner_texts()
    assert window.page.locator(".where bdi").first.inner_text() == "Zo\u00eb \\u202egnp.exe"
    sha256 = sha_of(sample(KNOWN))
    matcher.tag(sha256, ['<img src=x onerror="alert(1)">'])
    window.page.locator("#file").set_input_files(sample(QUERY))
    window.page.get_by_text('<img src=x onerror="alert(1)">').wait_for()
    assert window.page.locator("img[onerror]").count() == 0


def test_rejected_it_never_matches_again_until_that_is_undone(matcher, search, sample):
    window = search()
    page = window.page
    page.get_by_role("button", name="Reject").click()
    page.get_by_text("Rejected: the two will not match again.").wait_for()
    assert page.locator(".verdict-word").inner_text() == "NO"
    query, known = sha_of(sample(QUERY)), sha_of(sample(KNOWN))
    assert matcher.search(sample(QUERY).read_bytes(), exclude=lambda record: record.sha256 == query).matches == ()
    assert matcher.collection.reviews.get(query, known).who == "anonymous"
    page.get_by_role("button", name="Undo").click()
    page.locator(".verdict-yes").wait_for()
    assert matcher.collection.reviews.get(query, known) is None


def test_confirmed_it_is_yes_and_in_one_cluster(matcher, search, sample):
    page = search("queries/tinlark-half.webp").page
    assert page.locator(".verdict-word").inner_text() == "NO"
    page = search().page
    page.get_by_role("button", name="Confirm").click()
    page.get_by_text("Confirmed: the two match with YES from now on.").wait_for()
    record = matcher.get(sha_of(sample(KNOWN)))
    assert record.cluster and matcher.get(sha_of(sample(QUERY))).cluster == record.cluster
    page.get_by_text("a person said that it is the same picture").wait_for()
    readable(page)


def test_tagged_banked_and_ignored(matcher, search, sample):
    page = search().page
    page.get_by_role("button", name="Tag …").click()
    readable(page)
    page.get_by_label("Tag", exact=True).fill("kit:ovalquay")
    page.locator("#tag-dialog").get_by_role("button", name="Tag").click()
    page.get_by_text("The tag is given.").wait_for()
    page.get_by_role("button", name="Put into a bank …").click()
    page.locator("#bank-dialog select").select_option("brands")
    page.locator("#bank-dialog").get_by_role("button", name="Put it there").click()
    page.get_by_text("It is in the bank brands.").wait_for()
    record = matcher.get(sha_of(sample(QUERY)))
    assert (record.tags, record.banks) == (("kit:ovalquay",), ("brands",))
    assert record.sources[0].key == "file:ovalquay-in-browser.png"
    page.get_by_role("button", name="Ignore").click()
    page.get_by_text("It is ignored from now on, by the bank ignored.").wait_for()
    assert "ignored" in matcher.get(record.sha256).banks


def test_by_sha256_address_uuid_and_ail_id(matcher, visit, sample, services):
    data, uuid = sample(KNOWN).read_bytes(), "5f9c8b1e-1111-4222-8333-944455566677"
    sources = [Source("misp-attribute", uuid), Source("ail-object", "image::abc"), Source("url", "https://evil.example/a.png")]
    sha256 = matcher.add(data, sources=sources).record.sha256
    window = visit()
    page = window.go("/search")
    for what in (sha256.upper(), uuid, "image::abc", "hxxps://evil[.]example/a.png"):
        page.get_by_label("or what you have of it").fill(what)
        page.get_by_role("button", name="Look up").click()
        page.locator(f'.answer[data-sha="{sha256}"]').wait_for()
        page.evaluate("document.getElementById('answer').replaceChildren()")
    assert page.url.endswith(f"/search?what={sha256}")
    page.reload()
    page.locator(f'.answer[data-sha="{sha256}"]').wait_for()
    assert page.locator('a[href*="evil.example"]').count() == 0  # nobody goes there by accident
    assert page.get_by_text("hxxps://evil.example/a.png").is_visible()
    window.expected.append("404")
    page.get_by_label("or what you have of it").fill("nothing of the kind")
    page.get_by_role("button", name="Look up").click()
    assert "nothing is known by this" in page.get_by_role("alert").inner_text()


def test_links_lead_to_misp_and_ail(served_with, matcher, search, sample):
    uuid = "5f9c8b1e-1111-4222-8333-944455566677"
    seen = [Source("misp-attribute", uuid, 1e9, 1e9), Source("ail-object", "screenshot::ab12", 1e9, 1e9)]
    matcher.add(sample(KNOWN).read_bytes(), sources=seen)
    page = search(at=served_with(misp__link_base="https://misp.example", ail__link_base="https://ail.example")).page
    links = {link.get_attribute("href") for link in page.locator(".sources a").all()}
    assert links == {
        f"https://misp.example/attributes/view/{uuid}",
        "https://ail.example/correlation/show?type=screenshot&subtype=&id=ab12",
    }


def test_a_viewer_looks_and_does_nothing(matcher, visit, sample, account, log_in):
    window = visit()
    log_in(window, "ana", account("ana", "viewer"))
    window.page.locator("#file").set_input_files(sample(QUERY))
    window.page.locator(".answer").wait_for()
    assert window.page.locator("[data-act]").count() == 0


def test_a_picture_larger_than_a_stranger_may_send(matcher, visit, account, log_in, tmp_path):
    """What is beyond a megabyte is received only from those who are known: by their cookie, too."""
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(1).integers(0, 256, (1080, 1920, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    assert (tmp_path / "noise.png").stat().st_size > 4 << 20
    window = visit()
    log_in(window, "ana", account("ana", "viewer"))
    window.page.locator("#file").set_input_files(tmp_path / "noise.png")
    window.page.locator(".verdict-no").wait_for()


def test_on_a_tablet_and_with_what_is_no_picture(matcher, search, tmp_path):
    window = search(viewport=TABLET)
    fits(window.page)
    window.expected.append("415")
    (tmp_path / "letter.txt").write_text("Dear Sirs")
    window.page.locator("#file").set_input_files(tmp_path / "letter.txt")
    assert "letter.txt" in window.page.get_by_role("alert").inner_text()
    readable(window.page)
