"""A pool of worker processes: decodes and fingerprints outside the host, which no picture can hang, crash or fill.

Workers are started when first needed, each an exec'd process of its own session. One that misses the deadline is killed,
one that dies costs the one picture it held; the next picture gets another.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from types import TracebackType
from typing import TYPE_CHECKING, Any

from matcher import wire
from matcher.child import Child, Died
from matcher.decode import Limits
from matcher.errors import BadRequest, DecodeCrash, DecodeTimeout, KuatoError, TooLarge
from matcher.extraction import AS_IS, Fingerprints
from matcher.fingerprints import registry
from matcher.fingerprints.base import Fingerprint
from matcher.models.pool import ModelPool
from matcher.workers import Kind, Workers

if TYPE_CHECKING:
    from typing_extensions import Self

    from matcher.settings import Settings

_REQUESTS = 2000  # after so many a worker is replaced, whatever its libraries may have leaked
_RESIDENT = 300 << 20  # bytes; a worker that still holds more between two pictures is replaced


class WorkerPool:
    """Fingerprints pictures in at most `workers` processes at once (0: as many as there are cores). Thread-safe.

    limits: for each picture. algorithms: names of the fingerprints that the workers load. settings: those that these read, as
    JSON can carry them (`registry.settings_of`). models: computes others, from the pixels; closed with this pool.
    side: the longer side of thumbnails whose pixels come with the fingerprints, 0 for none.
    Use as a context manager, or call `close`. Workers end by themselves when their host does.
    """

    def __init__(
        self,
        limits: Limits,
        algorithms: Iterable[str],
        workers: int = 0,
        settings: Mapping[str, Any] | None = None,
        models: ModelPool | None = None,
        side: int = 0,
    ) -> None:
        self.limits = limits
        self._side = side
        self._models = models
        self._confined = tuple(dict.fromkeys(algorithms))
        self.algorithms = self._confined + (models.algorithms if models else ())
        greeting: dict[str, Any] = {"limits": wire.limits_to_json(limits), "algorithms": self._confined, "settings": dict(settings or {})}
        greeting["requests"] = _REQUESTS
        kind = Kind("decoding", "pictures are decoded without a sandbox", "web.busy_seconds, workers.count", _REQUESTS, _RESIDENT)
        self._workers = Workers(lambda: Child("matcher.worker", greeting), workers or len(os.sched_getaffinity(0)), kind)

    @classmethod
    def of(cls, settings: "Settings", algorithms: Mapping[str, Fingerprint]) -> "Self":
        """Return the pool that these settings want for these algorithms, each computed where it can be."""
        outside = [name for name, algorithm in algorithms.items() if not algorithm.confined]
        confined = {name: algorithm for name, algorithm in algorithms.items() if algorithm.confined}
        read = registry.settings_of(confined.values(), settings)
        models = ModelPool(settings, outside) if outside else None
        side = settings["thumbnails.side"] if settings["thumbnails.enabled"] else 0
        return cls(settings.limits(), confined, settings["workers.count"], read, models, side)

    def fingerprint(
        self,
        data: bytes,
        *,
        query: bool = False,
        algorithms: Iterable[str] | None = None,
        name: str = "picture",
        waiting: float | None = None,
    ) -> Fingerprints:
        """Return the fingerprints of the picture in `data`.

        query: also those of the turned, mirrored and negative views. algorithms: some of the pool's (default: all).
        name: what an error calls the picture. waiting: seconds to wait for a free worker at most, None for as long as it takes.
        Raises the family of BadPicture; Busy; BadSettings when the workers cannot load an algorithm, BadRequest for one not loaded.
        """
        name = wire.printable(name, 120)
        asked = self.algorithms if algorithms is None else tuple(dict.fromkeys(algorithms))
        if unknown := [a for a in asked if a not in self.algorithms]:
            raise BadRequest(f"fingerprint {unknown[0]!r} is not enabled; enabled are {', '.join(self.algorithms)} (fingerprints.enabled)")
        if len(data) > self.limits.max_bytes:
            raise TooLarge(f"{name} has {len(data) / 1e6:.1f} MB, the limit is {self.limits.max_bytes / 1e6:.1f} (picture.max_bytes)")
        wanted = [name for name in asked if self._models and name in self._models.algorithms]
        pixels = self._models.max_pixels if self._models and wanted else 0
        confined = [name for name in asked if name not in wanted]
        found = self._decoded(data, confined, query, name, waiting, pixels)
        return self._completed(found, wanted, asked, waiting) if wanted else found

    def _decoded(self, data: bytes, asked: list[str], query: bool, name: str, waiting: float | None, pixels: int) -> Fingerprints:
        child = self._workers.take(waiting)
        healthy = False
        try:
            child.send({"name": name, "query": query, "algorithms": asked, "pixels": pixels, "side": self._side}, data, self.limits.seconds)
            digest = sha256(data).hexdigest()  # while the worker decodes, and not left to it
            header, body = child.receive()
            outcome = wire.failure(header) or wire.believed(
                header,
                body,
                limits=self.limits,
                asked=asked,
                query=query,
                digest=digest,
                bytes_size=len(data),
                pixels=pixels,
                side=self._side,
            )
            healthy = True
        except TimeoutError:
            raise DecodeTimeout(f"{name} took longer than {self.limits.seconds:g} s (picture.max_seconds)") from None
        except Died as death:
            raise self._blame(death, name) from None
        except wire.Nonsense as nonsense:
            raise DecodeCrash(f"{name} made its worker give {nonsense}") from nonsense
        finally:
            self._workers.give_back(child, healthy)
        if isinstance(outcome, KuatoError):
            raise outcome
        return outcome

    def _completed(self, found: Fingerprints, wanted: list[str], asked: tuple[str, ...], waiting: float | None) -> Fingerprints:
        """Return `found` with what the models say of its pixels; what they fail at is missing, and a warning tells why."""
        if self._models is None or found.pixels is None:
            raise RuntimeError("asked for pixels, got none")
        said = self._models.compute(found.pixels, wanted, waiting=waiting)
        return replace(
            found,
            views=found.views | {AS_IS: found.values | said.values},
            too_simple=tuple(one for one in asked if one in found.too_simple or one in said.too_simple),
            warnings=found.warnings + said.warnings,
            timings=found.timings | said.timings,
            pixels=None,
        )

    def described(self, text: str) -> bytes:
        """Return the embedding of what a text describes. Raises BadRequest where no model can tell, KuatoError when it fails."""
        if self._models is None or "embedding" not in self._models.algorithms:
            raise BadRequest('pictures have no embeddings; enable them first (fingerprints.enabled = [.., "embedding"])')
        return self._models.ask({"describe": text, "algorithm": "embedding"})[1]

    def _blame(self, death: Died, name: str) -> DecodeCrash | DecodeTimeout:
        if death.late:
            return DecodeTimeout(f"{name} took longer than {self.limits.seconds:g} s (picture.max_seconds)")
        return DecodeCrash(f"{name} made its worker end: {death}")

    @property
    def sandboxed(self) -> bool:
        """Whether workers are confined to computing (seccomp); starts one to know."""
        child = self._workers.take()
        self._workers.give_back(child, True)
        return not child.unconfined

    def close(self) -> None:
        """End all workers; those at work end with their picture, those who wait for one get RuntimeError. May be called again."""
        self._workers.close()
        if self._models:
            self._models.close()

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
