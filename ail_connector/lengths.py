"""What waits in AIL for us, for the dashboard: asked in one step, of a server that may be away."""

from ail_connector.installation import Installation, ours
from ail_connector.servers import Server
from matcher.queues import Length, Lengths, Program
from matcher.settings import Settings


def lengths(settings: Settings, seconds: float) -> Lengths | None:
    """Return the lengths of the queues of our sections, None where there is no AIL.

    seconds: how long the server may take for its answer. Raises BadSettings, AilUnavailable.
    """
    if settings["ail.home"] is None:
        return None
    installation = Installation.of(settings)
    names, receivers = ours(settings, installation), installation.subscribers("Tags")
    server = Server(installation.queues, "the queue", timeout=seconds)
    try:
        commands = [command for name in names for command in _commands(name)] + [("LLEN", f"queue:{name}:in") for name in receivers]
        found = server.at_once(commands)
    finally:
        server.close()
    each = [_length(name, *found[4 * n : 4 * n + 4]) for n, name in enumerate(names)]
    # Each receiver has a copy of every tag: the slowest one tells how many wait.
    return Lengths(tuple(each), max(found[4 * len(names) :], default=0))


def _commands(name: str) -> list[tuple[str, str]]:
    prefix = f"kuato:{name}"
    return [("LLEN", f"queue:{name}:in"), ("ZCARD", f"{prefix}:due"), ("HLEN", f"{prefix}:holders"), ("HLEN", f"{prefix}:dead")]


def _length(name: str, waiting: int, due: int, held: int, dead: int) -> Length:
    """Return the length of a queue. due: messages taken and not finished, of which some have a holder."""
    return Length(name, waiting, held, due - held, dead)


program = Program("AIL", lengths)
