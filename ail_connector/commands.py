"""`kuato ail`: the stand-alone front, and what its operator asks."""

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType

import click

from ail_connector.consumer import Consumer
from ail_connector.front import Front, queues
from ail_connector.installation import Installation
from ail_connector.queue import Dead, Queue
from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
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
    with closing(Front.open(invocation.matcher)) as front:
        invocation.matcher.banks.list()  # is the store there at all? Later on, it may go and come back
        consumer = front.consumer(workers)
        before = _counts(front.queues)
        with _until_told(consumer):
            tables.complain(f"consuming {', '.join(queue.module for queue in front.queues)} of {front.installation.home}")
            consumer.run(until_empty)
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
    with closing(Front.open(invocation.matcher)) as front, tables.progress("pictures of banks", None) as progress:
        sent = front.retroactive.run(told=lambda done, tags: progress(done))
    tables.complain(f"{sent} tags sent")


@ail.command("module")
def native_module() -> None:
    """Print the file that runs inside AIL; put it beside AIL and run it with AIL's Python."""
    click.echo((Path(__file__).parent / "native" / "kuato_ail.py").read_text(), nl=False)


def _counts(found: list[Queue]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for queue in found:
        for name, value in queue.counts().items():
            counts[name] = counts.get(name, 0) + value
    return counts


def _dead(queue: Queue, one: Dead) -> dict[str, object]:
    gid = one.message.gid
    return {"module": queue.module, "ticket": one.ticket, "when": moment(one.when), "object": gid, "text": one.message.text, "why": one.why}


@contextmanager
def _until_told(consumer: Consumer) -> Iterator[None]:
    """Stop the consumer at Ctrl-C or SIGTERM; at a second one everything."""
    told = list[int]()

    def note(number: int, _frame: FrameType | None) -> None:
        if told:
            raise KeyboardInterrupt
        told.append(number)
        consumer.stop()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
