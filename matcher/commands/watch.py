"""`kuato watch`: remember what appears in a folder, as it appears."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from threading import Event, Lock

import click

from matcher import shapes
from matcher.collection import Added
from matcher.commands import tables
from matcher.commands.add import Tally
from matcher.commands.inputs import ONE_PICTURE, Input, as_text, in_parallel
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.commands.offers import Offer, Offering, now
from matcher.commands.stopping import until_told
from matcher.engine import Matcher, checked_tags
from matcher.errors import BadRequest, KuatoError, NotFound, StoreMismatch, StoreUnavailable
from matcher.match import Answer
from matcher.source import Source
from matcher.watching import Follower, follow, source_of

Outcome = tuple[Offer, "Answer | None", "Added | KuatoError"]


@click.command()
@click.argument("folder", metavar="FOLDER", type=click.Path())
@click.option("--bank", "banks", metavar="NAME", multiple=True, help="Put the pictures into this bank.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Give the pictures this tag.")
@click.option("--search", is_flag=True, help="First ask whether the picture is known, and print the answer.")
@click.option("--limit", metavar="N", type=click.IntRange(1, 10_000), help="Most matches of one answer; default: search.limit.")
@click.option("--existing", is_flag=True, help="Begin with what is there already, instead of what comes.")
@click.option(
    "--settled",
    metavar="SECONDS",
    type=click.FloatRange(0.1, 3600),
    default=1.0,
    show_default=True,
    help="Take a file when it has not changed for so long.",
)
@json_option
@pass_invocation
def watch(
    invocation: Invocation,
    folder: str,
    banks: tuple[str, ...],
    tags: tuple[str, ...],
    search: bool,
    limit: int | None,
    existing: bool,
    settled: float,
    as_json: bool,
) -> None:
    """Follow a folder and all below it: remember each picture, and those in saved web pages, once its file is finished.

    The source of a picture is its file; where a folder or file is named by the hash of something else (MD5, SHA-1, SHA-256:
    a sandbox's pictures of a sample), it is that sample. What is no picture is passed over, so are names that begin with a dot.
    With --search, what was only seen at the same source is no answer.

    Ends with Ctrl-C or SIGTERM, after what is in work. Whatever it missed, a call with --existing makes up for. While Redis is
    away, pictures wait.
    """
    path = Path(folder).absolute()
    if not path.is_dir():
        raise NotFound(f"{as_text(folder)} is no folder; name one to watch")
    if limit is not None and not search:
        raise BadRequest("--limit is about answers; give --search as well")
    matcher = invocation.matcher
    matcher.banks.list()  # is the store there at all? Later on, it may go and come back
    bank_ids, tags = [matcher.banks.get(bank).id for bank in banks], checked_tags(tags)
    watched = _Watched(invocation, path, partial(matcher.collection.add, tags=tags, bank_ids=bank_ids), search, limit)
    with until_told() as stop:
        follower = Follower(path, settled, existing)
        tables.complain(f"watching {path}")
        try:
            for files in follow(follower, path, stop):
                for offer, answer, outcome in watched.remember(files, stop):
                    if isinstance(outcome, StoreUnavailable):
                        follower.again(Path(offer.one.path))
                    else:
                        _tell(offer, answer, outcome, as_json)
        finally:
            tables.complain(f"stopped: {watched.tally}")


class _Watched:
    """What becomes of the files of a watched folder."""

    def __init__(self, invocation: Invocation, folder: Path, add: Callable[..., Added], search: bool, limit: int | None) -> None:
        self.tally = Tally()
        self._threads = invocation.threads
        self._folder = folder
        self._offering = Offering(invocation.settings)
        self._matcher: Matcher = invocation.matcher
        self._add = add
        self._limit = (limit or invocation.settings["search.limit"]) if search else None
        # Two pictures that come together are to be found by each other: the second must not ask before the first is known.
        self._one_by_one = Lock()
        self._away = False

    def remember(self, files: Sequence[Path], stop: Event) -> Iterator[Outcome]:
        """Yield what became of the pictures in these files; StoreUnavailable where it is to be tried again. Begins none after `stop`."""
        inputs = [Input(str(file), found=True) for file in files]
        offers = takewhile(lambda _: not stop.is_set(), self._offering.offers(inputs))
        with closing(in_parallel(self._remember, offers, self._threads)) as outcomes:
            for offer, answer, outcome in outcomes:
                if isinstance(outcome, NotFound):
                    continue  # it has vanished
                if not isinstance(outcome, StoreUnavailable):
                    self._away = False
                    self.tally.count(outcome)
                elif not self._away:
                    self._away = True
                    tables.complain(f"{outcome} [{outcome.code}]; pictures wait until then")
                yield offer, answer, outcome

    def _remember(self, offer: Offer) -> Outcome:
        answer = None
        try:
            data = offer.read()
            if not offer.page:
                offer = replace(offer, source=source_of(Path(offer.one.path), self._folder, data))
            sources = [now(offer.source)] if offer.source else []
            picture = self._matcher.pool.fingerprint(data, query=self._limit is not None, name=offer.name)
            if self._limit is None:
                return offer, None, self._add(picture, sources)
            with self._one_by_one:
                answer = self._matcher.search_fingerprints(
                    picture, limit=self._limit, exclude=lambda record: _only_at(record.sources, sources)
                )
                return offer, answer, self._add(picture, sources)
        except StoreMismatch:
            raise
        except (*ONE_PICTURE, StoreUnavailable) as error:
            return offer, answer, error


def _only_at(seen: Sequence[Source], sources: Sequence[Source]) -> bool:
    return bool(seen) and {source.key for source in seen} <= {source.key for source in sources}


def _tell(offer: Offer, answer: Answer | None, outcome: Added | KuatoError, as_json: bool) -> None:
    if isinstance(outcome, KuatoError):
        tables.failed(outcome, {"file": offer.one.name}, as_json)
    elif as_json:
        tables.emit({**offer.shape(outcome), "answer": shapes.answer(offer.name, answer) if answer else None})
    else:
        if answer:
            tables.answer(offer.name, answer)
        # What is followed for days is written into somebody's log.
        what = "a sensitive picture" if outcome.record.sensitive else f"{outcome.record.sha256}  {offer.name}"
        tables.say(f"{'added' if outcome.new else 'known'}  {what}")
