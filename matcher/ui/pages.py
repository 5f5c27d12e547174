"""How a page is declared, and how a package offers some.

    pages = Pages("stamps", "/stamps", menu=Menu(N_("Stamps"), place=70, icon="M4 4h16v16H4z"))

    @pages.get("", role=Role.SEARCH)
    def show(visit: Visit) -> Answered:
        return visit.render("stamps.html", stamps=visit.services.matcher...)

    @pages.post("/new", role=Role.ADMIN, audit="stamps.create")
    def create(visit: Visit) -> Answered:
        return visit.go("stamps.show")

and in pyproject.toml:

    [project.entry-points."kuato.pages"]
    stamps = "my_package.stamps:pages"

Who may ask, and that a changing request came from one of our own pages, is checked before a handler is called.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from flask import Response

from matcher.tokens import Role

if TYPE_CHECKING:
    from matcher.ui.visit import Visit

Answered: TypeAlias = Response
Handler: TypeAlias = "Callable[[Visit], Answered]"


@dataclass(frozen=True)
class Menu:
    """An entry of the menu. title: English, translated where shown. place: those of less come first. icon: path of an SVG, 24 x 24.

    role: the least that sees it; the page's own by default. handler: the page that it leads to.
    """

    title: str
    place: int
    icon: str
    role: Role = Role.SEARCH
    handler: str = "show"


@dataclass(frozen=True)
class Page:
    """A declared page. path: with <name> for what varies. role: the least a visitor must have, None for a page open to all.

    audit: the action as the audit file names it, "" where nothing is noted.
    """

    method: str
    path: str
    handler: Handler
    role: Role | None
    audit: str = ""

    @property
    def name(self) -> str:
        """The name of the handler, unique within its pages."""
        return self.handler.__name__


@dataclass
class Pages:
    """Some pages under one path. name: what addresses are made from, `url_for("NAME.HANDLER")`.

    menu: None for pages that are not in the menu. folder: of templates, where they are not among Kuato's own.
    """

    name: str
    prefix: str
    menu: Menu | None = None
    folder: Path | None = None
    pages: list[Page] = field(default_factory=list)

    def get(self, path: str, *, role: Role | None, audit: str = "") -> Callable[[Handler], Handler]:
        """Declare a page that is shown."""
        return self._declare("GET", path, role, audit)

    def post(self, path: str, *, role: Role | None, audit: str = "") -> Callable[[Handler], Handler]:
        """Declare what a form, or a script of ours, asks to be done."""
        return self._declare("POST", path, role, audit)

    def _declare(self, method: str, path: str, role: Role | None, audit: str) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            self.pages.append(Page(method, self.prefix + path, handler, role, audit))
            return handler

        return declare
