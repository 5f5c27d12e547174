"""`kuato ail`: the stand-alone front, and what its operator asks."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import click

from ail_connector.backfill import Progress
from ail_connector.checkup import look_over
from ail_connector.courier import Courier
from ail_connector.database import OBJECTS
from ail_connector.digest import Digest
from ail_connector.front import Front, queues
from ail_connector.installation import Installation
from ail_connector.ledger import Ledger
from ail_connector.onward import Onward, event_of
from ail_connector.queue import Dead, Queue, Tag
from ail_connector.webhook import document_of
from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.commands.stopping import until_told
from matcher.delivery import delivery
from matcher.engine import Matcher
from matcher.errors import BadRequest
from matcher.shapes import moment


@click.group()
def ail() -> None:
    """AIL: match what it collects, and tag it (docs/ail.md)."""


@ail.command()
@click.option("--workers", metavar="N", type=click.IntRange(1, 256), help="Messages worked on at once; default: ail.workers.")
@click.option("--until-empty", is_flag=True, help="End when nothing waits any more, instead of going on.")
@pass_invocation
def consume(invocation: Invocation, workers: int | None, until_empty: bool) -> None:
    """Take AIL's messages, match their pictures, give tags back, until told to end.

    Ends with Ctrl-C or SIGTERM after what is in work. As many of these may run as are wanted, also on several machines that have AIL's
    folders at the same path. While AIL's servers or Redis are away, they wait.
    """
    with _front(invocation) as front:
        front.matcher.banks.list()  # is the store there at all? Later on, it may go and come back
        consumer = front.consumer(workers)
        before = _counts(front.queues)
        with until_told() as stop:
            tables.complain(f"consuming {', '.join(queue.module for queue in front.queues)} of {front.installation.home}")
            consumer.run(stop, until_empty)
            now = _counts(front.queues)
            gained = [f"{value - before.get(name, 0)} {name}" for name, value in sorted(now.items()) if value > before.get(name, 0)]
            tables.complain(f"stopped; since the start, by all consumers: {', '.join(gained) or 'nothing'}")


@ail.command()
@click.option("--replay", is_flag=True, help="Let them be taken again, all or those named.")
@click.argument("tickets", metavar="[TICKET]...", nargs=-1)
@json_option
@pass_invocation
def dead(invocation: Invocation, replay: bool, tickets: tuple[str, ...], as_json: bool) -> None:
    """Show the messages that were given up, and why."""
    found = queues(invocation.settings, Installation.of(invocation.settings))
    rows = [(queue, one) for queue in found for one in queue.dead() if not tickets or one.ticket in tickets]
    if replay:
        again = sum(queue.replay(one) for queue, one in rows)
        tables.complain(f"{again} will be taken again")
    elif as_json:
        for queue, one in rows:
            tables.emit(_dead(queue, one))
    else:
        columns = ("module", "ticket", "given up", "object", "why")
        shown = [(queue.module, one.ticket, moment(one.when) or "", one.message.gid or one.message.text, one.why) for queue, one in rows]
        tables.show(tables.table(columns, shown, fold=("object", "why")))
    for queue in found:
        queue.close()


@ail.command()
@json_option
@pass_invocation
def status(invocation: Invocation, as_json: bool) -> None:
    """Tell what waits, what is in work, and what came of the rest."""
    found = queues(invocation.settings, Installation.of(invocation.settings))
    told = {
        queue.module: {"waiting": queue.waiting(), "held": queue.held(), "dead": len(queue.dead()), "counts": queue.counts()}
        for queue in found
    }
    if as_json:
        tables.emit({"modules": told, "tags_waiting": found[0].tags_waiting()})
    else:
        for queue in found:
            tables.say(f"{queue.module}: {queue.waiting()} waiting, {queue.held()} in work or put off, {len(queue.dead())} given up")
            tables.show(tables.table(("outcome", "messages"), [(name, str(value)) for name, value in sorted(queue.counts().items())]))
        tables.say(f"{found[0].tags_waiting()} tags wait for AIL")
    for queue in found:
        queue.close()


@ail.command()
@pass_invocation
def banks(invocation: Invocation) -> None:
    """Tag what AIL had before a picture came into a known-bad or baseline bank; each picture of a bank is seen to once."""
    with _front(invocation) as front, tables.progress("pictures of banks", None) as progress:
        sent = front.retroactive.run(told=lambda done, tags: progress(done))
    tables.complain(f"{sent} tags sent")


@ail.command()
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(OBJECTS),
    multiple=True,
    help="Only objects of this type; default: all three, images first.",
)
@click.option("--rate", metavar="N", type=click.FloatRange(0), default=0.0, help="Most pictures a second; default: as many as can be.")
@click.option("--limit", metavar="N", type=click.IntRange(1), help="End after so many of each type.")
@click.option("--restart", is_flag=True, help="Begin anew, instead of where the last run ended.")
@click.option("--observed", is_flag=True, help="Also tag what was observed elsewhere (ail.observed), not only matches with banks.")
@pass_invocation
def backfill(invocation: Invocation, kinds: tuple[str, ...], rate: float, limit: int | None, restart: bool, observed: bool) -> None:
    """Go through what AIL has on disk: remember it, compare it, tag it.

    Interrupted, by Ctrl-C or SIGTERM, it goes on where it was when called again. AIL's files are only read.
    """
    with _front(invocation) as front, until_told() as stop:
        work = front.backfill(observed)
        for kind in kinds or OBJECTS:
            with tables.progress(kind, 1000) as progress:
                done = work.run(
                    kind,
                    rate=rate,
                    threads=invocation.threads,
                    limit=limit,
                    restart=restart,
                    stop=stop,
                    told=partial(_show, progress),
                )
            told = ", ".join(f"{count} {name}" for name, count in sorted(done.outcomes.items()))
            tables.complain(f"{kind}: {done.done} done, {done.tags} tags sent{f' ({told})' if told else ''}")
            if stop.is_set():
                tables.complain("interrupted; call it again to go on")
                break


@ail.command()
@json_option
@pass_invocation
def check(invocation: Invocation, as_json: bool) -> None:
    """Look an AIL installation over: paths, sections, xxhash, rights, servers, lists that nobody drains.

    The exit code is 1 when something is wrong.
    """
    remarks = list(look_over(invocation.settings))
    for remark in remarks:
        if as_json:
            tables.emit({"level": remark.level, "text": remark.text})
        else:
            tables.say(f"{remark.level:5}  {remark.text}")
    click.get_current_context().exit(any(remark.level == "wrong" for remark in remarks))


@ail.command()
@click.option("--hours", metavar="N", type=click.IntRange(1, 24 * 35), default=24, show_default=True, help="How far back.")
@json_option
@pass_invocation
def digest(invocation: Invocation, hours: int, as_json: bool) -> None:
    """Tell what was matched lately, tagged or not, by outcome, decision and bank."""
    until = time.time()
    since = until - hours * 3600
    installation = Installation.of(invocation.settings)
    rows = Digest(invocation.matcher.collection.store).rows(since, until)
    if as_json:
        tables.emit(document_of(rows, since, until, lambda gid: installation.link(*gid.split("::", 1)) if gid else ""))
        return
    columns = ("objects", "outcome", "decision", "bank", "example")
    shown = [(str(row.count), row.outcome, row.decision, row.bank, row.example) for row in rows]
    tables.show(tables.table(columns, shown, fold=("bank", "example")))


@ail.command()
@click.option("--done", is_flag=True, help="Forget them: MISP has them.")
@click.option("--post", is_flag=True, help="Post all to the MISP server of misp.url instead, a thousand an event, and forget them.")
@pass_invocation
def onward(invocation: Invocation, done: bool, post: bool) -> None:
    """Print new matches with YES as one MISP event, at most a thousand of them (ail.onward), or post them.

    The event is for MISP's own import, or for a program that posts it. What was seen before is never told again. An event is
    posted once, also when this is killed and called again.
    """
    if done and post:
        raise BadRequest("--post forgets what it has posted; --done is for what was printed")
    collection = invocation.matcher.collection
    waiting = Onward(collection.store)
    batch = waiting.batch()
    if not batch.rows:
        tables.complain(
            "nothing new to be told on" if invocation.settings["ail.onward"] else "ail.onward is off; nothing is kept to be told on"
        )
    elif post:
        courier = Courier(collection, delivery(invocation.settings, collection.store))
        courier.post(lambda address, count: tables.say(f"{address}: {count} pictures"))
    else:
        tables.emit(event_of(batch, collection))
        if done:
            waiting.drop(batch)


@ail.command()
@click.option("--done", is_flag=True, help="They were taken back; do not name them again, and send them anew if they come up again.")
@json_option
@pass_invocation
def withdrawn(invocation: Invocation, done: bool, as_json: bool) -> None:
    """Tell which objects of AIL have tags that do not hold any more.

    That is so when a person said that two pictures differ, withdrew that they are the same, or took the known one out of its bank. AIL
    takes no tag back by its queue or its API: hand the output of --json to `kuato_ail.py take-back`, run with AIL's Python, or remove
    them on AIL's pages.
    """
    installation = Installation.of(invocation.settings)
    ledger = Ledger(invocation.matcher.collection.store)
    queue = queues(invocation.settings, installation)[0]
    for found, reasons in ledger.withdrawn(invocation.matcher.collection):
        kind, _, id = found.gid.partition("::")
        link = installation.link(kind, id)
        if as_json:
            tables.emit({"object": found.gid, "tags": list(found.tags), "why": found.why, "page": link})
        else:
            tables.say(f"{found.gid}: {', '.join(found.tags) or 'no tag but those with other reasons'}")
            tables.say(f"    {found.why}{f'; {link}' if link else ''}")
        if done:
            queue.forget([Tag(found.gid, name) for name in found.tags])
            for reason in reasons:
                ledger.drop(reason.gid, reason.known)
    queue.close()


@ail.command("module")
def native_module() -> None:
    """Print the file that runs inside AIL; put it beside AIL and run it with AIL's Python."""
    click.echo((Path(__file__).parent / "native" / "kuato_ail.py").read_text(), nl=False)


@contextmanager
def _front(invocation: Invocation) -> Iterator[Front]:
    """Yield the front on a matcher that looks as closely as AIL's pace allows."""
    settings = invocation.settings.with_overrides({"search.candidates": invocation.settings["ail.candidates"]})
    with Matcher.open(settings) as matcher, closing(Front.open(matcher)) as front:
        yield front


def _show(progress: Callable[[int], None], now: Progress) -> None:
    progress(round(now.share * 1000))


def _counts(found: list[Queue]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for queue in found:
        for name, value in queue.counts().items():
            counts[name] = counts.get(name, 0) + value
    return counts


def _dead(queue: Queue, one: Dead) -> dict[str, object]:
    gid = one.message.gid
    return {"module": queue.module, "ticket": one.ticket, "when": moment(one.when), "object": gid, "text": one.message.text, "why": one.why}
