"""Logging in and out, and how the pages look."""

from urllib.parse import urlsplit

from flask import request

from matcher.errors import TooManyRequests, Unauthorized
from matcher.tokens import Role
from matcher.ui.pages import Answered, Pages
from matcher.ui.visit import Visit

pages = Pages("person", "")

LOOK, LANGUAGE = "kuato_look", "kuato_language"


@pages.get("/login", role=None)
def login(visit: Visit) -> Answered:
    """Ask who it is."""
    return _form(visit)


@pages.post("/login", role=None, audit="login")
def begin(visit: Visit) -> Answered:
    """Log in."""
    name, password = visit.form.get("name", "").strip(), visit.form.get("password", "")
    visit.audited["account"] = name[:100]
    if not visit.people.may_try(request.remote_addr or "", name):
        raise TooManyRequests(visit.words.gettext("too many tries to log in; wait a minute"))
    try:
        account = visit.people.accounts.check(name, password)
    except Unauthorized:
        return _form(visit, name, wrong=True)
    visit.people.sessions.end(visit.browser)
    visit.browser = visit.people.sessions.begin(account)
    return visit.to(_inside(visit.form.get("next", "")) or "/")


@pages.post("/logout", role=None, audit="logout")
def end(visit: Visit) -> Answered:
    """Log out."""
    visit.people.sessions.end(visit.browser)
    visit.browser = visit.people.sessions.new()
    return visit.go("person.login")


@pages.post("/look", role=None)
def look(visit: Visit) -> Answered:
    """Keep how somebody wants the pages to look, and in which language."""
    if (wanted := visit.form.get("look", "")) in ("light", "dark", "auto"):
        visit.keep(LOOK, wanted)
    if (language := visit.form.get("language", "")) in visit.languages:
        visit.keep(LANGUAGE, language)
    return visit.to(_inside(visit.form.get("next", "")) or "/")


@pages.get("/me", role=Role.SEARCH)
def me(visit: Visit) -> Answered:
    """Tell somebody who they are here, and what they may do."""
    return visit.render("me.html")


def _form(visit: Visit, name: str = "", wrong: bool = False) -> Answered:
    wanted = request.values.get("next", "")
    there = visit.people.accounts.any()
    return visit.render("login.html", 401 if wrong else 200, name=name, wrong=wrong, next=_inside(wanted), accounts=there)


def _inside(address: str) -> str:
    """Return an address below our own, "" for anywhere else."""
    parts = urlsplit(address.replace("\\", "/"))
    inside = not parts.scheme and not parts.netloc and parts.path.startswith("/") and not address.startswith("//")
    return address if inside and address.isprintable() and "\\" not in address else ""
