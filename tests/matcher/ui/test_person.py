"""Logging in, in a real browser: who sees what, and what ends it."""

from matcher.accounts import Accounts
from tests.matcher.ui.chromium import fits, readable


def test_before_the_first_account_whoever_uses_this_machine_may_look(visit):
    page = visit().go("/")
    assert page.url.endswith("/search")
    page.goto(page.url.replace("/search", "/me"))
    assert page.get_by_role("heading", name="anonymous").is_visible()
    readable(page)
    fits(page)


def test_logging_in_and_out(visit, account, log_in, services):
    password = account("Zoë", "reviewer")
    window = visit()
    page = window.go("/review")
    assert "/login" in page.url
    readable(page)
    window.expected.append("401")
    page.get_by_label("Name").fill("Zoë")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Log in").click()
    assert page.get_by_role("alert").inner_text() == "This name and password do not belong together."
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/review")  # where they wanted to go
    cookie = next(one for one in page.context.cookies() if one["name"] == "kuato_session")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Lax", False)
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    page.context.add_cookies([cookie])  # a copy of it is of no use any more
    assert "/login" in window.go("/review").url
    log_in(window, "Zoë", password)
    Accounts(services.matcher.collection.store).change("Zoë", role="viewer")
    assert "/login" in window.go("/search").url  # another role: log in anew
    log_in(window, "Zoë", password)
    window.expected.append("403")
    page = window.go("/review")
    assert page.get_by_role("heading", name="That is not yours to do").is_visible()
    assert not page.get_by_role("link", name="Review", exact=True).is_visible()
    readable(page)


def test_the_look_and_the_language_are_kept(visit):
    window = visit(color_scheme="light")
    page = window.go("/search")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate(ground)
    assert light != dark
    page.reload()
    assert page.evaluate(ground) == dark
    page.get_by_label("Language").select_option("fr")
    page.wait_for_function("() => document.documentElement.lang === 'fr'")
    assert page.get_by_role("link", name="Recherche").is_visible()


def test_what_is_not_there_is_told_in_plain_words(visit):
    window = visit()
    window.expected.append("404")
    page = window.go("/nowhere")
    assert page.get_by_role("heading", name="There is nothing here").is_visible()
    readable(page)
