"""The rules of the settings: which tags a match gives; what they would give, tried on known pictures."""

from dataclasses import dataclass
from itertools import islice

from matcher.engine import Matcher, checked_sha256
from matcher.errors import BadSettings
from matcher.match import Match
from matcher.records import Record
from matcher.tagging import Seen, Tagger, Tagging
from matcher.tokens import Role
from matcher.ui.pages import Answered, Menu, Pages
from matcher.ui.tiles import Tile, Tiles
from matcher.ui.visit import Visit
from matcher.ui.words import N_

pages = Pages("rules", "/rules", menu=Menu(N_("Rules"), place=80, icon="M4 6h11M4 12h16M4 18h8M19 4v5M15 15v6", role=Role.REVIEW))

_NEWEST = 25
_MATCHES = 10


@dataclass(frozen=True)
class Tried:
    """What the rules would give one picture. matches: how many a search finds."""

    tile: Tile
    matches: int
    taggings: list[Tagging]


@pages.get("", role=Role.REVIEW)
def show(visit: Visit) -> Answered:
    """Show the rules, and what they would give where that is asked for."""
    visit.caller.check_unlimited()
    settings, wrong, tagger = visit.services.settings, "", None
    try:
        tagger = Tagger(settings)
    except BadSettings as error:
        wrong = str(error)
    wanted = visit.query.get("picture", "").strip()
    tried: list[Tried] | None = None
    if tagger is not None and (wanted or "try" in visit.query):
        matcher = visit.services.matcher
        records = [matcher.get(checked_sha256(wanted))] if wanted else list(islice(matcher.find(limit=_NEWEST), _NEWEST))
        tried = [_tried(visit, tagger, record) for record in records]
    return visit.render(
        "rules.html",
        rules=tagger.rules if tagger else (),
        propagate=settings["tagging.propagate"],
        wrong=wrong,
        tried=tried,
        wanted=wanted,
        newest=_NEWEST,
    )


def _tried(visit: Visit, tagger: Tagger, record: Record) -> Tried:
    matches = _matches(visit.services.matcher, record)
    book = visit.services.matcher.banks.list()
    found = tagger.taggings([Seen.of(match, record.sha256, book) for match in matches])
    return Tried(Tiles(visit).tile(record), len(matches), found)


def _matches(matcher: Matcher, record: Record) -> tuple[Match, ...]:
    return matcher.search_sha256(record.sha256, limit=_MATCHES).matches
