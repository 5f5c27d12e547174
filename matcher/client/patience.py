"""How long, and how often, a client asks again."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """seconds: how long one question may go on being asked again, 0 for once. first, most: bounds of one pause, in seconds.

    sleep, clock, chance: what it waits with, tells the time with, and draws numbers of 0..1 with.
    """

    seconds: float = 120.0
    first: float = 0.5
    most: float = 20.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    def pause(self, tries: int, asked: float | None, since: float) -> float | None:
        """Return how many seconds to wait before asking again, None to give up.

        tries: how often it was asked, since: seconds since it was first. asked: what the server wants waited, None where it
        did not say; a little is added, so that those who were turned away together do not come back together.
        """
        upper = min(self.most, self.first * 2 ** min(tries - 1, 30))
        pause = upper * (0.5 + self.chance() / 2) if asked is None else asked + upper * self.chance() / 2
        return pause if since + pause <= self.seconds else None
