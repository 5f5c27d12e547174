"""`kuato add`: remember pictures."""

import threading
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain

import click

from matcher.collection import Added
from matcher.commands import tables
from matcher.commands.inputs import ONE_PICTURE, as_text, batches, collected, exit_code, in_parallel
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.commands.offers import Offer, Offering, now
from matcher.commands.sources import SOURCE
from matcher.errors import KuatoError, NotAPicture
from matcher.extraction import Fingerprints
from matcher.intake import Intake
from matcher.source import Source

_NAMED = 20
# Pictures that are stored together, those that were looked at within some seconds: the more, the less each costs.
_TOGETHER, _PATIENCE = 32, 1.0


@dataclass
class Tally:
    """How far the work is. Counted where it is done, so that it is right when it is interrupted."""

    new: int = 0
    known: int = 0
    errors: list[KuatoError] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, outcome: Added | KuatoError) -> None:
        """Count one outcome."""
        with self._lock:
            if isinstance(outcome, KuatoError):
                self.errors.append(outcome)
            elif outcome.new:
                self.new += 1
            else:
                self.known += 1

    @property
    def done(self) -> int:
        """Pictures that are remembered now."""
        return self.new + self.known

    def __str__(self) -> str:
        failed = f", {len(self.errors)} failed" if self.errors else ""
        return f"{self.new} added, {self.known} known already{failed}"


@click.command()
@click.argument("paths", metavar="FILE|FOLDER|URL|-...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--bank", "banks", metavar="NAME", multiple=True, help="Put the pictures into this bank.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Give the pictures this tag.")
@click.option(
    "--source",
    "sources",
    metavar="KIND:ID",
    type=SOURCE,
    multiple=True,
    help="Where they were seen; default: file:PATH, page:URL, url:URL.",
)
@click.option("--jobs", metavar="N", type=click.IntRange(1, 256), help="Pictures in work at once; default: workers.count.")
@json_option
@pass_invocation
def add(
    invocation: Invocation,
    paths: tuple[str, ...],
    banks: tuple[str, ...],
    tags: tuple[str, ...],
    sources: tuple[Source, ...],
    jobs: int | None,
    as_json: bool,
) -> None:
    """Remember pictures: files, folders with all that is in them, URLs, or standard input (-).

    Of a saved web page (HTML, MHTML, HAR) all pictures inside are remembered, with the page as their source; what it links
    to is not fetched. URLs are only fetched from hosts that fetch.allow names.

    What is known already only gains the banks, tags and sources, so an interrupted call can simply be repeated. Files in
    folders that are neither pictures nor pages are passed over; any other file that cannot be added is reported, and the
    rest goes on.
    """
    if jobs is not None:
        invocation.override("workers.count", jobs)
    matcher = invocation.matcher
    for bank in banks:
        matcher.banks.get(bank)
    inputs = list(collected(paths))
    if not inputs:
        raise NotAPicture(f"there are no files in {', '.join(map(as_text, paths))}; name pictures, or folders that hold some")
    tally, offering = Tally(), Offering(invocation.settings)

    def look(offer: Offer) -> tuple[Offer, Fingerprints | KuatoError]:
        try:
            return offer, matcher.fingerprint(offer.read(), name=offer.name)
        except ONE_PICTURE as error:
            return offer, error

    def remember(some: list[tuple[Offer, Fingerprints | KuatoError]]) -> list[tuple[Offer, Added | KuatoError]]:
        seen = [[now(source) for source in sources or ([offer.source] if offer.source else [])] for offer, _ in some]
        looked_at = [(found, at) for (_, found), at in zip(some, seen, strict=True) if isinstance(found, Fingerprints)]
        added = iter(intake.add(looked_at, tags, banks))
        outcomes = [(offer, found if isinstance(found, KuatoError) else next(added)) for offer, found in some]
        for _, outcome in outcomes:
            tally.count(outcome)
        return outcomes

    rows, in_pages = [], dict[str, Tally]()
    bar = tables.progress("adding", len(inputs), not (as_json and tables.on_terminal()))
    try:
        with (
            bar as advance,
            Intake(matcher) as intake,
            closing(in_parallel(look, offering.offers(inputs), invocation.threads)) as looked_at,
            closing(in_parallel(remember, batches(looked_at, _TOGETHER, _PATIENCE), 1)) as remembered,
        ):
            for offer, outcome in chain.from_iterable(remembered):
                advance(offer.number)
                if offer.page:
                    in_pages.setdefault(_title(offer), Tally()).count(outcome)
                if isinstance(outcome, KuatoError):
                    tables.failed(outcome, {"file": offer.one.name}, as_json)
                elif as_json:
                    tables.emit(offer.shape(outcome))
                elif len(inputs) <= _NAMED and not offer.page:
                    rows.append((outcome.record.sha256, "added" if outcome.new else "known", offer.one.name))
    except (KeyboardInterrupt, SystemExit, KuatoError) as stop:
        if tally.done or not isinstance(stop, KuatoError):
            tables.complain(f"stopped: {tally}, of {len(inputs)} files; the same command goes on from here")
        raise
    if offering.passed_over == len(inputs):
        raise NotAPicture(f"there are no pictures in {', '.join(map(as_text, paths))}; {len(inputs)} other files were passed over")
    if not as_json:
        tables.show(tables.table(("picture", "", "file"), rows, fold=("file",)))
        for title, found in in_pages.items():
            tables.say(f"{title}: {found}")
        tables.say(f"{tally}" + (f", {offering.passed_over} other files passed over" if offering.passed_over else ""))
    click.get_current_context().exit(exit_code(tally.errors))


def _title(offer: Offer) -> str:
    """Return what a page is called where its pictures are counted."""
    return offer.one.name if offer.page == offer.one.name else f"{offer.one.name} ({offer.page})"
