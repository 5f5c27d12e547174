"""Banks from nothing to a baseline, changed and deleted; the gallery; the rules: in a real browser, on real pictures."""

from playwright.sync_api import expect

from tests.matcher.ui.boards import tied
from tests.matcher.ui.chromium import PATIENCE, TABLET, fits, readable


def test_from_nothing_to_a_baseline_bank(visit, services, sample):
    window = visit()
    page = window.go("/banks")
    readable(page)
    page.get_by_role("link", name="Set up a brand").first.click()
    readable(page)
    page.get_by_label("Name of the bank").fill("Tinlark «Банк»")
    pages = [sample("baseline/tinlark-login.png"), sample("baseline/ovalquay-login.png"), sample("queries/octopus-crop.png")]
    page.locator("#files").set_input_files(pages[:2])
    # One more is dropped, as a browser hands it over.
    data = page.evaluate_handle(
        """async ([name, bytes]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], name, {type: "image/png"}));
          return transfer;
        }""",
        [pages[2].name, list(pages[2].read_bytes())],
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": data})
    assert page.locator(".dropped-one").count() == 3
    page.get_by_role("button", name="Leave octopus-crop.png out").click()
    page.get_by_label("Domains that may show").fill("tinlark.example\nlogin.tinlark.example")
    page.get_by_label("Tags that a match").fill("brand:tinlark")
    readable(page)
    page.get_by_role("button", name="Make the bank").click()
    page.get_by_role("heading", name="The bank is ready").wait_for()
    bank = services.matcher.banks.get("Tinlark «Банк»")
    assert (bank.kind, bank.domains, bank.tags) == ("baseline", ("tinlark.example", "login.tinlark.example"), ("brand:tinlark",))
    answer = services.matcher.search(sample("queries/tinlark-half.webp").read_bytes())
    assert (answer.decision.value, answer.matches[0].picture.banks) == ("YES", ("Tinlark «Банк»",))
    page.get_by_role("link", name="Look at it").click()
    assert sorted(page.locator(".tile-name").all_inner_texts()) == ["ovalquay-login.png", "tinlark-login.png"]
    readable(page)
    fits(page)


def test_a_bank_that_is_there_gains_pages(visit, services, sample):
    services.matcher.banks.create("Oval/quay", kind="baseline", domains=["ovalquay.example"])
    window = visit(viewport=TABLET)
    window.expected.append("409")
    page = window.go("/banks/set-up?name=Oval%2Fquay")
    page.locator("#files").set_input_files(sample("baseline/ovalquay-login.png"))
    page.get_by_label("Domains that may show").fill("new.example")
    fits(page)
    page.get_by_role("button", name="Make the bank").click()
    page.get_by_role("heading", name="The bank is ready").wait_for()
    assert services.matcher.banks.get("Oval/quay").domains == ("ovalquay.example", "new.example")
    assert [record.banks for record in services.matcher.find()] == [("Oval/quay",)]


def test_a_bank_is_made_changed_and_deleted(visit, services):
    records = tied(services.matcher, 1, 3)[0]
    page = visit().go("/banks/new")
    readable(page)
    page.get_by_label("Name").fill("Kits <b>")
    page.locator("select[name=kind]").select_option("known-bad")
    page.get_by_role("button", name="Make it").click()
    page.wait_for_url("**/banks/one?name=*")
    for record in records:
        services.matcher.set_banks(record.sha256, add=["Kits <b>"])
    page.reload()
    page.locator(f".tile[data-sha='{records[0].sha256}'] input").check()
    page.get_by_role("button", name="Take the chosen ones out").click()
    expect(page.locator(".tile")).to_have_count(2, timeout=PATIENCE)
    assert services.matcher.get(records[0].sha256).banks == ()
    page.get_by_text("Change it", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Kits of spring")
    page.get_by_label("Days to keep").fill("30")
    page.get_by_label("Sensitive").check()
    readable(page)
    page.get_by_role("button", name="Keep the changes").click()
    page.get_by_role("heading", name="Kits of spring").wait_for()
    bank = services.matcher.banks.get("Kits of spring")
    assert (bank.keep_days, bank.sensitive) == (30, True)
    assert page.locator(".tile-picture", has_text="sensitive").count() == 2 and page.locator(".tile img").count() == 0
    page.get_by_text("Delete it", exact=True).click()
    page.get_by_label("Write its name").fill("Kits of spring")
    page.get_by_role("button", name="Delete the bank").click()
    page.get_by_role("heading", name="There is no bank yet").wait_for()


def test_the_gallery_shows_what_its_filters_say(visit, services, sample):
    tied(services.matcher, 1, 3)
    services.matcher.banks.create("Logins")
    services.matcher.add(sample("baseline/tinlark-login.png").read_bytes(), tags=["brand:tinlark"], banks=["Logins"])
    page = visit().go("/gallery")
    assert page.locator(".tile").count() == 4
    readable(page)
    fits(page)
    for name, value, count in (
        ("bank", "Logins", 1),
        ("cluster", "no", 1),
        ("cluster", "yes", 3),
        ("source", "misp-attribute", 3),
    ):
        page.goto(page.url.partition("?")[0])
        page.locator(f"select[name={name}]").select_option(value)
        page.get_by_role("button", name="Show", exact=True).click()
        page.wait_for_url("**?*")
        assert page.locator(".tile").count() == count
    page.goto(page.url.partition("?")[0])
    page.get_by_label("Tag", exact=True).fill("brand:nobody")
    page.get_by_role("button", name="Show", exact=True).click()
    assert page.get_by_role("heading", name="No picture is so").is_visible()


def test_thumbnails_are_covered_until_somebody_looks_and_never_there_for_sensitive_ones(visit, services, served_with, sample, settings):
    from matcher.engine import Matcher

    with Matcher.open(settings.with_overrides({"thumbnails.enabled": True})) as matcher:
        matcher.banks.create("hush", sensitive=True)
        shown = matcher.add(sample("baseline/tinlark-login.png").read_bytes()).record
        hidden = matcher.add(sample("baseline/ovalquay-login.png").read_bytes(), banks=["hush"]).record
    window = visit()
    page = window.go("/gallery")
    veil = page.locator(f".tile[data-sha='{shown.sha256}'] .veil")
    blurred = "veil => getComputedStyle(veil.querySelector('img')).filter"
    assert "blur" in veil.evaluate(blurred)
    veil.click()
    assert veil.evaluate(blurred) == "none"
    assert veil.locator("img").evaluate("img => img.decode().then(() => img.naturalWidth)") > 0
    assert page.locator(f".tile[data-sha='{hidden.sha256}'] img").count() == 0
    readable(page)
    window.expected.append("404")
    assert page.request.get(f"{window.base}/thumbnails/{hidden.sha256}").status == 404
    assert page.request.get(f"{window.base}/thumbnails/{shown.sha256}").headers["content-type"] == "image/webp"


def test_the_rules_are_shown_and_tried(visit, services, served_with, sample):
    services.matcher.banks.create("Kits", kind="known-bad")
    known = services.matcher.add(sample("baseline/tinlark-login.png").read_bytes(), banks=["Kits"]).record
    services.matcher.add(sample("queries/tinlark-half.webp").read_bytes())
    rules = ({"kind": "known-bad", "tags": ["kuato:known-bad"], "on": "event"},)
    page = visit(served_with(tagging__rules=rules)).go("/rules")
    assert page.get_by_text("kuato:known-bad").count() == 1
    page.get_by_role("button", name="Try the newest").click()
    assert page.locator("tbody tr", has_text="event, rule 1").count() == 1
    readable(page)
    assert services.matcher.get(known.sha256).tags == ()
    page = visit(served_with(tagging__rules=({"tags": ["x"], "kind": "nothing"},))).go("/rules")
    assert "tagging.rules, rule 1" in page.get_by_role("alert").inner_text()
