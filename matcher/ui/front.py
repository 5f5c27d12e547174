"""Puts the pages of all installed packages into the application: checks before, headers after, errors in plain words."""

import json
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, g, redirect, request, url_for
from markupsafe import Markup

import matcher
from matcher.doors import offered
from matcher.errors import KuatoError, Refused, Unauthorized
from matcher.tokens import Role
from matcher.ui.pages import Menu, Page, Pages
from matcher.ui.person import LANGUAGE, LOOK
from matcher.ui.shown import bdi, short
from matcher.ui.static import Static
from matcher.ui.visit import Visit
from matcher.ui.words import N_, all_words, chosen
from matcher.web.access import Caller, Door
from matcher.web.people import COOKIE, People
from matcher.web.reading import check_size
from matcher.web.services import Services

GROUP = "kuato.pages"
LOOKS = ("light", "dark")
_YEAR = 365 * 86_400
_PEOPLE = {Role.SEARCH: N_("viewer"), Role.WRITE: N_("reviewer"), Role.REVIEW: N_("reviewer"), Role.ADMIN: N_("admin")}
_NOBODY = Caller("nobody", Role.SEARCH)
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
}


class Front:
    """The pages of one application. pages: what to show, by default those of all installed packages."""

    def __init__(self, services: Services, people: People, door: Door, pages: Iterable[Pages] | None = None) -> None:
        self._services, self._people, self._door = services, people, door
        self._pages: list[Pages] = list(pages) if pages is not None else offered(GROUP, Pages)
        self._languages = all_words()
        self._static = Static(Path(__file__).parent / "static")
        menus = [(each.menu, f"{each.name}.{each.menu.handler}") for each in self._pages if each.menu is not None]
        self._menu = sorted(menus, key=lambda entry: entry[0].place)

    def attach(self, app: Flask) -> None:
        """Add the pages to an application."""
        own = Blueprint("ui", __name__, template_folder="templates")
        own.add_url_rule("/ui/<version>/<path:file>", "static", self._static.answer)
        own.add_url_rule("/", "home", lambda: redirect(url_for("search.show"), 303))
        app.register_blueprint(own)
        for pages in self._pages:
            folder = str(pages.folder) if pages.folder else None
            blueprint = Blueprint(pages.name, __name__, template_folder=folder)
            for page in pages.pages:
                blueprint.add_url_rule(page.path, page.name, self._view(page), methods=[page.method], provide_automatic_options=False)
            app.register_blueprint(blueprint)
        app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
        app.jinja_env.finalize = lambda value: value.value if isinstance(value, Enum) else value
        app.jinja_env.add_extension("jinja2.ext.i18n")
        app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
            lambda text: _visit().words.gettext(text),
            lambda one, many, count: _visit().words.ngettext(one, many, count),
            newstyle=True,
        )
        app.jinja_env.filters |= {"bdi": bdi, "short": short}
        app.jinja_env.globals |= {
            "menu": self._menu_of,
            "static": lambda file: url_for("ui.static", version=self._static.version, file=file),
            "version": matcher.__version__,
            "look": lambda: _visit().wish(LOOK, LOOKS),
            "block": _block,
            # Pages on clusters are another package's matter; where there are none, there is no link.
            "clusters_waiting": lambda: url_for("clusters.waiting") if "clusters.waiting" in app.view_functions else "",
            "cluster_address": lambda cluster: url_for("clusters.one", cluster=cluster) if "clusters.one" in app.view_functions else "",
        }

    def concerns(self) -> bool:
        """Whether the request is of somebody who wants to see a page, also where there is none."""
        if g.get("page") is None and (g.get("operation") is not None or request.path.startswith("/api/")):
            return False
        accepted = request.accept_mimetypes
        return bool(accepted["text/html"] > accepted["application/json"])

    def failed(self, error: KuatoError, message: str) -> Response:
        """Return the page that says what went wrong, or the way to where one logs in."""
        if isinstance(error, Unauthorized) and request.method == "GET" and request.endpoint != "person.login":
            wanted = request.full_path.rstrip("?") if request.path != "/" else None
            return _sent(url_for("person.login", next=wanted))
        visit: Visit = g.get("visit") or self._visit({})
        g.visit = visit
        return self._finished(visit, visit.render("error.html", error.status, error=error, message=message))

    def _view(self, page: Page) -> Callable[..., Response]:
        def view(**path: str) -> Response:
            g.page = page
            visit = g.visit = g.call = self._visit(path)
            check_size(request, self._services.settings["web.max_body"])
            _ = visit.words.gettext
            self._recognise(visit, required=page.role is not None)
            self._people.check_token(request)
            if page.role is not None and visit.caller.role < page.role:
                needed, has = (_(_PEOPLE[role]) for role in (page.role, visit.caller.role))
                raise Refused(_("this needs the role {needed}, yours is {has}; ask an admin").format(needed=needed, has=has))
            return self._finished(visit, page.handler(visit))

        return view

    def _recognise(self, visit: Visit, required: bool) -> None:
        try:
            visit.caller = self._door.caller(request)
            visit.known = True
        except Unauthorized:
            if required:
                raise

    def _visit(self, path: dict[str, str]) -> Visit:
        browser = self._people.browser(request) or self._people.sessions.new()
        accepted = [tag for tag, _ in request.accept_languages]
        words = chosen(self._languages, request.cookies.get(LANGUAGE, ""), accepted)
        return Visit(self._services, self._people, browser, words, self._languages, _NOBODY, path=path)

    def _finished(self, visit: Visit, response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        where: dict[str, Any] = {"path": request.script_root + "/", "secure": request.is_secure, "samesite": "Lax"}
        if request.cookies.get(COOKIE) != visit.browser.cookie:
            response.set_cookie(COOKIE, visit.browser.cookie, httponly=True, **where)
        for name, value in visit.cookies:
            response.set_cookie(name, value, max_age=_YEAR, **where)
        return response

    def _menu_of(self, visit: Visit) -> list[tuple[Menu, str, bool]]:
        """Return the entries that a visitor sees: what, where to, whether that is where they are."""
        here = (request.endpoint or "").partition(".")[0]
        return [(menu, url_for(endpoint), endpoint.partition(".")[0] == here) for menu, endpoint in self._menu if visit.may(menu.role)]


def _visit() -> Visit:
    visit: Visit = g.visit
    return visit


def _sent(address: str) -> Response:
    return Response(b"", 303, {"Location": address})


def _block(value: Any) -> Markup:
    """Return a value as JSON that can stand in a <script type="application/json">."""
    text = json.dumps(value, ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704 - nothing of HTML is left
