"""Being told to end: what runs until then asks an event, which a signal sets."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from types import FrameType


@contextmanager
def until_told() -> Iterator[Event]:
    """Yield what is set by Ctrl-C or SIGTERM; a second one does not wait for what is in work. Ctrl-C is told on at the end.

    To be entered in the main thread.
    """
    stop, told = Event(), list[int]()

    def note(number: int, _frame: FrameType | None) -> None:
        told.append(number)
        if len(told) > 1:
            raise KeyboardInterrupt

    # The event is set by another thread: the main one handles no signal that comes just before it begins to wait,
    # and may be about to set, or to ask, the very event when it handles one.
    ours, signalled = os.pipe()
    os.set_blocking(signalled, False)
    woken = signal.set_wakeup_fd(signalled)
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    listener = Thread(target=_set_when_signalled, args=(ours, stop), name="signals")
    listener.start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(signalled)
        listener.join()
        os.close(ours)
    if signal.SIGINT in told:
        raise KeyboardInterrupt


def _set_when_signalled(pipe: int, stop: Event) -> None:
    if os.read(pipe, 1):
        stop.set()
