"""What memory is left for a Redis server."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_SERVERS = ("redis-server", "valkey-server")


class Machine:
    """The machine that this process runs on. root: where its file system begins."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def room(self, server: Mapping[str, Any]) -> tuple[int | None, str]:
        """Return how many more bytes a server can use, None where that cannot be told, and what sets the bound.

        server: what it says of itself (INFO). The bound is "maxmemory", "machine" (what is available on ours, where the server
        runs on it), "container" (the limit of the server's control group), "elsewhere" (all the memory of a machine that we cannot
        look at, so at most that) or "unknown".
        """
        used, most, whole = (int(server.get(name) or 0) for name in ("used_memory", "maxmemory", "total_system_memory"))
        if most:
            return max(0, most - used), "maxmemory"
        if not whole:
            return None, "unknown"
        here = self._memory()
        if here.get("MemTotal") != whole or "MemAvailable" not in here:
            return max(0, whole - int(server.get("used_memory_rss") or used)), "elsewhere"
        group = self._group(int(server.get("process_id") or 0))
        if group is not None and group < here["MemAvailable"]:
            return group, "container"
        return here["MemAvailable"], "machine"

    def _memory(self) -> dict[str, int]:
        """Return the kernel's figures, bytes."""
        try:
            lines = (self._root / "proc/meminfo").read_text().splitlines()
            return {line.split(":")[0]: int(line.split()[1]) << 10 for line in lines}
        except (OSError, ValueError, LookupError):
            return {}

    def _group(self, process: int) -> int | None:
        """Return how many more bytes the control groups of a server allow, None where they do not limit it, or it is not here."""
        left: list[int] = []
        try:
            about = self._root / "proc" / str(process)
            if (about / "comm").read_text().strip() not in _SERVERS:
                return None
            own = next(line[3:] for line in (about / "cgroup").read_text().splitlines() if line.startswith("0::"))
            folder = (self._root / "sys/fs/cgroup" / own.lstrip("/")).resolve()
        except (OSError, StopIteration):
            return None
        for group in (folder, *folder.parents):
            try:
                most, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
                figures = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
                # What is only cached goes when memory is needed.
                left.append(most - used + int(figures.get("inactive_file", 0)))
            except (OSError, ValueError):  # no limit ("max"), or not for us to see
                continue
        return max(0, min(left)) if left else None


def shared(rooms: Sequence[tuple[int | None, str]]) -> tuple[int | None, str]:
    """Return what servers that fill evenly can use together, and what sets the bound; `rooms`: what `Machine.room` says of each."""
    room, bound = min(rooms, key=lambda one: -1 if one[0] is None else one[0])
    # What this machine has left they share; else each has its own, and the first that is full ends it for all.
    return (room if room is None or bound in ("machine", "container") else room * len(rooms)), bound
