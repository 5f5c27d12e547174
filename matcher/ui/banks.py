"""Banks: listed, looked at, changed; and the way from nothing to a baseline bank."""

import re
from typing import Any

from matcher.bank import KINDS, Bank
from matcher.engine import Wanted
from matcher.errors import BadRequest
from matcher.forecast import Forecast
from matcher.tokens import Role
from matcher.ui.pages import Answered, Menu, Pages
from matcher.ui.tiles import Tiles
from matcher.ui.visit import Visit
from matcher.ui.words import N_

pages = Pages("banks", "/banks", menu=Menu(N_("Banks"), place=50, icon="M3 9l9-5 9 5M5 10v8M10 10v8M14 10v8M19 10v8M3 20h18"))

MEANINGS = {
    "baseline": N_("Legitimate pages, with the domains that may show them: whoever else shows them is suspect."),
    "known-bad": N_("Pictures of known attacks, whose matches give their tags."),
    "ignore": N_("Blank and default pages, whose matches are suppressed."),
    "observed": N_("Pictures that were merely seen."),
}
_EACH = 60


@pages.get("", role=Role.SEARCH)
def show(visit: Visit) -> Answered:
    """List the banks."""
    found = [bank for bank in visit.services.matcher.banks.list() if not visit.caller.banks or bank.name in visit.caller.banks]
    # How many pictures there are in all is not told to one who does not see them all.
    sizes = {} if visit.caller.orgs else {one.name: one for one in Forecast(visit.services.matcher.collection).banks(found)}
    return visit.render("banks.html", banks=found, sizes=sizes, meanings=MEANINGS, kinds=KINDS)


@pages.get("/one", role=Role.SEARCH)
def one(visit: Visit) -> Answered:
    """Show a bank and its pictures, newest first."""
    bank = _named(visit, visit.query.get("name", ""))
    matcher = visit.services.matcher
    page = matcher.page(Wanted(bank=bank.name), limit=_EACH, after=after(visit), shown=visit.caller.sees)
    size = None if visit.caller.orgs else Forecast(matcher.collection).banks([bank])[0]
    return visit.render(
        "bank.html",
        bank=bank,
        size=size,
        tiles=Tiles(visit).of(page.records),
        next=page.next,
        first=after(visit) is None,
        kinds=KINDS,
        meanings=MEANINGS,
        days=bank.keep_days,
    )


@pages.get("/set-up", role=Role.ADMIN)
def set_up(visit: Visit) -> Answered:
    """Ask for a brand, its pages and its domains; the script makes a baseline bank of it by the API."""
    visit.caller.check_unlimited()
    return visit.render("bank_setup.html", limit=visit.services.settings["picture.max_bytes"])


@pages.get("/new", role=Role.ADMIN)
def new(visit: Visit) -> Answered:
    """Ask for what a bank of any kind is to be."""
    visit.caller.check_unlimited()
    return visit.render("bank_new.html", kinds=KINDS, meanings=MEANINGS)


@pages.post("/new", role=Role.ADMIN, audit="bank.create")
def create(visit: Visit) -> Answered:
    """Make a bank."""
    visit.caller.check_unlimited()
    name = visit.form.get("name", "").strip()
    visit.audited["bank"] = name[:100]
    details = {key: value for key, value in _details(visit).items() if key != "keep_days" or value is not None}
    bank = visit.services.matcher.banks.create(name, **details)
    return visit.go("banks.one", name=bank.name)


@pages.post("/change", role=Role.ADMIN, audit="bank.change")
def change(visit: Visit) -> Answered:
    """Change a bank."""
    visit.caller.check_unlimited()
    banks, name = visit.services.matcher.banks, visit.form.get("bank", "")
    visit.audited["bank"] = name[:100]
    banks.update(name, **_details(visit))
    wanted = visit.form.get("name", "").strip()
    if wanted and wanted != name:
        banks.rename(name, wanted)
    return visit.go("banks.one", name=wanted or name)


@pages.post("/delete", role=Role.ADMIN, audit="bank.delete")
def delete(visit: Visit) -> Answered:
    """Delete a bank; its pictures stay, without it."""
    visit.caller.check_unlimited()
    name = visit.form.get("bank", "")
    visit.audited["bank"] = name[:100]
    if visit.form.get("sure", "").strip() != name:
        raise BadRequest(visit.words.gettext("write the name of the bank to delete it"))
    visit.services.matcher.banks.delete(name)
    return visit.go("banks.show")


@pages.post("/take-out", role=Role.REVIEW, audit="bank.take-out")
def take_out(visit: Visit) -> Answered:
    """Take pictures out of a bank."""
    matcher, bank = visit.services.matcher, _named(visit, visit.form.get("bank", ""))
    visit.audited |= {"bank": bank.name, "pictures": len(visit.chosen("picture"))}
    for sha256 in visit.chosen("picture"):
        record = matcher.get(sha256)
        if visit.caller.sees(record):
            matcher.set_banks(sha256, remove=[bank.name])
    return visit.go("banks.one", name=bank.name)


def after(visit: Visit) -> int | None:
    """Return the id behind which a list goes on, None for its beginning."""
    text = visit.query.get("after", "")
    return int(text) if text.isascii() and text.isdecimal() and 0 < int(text[:11]) <= 1 << 32 else None


def _named(visit: Visit, name: str) -> Bank:
    visit.caller.searched_banks((name,))
    return visit.services.matcher.banks.get(name)


def _details(visit: Visit) -> dict[str, Any]:
    days = visit.form.get("keep_days", "").strip()
    if days and not (days.isascii() and days.isdecimal()):
        raise BadRequest(visit.words.gettext("days are a whole number, 0 for ever; empty for what is said of the kind"))
    return {
        "kind": visit.form.get("kind", "observed"),
        "tags": _lines(visit.form.get("tags", "")),
        "domains": _lines(visit.form.get("domains", "")),
        "note": visit.form.get("note", "").strip()[:10_000],
        "sensitive": visit.form.get("sensitive") == "yes",
        "keep_days": int(days) if days else None,
    }


def _lines(text: str) -> tuple[str, ...]:
    """Return what stands on lines of its own, or between commas, each once."""
    return tuple(dict.fromkeys(part for part in (part.strip() for part in re.split(r"[\n,]+", text)) if part))
