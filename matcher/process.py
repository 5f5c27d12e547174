"""The worker's end: its pipes and its limits, whatever kind of worker it is."""

import os
import resource
from collections.abc import Mapping
from typing import Any, BinaryIO

from matcher import wire


def own_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes, having moved them to where no library's `printf` can disturb them."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return requests, answers


def receive(requests: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Return header and bytes of the next request. Raises EOFError when the host has closed the pipe."""
    header_length, body_length = wire.PREFIX.unpack(_exactly(requests, wire.PREFIX.size))
    return wire.parsed(_exactly(requests, header_length)), _exactly(requests, body_length)


def _exactly(requests: BinaryIO, length: int) -> bytes:
    data = requests.read(length)
    if len(data) < length:
        raise EOFError
    return data


def send(answers: BinaryIO, header: Mapping[str, Any], body: bytes = b"") -> None:
    """Send an answer."""
    rest = memoryview(wire.head(header, len(body)) + body)
    while rest:
        rest = rest[answers.write(rest) :]


def hold(what: int, limit: int) -> None:
    """Set a limit of this process, as far as its hard limit lets us."""
    _, hard = resource.getrlimit(what)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(what, (limit, limit))


def address_space() -> int:
    """Return the bytes of address space in use."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()
