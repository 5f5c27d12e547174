"""The gallery: the newest pictures, with filters."""

from datetime import datetime, timedelta, timezone

from matcher.engine import Wanted
from matcher.errors import BadRequest
from matcher.tokens import Role
from matcher.ui.banks import after
from matcher.ui.pages import Answered, Menu, Pages
from matcher.ui.tiles import Tiles
from matcher.ui.visit import Visit
from matcher.ui.words import N_

pages = Pages("gallery", "/gallery", menu=Menu(N_("Gallery"), place=40, icon="M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01"))

SOURCES = {
    "": N_("anywhere"),
    "misp-attribute": N_("in MISP"),
    "ail-object": N_("in AIL"),
    "domain": N_("on a domain"),
    "url": N_("at a URL"),
    "file": N_("in a file"),
}
_EACH = 60


@pages.get("", role=Role.SEARCH)
def show(visit: Visit) -> Answered:
    """Show the newest pictures that are asked for."""
    asked = {name: visit.query.get(name, "").strip() for name in ("bank", "tag", "source", "since", "until", "cluster")}
    limited = visit.caller.banks
    banks = [bank.name for bank in visit.services.matcher.banks.list() if not limited or bank.name in limited]
    if asked["bank"]:
        visit.caller.searched_banks((asked["bank"],))
    wanted = Wanted(
        tag=asked["tag"] or None,
        bank=asked["bank"] or None,
        source=asked["source"] or None,
        since=_moment(visit, asked["since"]),
        until=_moment(visit, asked["until"], end=True),
    )
    page = visit.services.matcher.page(wanted, limit=_EACH, after=after(visit), shown=visit.caller.sees)
    tiles = Tiles(visit).of(page.records)
    if asked["cluster"] in ("yes", "no"):
        tiles = [tile for tile in tiles if bool(tile.cluster) is (asked["cluster"] == "yes")]
    kept = {name: value for name, value in asked.items() if value}
    return visit.render("gallery.html", tiles=tiles, next=page.next, asked=asked, kept=kept, banks=banks, sources=SOURCES)


def _moment(visit: Visit, text: str, end: bool = False) -> float | None:
    """Return the beginning of a day (UTC) in seconds since the epoch; end: of the day behind it."""
    if not text:
        return None
    try:
        begin = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc)
        return (begin + timedelta(days=1) if end else begin).timestamp()
    except (ValueError, OverflowError):
        raise BadRequest(visit.words.gettext("a day is written as 2026-01-31")) from None
