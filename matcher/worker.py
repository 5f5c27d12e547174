"""The process that touches hostile bytes: decodes one picture at a time, computes its fingerprints, answers over a pipe.

Started by `matcher.pool`, never by hand. First frame in: limits, names of algorithms, their settings. First frame out: ready, or why not.
Then a frame in is a picture, a frame out its fingerprints or one error; the end of its input ends it.
"""

import io
import resource
import signal
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from PIL import Image

from matcher import sandbox, wire
from matcher.decode import Limits, decode
from matcher.errors import BadPicture, KuatoError, TooLarge
from matcher.extraction import extract
from matcher.fingerprints import registry
from matcher.fingerprints.base import Fingerprint
from matcher.process import address_space, hold, own_streams, receive, send

_STDERR_BYTES = 1 << 20


def main() -> None:
    """Serve until the host closes the pipe."""
    requests, answers = own_streams()
    header, _ = receive(requests)
    limits = Limits(**header["limits"])
    try:
        algorithms = registry.load(header["algorithms"], header["settings"])
        unconfined = _settle(limits, algorithms, header["requests"])
    except KuatoError as error:
        send(answers, {"error": error.code, "text": str(error)})
        return
    send(answers, {"ready": True, "unconfined": unconfined})
    while True:
        try:
            header, data = receive(requests)
        except EOFError:
            return
        # Should the host die meanwhile, nobody else would end a decoder that hangs.
        signal.setitimer(signal.ITIMER_REAL, 2 * limits.seconds)
        send(answers, *_answer(header, data, limits, algorithms))
        signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(header: Mapping[str, Any], data: bytes, limits: Limits, algorithms: Mapping[str, Fingerprint]) -> tuple[dict[str, Any], bytes]:
    name = header["name"]
    try:
        wanted = {key: algorithms[key] for key in header["algorithms"]}
        return wire.answer(
            extract(data, wanted, limits, header["query"], name=name, digest="", pixels=header["pixels"], side=header["side"])
        )
    except BadPicture as error:
        code, text = error.code, str(error)
    except MemoryError:
        code, text = TooLarge.code, f"{name} needs more memory than a worker may use, {limits.memory >> 20} MiB (picture.max_memory)"
    return {"error": code, "text": text}, b""


def _settle(limits: Limits, algorithms: Mapping[str, Fingerprint], requests: int) -> str:
    """Load all that will be needed, then give up all that will not. Return why there is no sandbox, "" when there is one."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a host that ignores or blocks it would have us do the same
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
    cv2.setNumThreads(1)
    # Ours is the limit that counts; Pillow's own would only refuse what an operator has allowed.
    Image.MAX_IMAGE_PIXELS = max(limits.max_pixels, Image.MAX_IMAGE_PIXELS or 0)
    _warm_up(algorithms)
    hold(resource.RLIMIT_CORE, 0)
    hold(resource.RLIMIT_FSIZE, _STDERR_BYTES)
    hold(resource.RLIMIT_NPROC, 0)
    hold(resource.RLIMIT_NOFILE, 16)
    hold(resource.RLIMIT_CPU, int(limits.seconds * requests) + 60)
    hold(resource.RLIMIT_AS, address_space() + limits.memory)
    return sandbox.install() or ""


def _warm_up(algorithms: Mapping[str, Fingerprint]) -> None:
    """Have every decoder and algorithm work once: what they import or open at first use cannot be had later."""
    limits = Limits()
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    small = Image.fromarray(noise)
    samples: list[tuple[str, Image.Image, dict[str, Any]]] = [
        ("PNG", small, {}),
        ("PNG", small.convert("RGBA"), {"exif": b"MM\x00*\x00\x00\x00\x08\x00\x00"}),
        ("GIF", small.quantize(16), {"transparency": 3}),
        ("WEBP", small, {}),
        ("WEBP", small, {"lossless": True}),
        ("BMP", small, {}),
        ("TIFF", small, {"compression": "tiff_lzw"}),
        ("TIFF", small.convert("CMYK"), {}),
        ("ICO", small, {"bitmap_format": "bmp"}),
        ("JPEG", small.convert("CMYK"), {}),
    ]
    for kind, picture, options in samples:
        decode(_encoded(picture, kind, **options), limits)
    photo = np.asarray(cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)
    jpeg = _encoded(Image.fromarray(photo), "JPEG")
    extract(jpeg, algorithms, limits, query=True)
    extract(jpeg[:-2], {}, limits)


def _encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
