"""The search page: whether a picture has been seen before, and why one may think so."""

from matcher.tokens import Role
from matcher.ui.pages import Answered, Menu, Pages
from matcher.ui.visit import Visit
from matcher.ui.words import N_

pages = Pages("search", "/search", menu=Menu(N_("Search"), place=10, icon="M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM16 16l5 5"))


@pages.get("", role=Role.SEARCH)
def show(visit: Visit) -> Answered:
    """Show where to drop a picture."""
    return visit.render("search.html")
