"""What waits in the queues of other programs that Kuato takes from, told by whoever knows them.

A package offers its own by a line in its pyproject.toml; what it names is a Program:

    [project.entry-points."kuato.queues"]
    mail = "my_package.lengths:program"

They are asked beside each other, and none for longer than the dashboard has patience: a server that is away slows no page down.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from matcher.doors import offered
from matcher.errors import KuatoError
from matcher.settings import Settings

GROUP = "kuato.queues"
PATIENCE = 0.5
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Length:
    """How many messages of one queue wait, are held by somebody who works on them, are put off until another try, were given up."""

    name: str
    waiting: int
    held: int
    put_off: int
    dead: int


@dataclass(frozen=True)
class Lengths:
    """All queues of one program. tags: how many tags it was given and has not taken yet."""

    queues: tuple[Length, ...]
    tags: int


@dataclass(frozen=True)
class Program:
    """A program with queues. name: for people. ask: of the settings, and the seconds until nobody waits for the answer any more.

    It returns None where the program is not configured, and may raise a KuatoError, whose text is for people.
    """

    name: str
    ask: Callable[[Settings, float], Lengths | None]


@dataclass(frozen=True)
class Told:
    """What one program has. why: where that could not be told, the reason; lengths is None then."""

    name: str
    lengths: Lengths | None = None
    why: str = ""


def told(settings: Settings, patience: float = PATIENCE, programs: Iterable[Program] | None = None) -> list[Told]:
    """Return what waits in each program that is configured, after so many seconds at most; never fails.

    programs: by default those of all installed packages.
    """
    asked = [_Question(program, settings, patience) for program in (offered(GROUP, Program) if programs is None else programs)]
    until = time.monotonic() + patience
    return [answer for answer in [question.answer(max(0.0, until - time.monotonic())) for question in asked] if answer is not None]


class _Question:
    """A program that is being asked, in a thread of its own: looking up the name of a server knows no timeout."""

    def __init__(self, program: Program, settings: Settings, patience: float) -> None:
        self._name, self._patience = program.name, patience
        self._told: list[Told | None] = []
        self._thread = threading.Thread(target=self._ask, args=(program, settings), name=f"queues of {program.name}", daemon=True)
        self._thread.start()

    def answer(self, seconds: float) -> Told | None:
        """Return what was told within so many seconds; None where the program is not configured."""
        self._thread.join(seconds)
        return self._told[0] if self._told else Told(self._name, why=f"no answer within {self._patience:g} s")

    def _ask(self, program: Program, settings: Settings) -> None:
        try:
            lengths = program.ask(settings, self._patience)
            self._told.append(Told(self._name, lengths) if lengths is not None else None)
        except KuatoError as error:
            self._told.append(Told(self._name, why=str(error)))
        except Exception:  # noqa: BLE001 - a stranger's function may fail in any way, the page goes on
            _log.exception("the queues of %s cannot be told", self._name)
            self._told.append(Told(self._name, why="it failed; the log says how"))
