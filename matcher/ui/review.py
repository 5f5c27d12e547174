"""The review page: pairs that wait for a person."""

from matcher.tokens import Role
from matcher.ui.pages import Answered, Menu, Pages
from matcher.ui.visit import Visit
from matcher.ui.words import N_

pages = Pages("review", "/review", menu=Menu(N_("Review"), place=20, icon="M3 5h8v14H3zM13 5h8v14h-8M15 13l2 2 3-4", role=Role.REVIEW))


@pages.get("", role=Role.REVIEW)
def show(visit: Visit) -> Answered:
    """Show the next pair."""
    return visit.render("review.html")
