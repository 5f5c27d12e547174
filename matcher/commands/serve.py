"""`kuato serve`: answer other programs."""

import logging
import signal
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points
from types import FrameType
from typing import NoReturn, Protocol

import click

from matcher.commands import tables
from matcher.commands.invocation import Invocation, pass_invocation
from matcher.commands.stopping import until_told
from matcher.errors import BadSettings, KuatoError, NotFound

GROUP = "kuato.listeners"

_log = logging.getLogger(__name__)


class Listener(Protocol):
    """What an entry point of `kuato.listeners` makes of a matcher and the settings."""

    def run(self) -> None:
        """Serve until `stop` is called from another thread."""

    def stop(self) -> None:
        """Let `run` return."""


@click.command()
@click.argument("names", metavar="[LISTENER]...", nargs=-1)
@pass_invocation
def serve(invocation: Invocation, names: tuple[str, ...]) -> None:
    """Answer other programs until told to end (SIGTERM, Ctrl-C): all listeners that are installed, or those named."""
    signal.signal(signal.SIGTERM, _leave)
    listeners = _listeners(invocation, names)
    with until_told() as stop, ThreadPoolExecutor(len(listeners)) as threads:
        running = {threads.submit(listener.run): name for name, listener in listeners.items()}
        for future in running:
            future.add_done_callback(lambda _: stop.set())
        try:
            stop.wait()
            ended = [future for future in running if future.done()]
        finally:
            for listener in listeners.values():
                listener.stop()
    for future in ended:
        future.result()
        tables.complain(f"listener {running[future]} ended by itself")
    if ended:
        click.get_current_context().exit(1)


def _listeners(invocation: Invocation, names: tuple[str, ...]) -> dict[str, Listener]:
    """Return the listeners, bound, after Redis and a worker were seen to answer: the first question must not wait for them."""
    points = {point.name: point for point in entry_points(group=GROUP)}
    for name in names:
        if name not in points:
            raise NotFound(f"no listener is called {name!r}; there are {', '.join(sorted(points)) or 'none'}")
    matcher = invocation.matcher
    matcher.banks.list()
    _log.info("pictures are decoded %s", "in a sandbox" if matcher.pool.sandboxed else "without a sandbox")
    made: dict[str, Listener] = {}
    for name in names or sorted(points):
        try:
            made[name] = points[name].load()(matcher, invocation.settings)
        except KuatoError:
            raise
        except Exception as error:  # noqa: BLE001 - a stranger's module may fail in any way
            _log.debug("listener %s", name, exc_info=True)
            needs = "; pip install 'kuato[misp]'" if getattr(error, "name", "") == "pymisp" else ""
            tables.complain(f"warning: listener {name} cannot be started: {type(error).__name__}: {error}{needs}")
            continue
        tables.complain(f"{name} listens on {getattr(made[name], 'url', 'its own address')}")
    if not made:
        raise BadSettings("there is nothing to serve: no listener is installed, or none could be started")
    return made


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
