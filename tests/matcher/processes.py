"""Processes as the kernel lists them."""

import os
import time
from pathlib import Path


def children(parent: int | None = None) -> set[int]:
    """The children of a process (default: this one) that run, or are dead and not yet buried."""
    parent = os.getpid() if parent is None else parent
    return {pid for pid in _all() if _status(pid)[1:2] == [str(parent)]}


def named(words: str) -> set[int]:
    """Those of our children whose command line has these words."""
    return {pid for pid in children() if words in Path(f"/proc/{pid}/cmdline").read_text()}


def open_files(pid: int) -> set[str]:
    return {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}


def peak_memory(pid: int) -> int:
    """The most bytes of memory that the process ever held."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def ends(pid: int, within: float) -> bool:
    """Whether the process ends within so many seconds."""
    deadline = time.monotonic() + within
    while _status(pid)[:1] not in ([], ["Z"]):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _all() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _status(pid: int) -> list[str]:
    """State and parent, nothing of a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return []
