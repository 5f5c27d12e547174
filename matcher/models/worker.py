"""The process that holds models: is given pixels, answers with fingerprints. Started by `matcher.models.pool`, never by hand.

First frame in: names of algorithms and the settings of models. First frame out: ready, or why not. Then a frame in is a picture's
pixels, or a text for the text encoder; a frame out its fingerprints, or the text's vector; the end of its input ends it.
It has no network (seccomp), cannot trace others or gain rights, and writes no file of more than a megabyte; what it starts
inherits that.
"""

import resource
import signal
import time
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from matcher import sandbox
from matcher.errors import BadRequest, KuatoError
from matcher.fingerprints import registry
from matcher.fingerprints.base import Fingerprint
from matcher.picture import Picture, Pixels
from matcher.process import address_space, hold, own_streams, receive, send

_STDERR_BYTES = 1 << 20


def main() -> None:
    """Serve until the host closes the pipe."""
    requests, answers = own_streams()
    header, _ = receive(requests)
    settings = header["settings"]
    try:
        algorithms = registry.load(header["algorithms"], settings)
        unconfined = _settle(settings, algorithms)
    except KuatoError as error:
        send(answers, {"error": error.code, "text": str(error)})
        return
    send(answers, {"ready": True, "unconfined": unconfined})
    while True:
        try:
            header, data = receive(requests)
        except EOFError:
            return
        # Should the host die meanwhile, nobody else would end a model that hangs.
        signal.setitimer(signal.ITIMER_REAL, 2 * settings["models.max_seconds"])
        send(answers, *_answer(header, data, algorithms))
        signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(header: Mapping[str, Any], data: bytes, algorithms: Mapping[str, Fingerprint]) -> tuple[dict[str, Any], bytes]:
    if "describe" in header:
        return _described(header, algorithms)
    height, width = header["size"]
    return computed(np.frombuffer(data, np.uint8).reshape(height, width, 3), {name: algorithms[name] for name in header["algorithms"]})


def computed(pixels: Pixels, algorithms: Mapping[str, Fingerprint]) -> tuple[dict[str, Any], bytes]:
    """Return the answer for one picture, uint8 (height, width, 3); an algorithm that fails costs the others nothing."""
    picture = Picture(b"", "PIXELS", (pixels.shape[1], pixels.shape[0]), pixels)
    values, failed, timings = dict[str, bytes](), list[tuple[str, str]](), dict[str, float]()
    for name, algorithm in algorithms.items():
        started = time.perf_counter()
        try:
            value = algorithm.compute(picture)
        except MemoryError:
            failed.append((name, "it needs more memory than models may use (models.max_memory)"))
        except Exception as error:  # noqa: BLE001 - a model may fail in any way
            failed.append((name, str(error) if isinstance(error, KuatoError) else f"{type(error).__name__}: {str(error)[:200]}"))
        else:
            if value is not None:
                values[name] = value
            timings[name] = (time.perf_counter() - started) * 1000
    header = {"values": [(name, len(value)) for name, value in values.items()], "failed": failed, "timings": timings}
    return header, b"".join(values.values())


def _described(header: Mapping[str, Any], algorithms: Mapping[str, Fingerprint]) -> tuple[dict[str, Any], bytes]:
    try:
        describe = getattr(algorithms[header["algorithm"]], "describe", None)
        if describe is None:
            raise BadRequest(f"{header['algorithm']} takes no descriptions in words")
        return {"described": True}, describe(header["describe"])
    except KuatoError as error:
        return {"error": error.code, "text": str(error)}, b""
    except Exception as error:  # noqa: BLE001 - as above
        return {"error": KuatoError.code, "text": f"the text encoder failed: {type(error).__name__}: {str(error)[:300]}"}, b""


def _settle(settings: Mapping[str, Any], algorithms: Mapping[str, Fingerprint]) -> str:
    """Load the models, then give up what is not needed. Return why there is no sandbox, "" when there is one. Raises KuatoError."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
    cv2.setNumThreads(1)
    hold(resource.RLIMIT_CORE, 0)
    hold(resource.RLIMIT_FSIZE, _STDERR_BYTES)
    unconfined = sandbox.restrict() or ""
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    for name, algorithm in algorithms.items():
        try:
            algorithm.compute(Picture(b"", "PIXELS", (64, 48), noise))
        except KuatoError:
            raise
        except Exception as error:
            raise KuatoError(f"{name} does not work: {type(error).__name__}: {str(error)[:300]}") from error
    hold(resource.RLIMIT_AS, address_space() + settings["models.max_memory"])
    return unconfined
