"""The second kind of worker: computes from decoded pixels what needs models, files or other programs.

It is never given a file's bytes, and its failure costs the picture no more than these fingerprints.
"""

import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from matcher import wire
from matcher.child import Child, Died
from matcher.errors import KuatoError
from matcher.fingerprints import registry
from matcher.picture import Pixels
from matcher.workers import Kind, Workers

SECTIONS = ("models.", "text.", "embedding.")
_REQUESTS = 2000
_RESIDENT = 8 << 30

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Said:
    """What the models said of one picture.

    values: fingerprints by algorithm. too_simple: algorithms that found nothing in it. warnings: what failed, and why.
    timings: milliseconds of each algorithm.
    """

    values: dict[str, bytes] = field(default_factory=dict)
    too_simple: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)


class ModelPool:
    """Computes these algorithms in `models.workers` processes at most, started when first needed. Thread-safe.

    settings: those of the sections `SECTIONS`, and those that the algorithms name, are what the processes are told.
    max_pixels: what is made of a larger picture before it gets here.
    """

    def __init__(self, settings: Mapping[str, Any], algorithms: Iterable[str]) -> None:
        self.algorithms = tuple(dict.fromkeys(algorithms))
        self.max_pixels: int = min(settings["models.max_pixels"], wire.MAX_PIXELS)
        self._seconds: float = settings["models.max_seconds"]
        named = registry.settings_of(registry.load(self.algorithms).values(), settings)
        greeting = {"algorithms": self.algorithms, "settings": told(settings) | named}
        kind = Kind("model", "models run without a sandbox", "web.busy_seconds, models.workers", _REQUESTS, _RESIDENT)
        self._workers = Workers(lambda: Child("matcher.models.worker", greeting, "model"), settings["models.workers"], kind)

    def compute(self, pixels: Pixels, algorithms: Sequence[str], *, waiting: float | None = None) -> Said:
        """Return the fingerprints of a picture given as uint8 (height, width, 3).

        waiting: seconds to wait for a free process at most, None for as long as it takes.
        Raises Busy; BadSettings when a model or program is not there, or is not what its description says.
        """
        header = {"algorithms": list(algorithms), "size": pixels.shape[:2]}
        child = self._workers.take(waiting)
        healthy = False
        try:
            child.send(header, np.ascontiguousarray(pixels).tobytes(), self._seconds)
            answer, body = child.receive()
            said = believed(answer, body, algorithms)
            healthy = True
        except TimeoutError:
            said = self._failed(algorithms, f"took longer than {self._seconds:g} s (models.max_seconds)")
        except Died as death:
            said = self._failed(algorithms, f"made a model worker end: {death}")
        except wire.Nonsense as nonsense:
            said = self._failed(algorithms, f"made a model worker give {nonsense}")
        finally:
            self._workers.give_back(child, healthy)
        return said

    def ask(self, question: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Return a worker's answer to another question than a picture, such as what a text means. Raises KuatoError, Busy."""
        child = self._workers.take()
        healthy = False
        try:
            child.send(question, b"", self._seconds)
            answer = child.receive()
            healthy = True
        except TimeoutError:
            raise KuatoError(f"the model took longer than {self._seconds:g} s (models.max_seconds)") from None
        except (Died, wire.Nonsense) as failure:
            raise KuatoError(f"a model worker failed: {failure}") from None
        finally:
            self._workers.give_back(child, healthy)
        if error := wire.failure(answer[0], KuatoError):
            raise error
        return answer

    def close(self) -> None:
        """End all workers. May be called again."""
        self._workers.close()

    def _failed(self, algorithms: Sequence[str], why: str) -> Said:
        # Without its name: a picture may be sensitive, and a log is read by everybody.
        _log.warning("a picture has no %s: it %s", ", ".join(algorithms), why)
        return Said(warnings=(f"no {', '.join(algorithms)}: the picture {why}",))


def told(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a worker is told, as JSON has them: none with a password or an address."""
    found = {name: value for name, value in settings.items() if name.startswith(SECTIONS)}
    return dict(json.loads(json.dumps(found, default=lambda value: str(value) if isinstance(value, Path) else list(value))))


def believed(header: Mapping[str, Any], body: bytes, asked: Sequence[str]) -> Said:
    """Return what an answer says, if it can be true. Raises wire.Nonsense."""
    values, position = dict[str, bytes](), 0
    try:
        for name, length in header["values"]:
            if name not in asked or name in values or type(length) is not int or not 0 < length <= len(body) - position:
                raise wire.Nonsense("an impossible fingerprint")
            values[name] = body[position : position + length]
            position += length
        failed = {str(name): wire.printable(str(why), 300) for name, why in header["failed"]}
        timings = {str(name): float(spent) for name, spent in header["timings"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise wire.Nonsense("an incomplete answer") from error
    if position != len(body) or not {*failed, *timings} <= set(asked) or not all(math.isfinite(t) and t >= 0 for t in timings.values()):
        raise wire.Nonsense("an impossible answer")
    return Said(
        values=values,
        too_simple=tuple(name for name in asked if name not in values and name not in failed),
        warnings=tuple(f"no {name}: {why}" for name, why in failed.items()),
        timings=timings,
    )
