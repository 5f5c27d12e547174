"""Jobs of a server: what it does with many pictures, and when it has."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from matcher.client.transport import Transport
from matcher.errors import Late

if TYPE_CHECKING:
    from matcher.web.jobs import JobList, JobResult, JobState

FINAL = ("done", "failed", "cancelled")
_PAGE = 1000
_LONGEST = 20.0  # seconds of one question that waits; less than proxies and servers commonly bear


class Jobs:
    """The jobs that this client's token asked for."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, id: str, wait: float = 0) -> "JobState":
        """Return how a job stands, at once or when it has ended, which the server waits for so many seconds at most.

        Raises NotFound, KuatoError.
        """
        found: JobState = self._transport.get("jobs", id, query={"wait": f"{wait:g}"} if wait else None)
        return found

    def list(self) -> "Iterator[JobState]":
        """Yield the jobs, newest first."""
        after = ""
        while True:
            page: JobList = self._transport.get("jobs", query={"after": after or None})
            yield from page["jobs"]
            if page["next"] is None:
                return
            after = page["next"]

    def results(self, id: str, after: int = -1) -> "Iterator[JobResult]":
        """Yield what a job has come to so far, in the order of its pictures. after: only what follows this index. Raises NotFound."""
        for page in self._pages(id, after):
            yield from page

    def cancel(self, id: str) -> "JobState":
        """Cancel a job: no further picture is begun; what is done stays done. Raises NotFound."""
        found: JobState = self._transport.send("DELETE", "jobs", id)
        return found

    def outcome(self, id: str, deadline: float | None = None) -> "Iterator[JobResult]":
        """Yield the results of a job as they come, until it has ended.

        deadline: by the clock of the client's patience; past it Late is raised. Raises NotFound when it is no longer kept.
        """
        clock = self._transport.patience.clock
        after, pause = -1, 0.5
        while True:
            # How it stands is asked first: what is there after it has ended is all there will be.
            ended = self.get(id)["state"] in FINAL
            before = after
            for page in self._pages(id, after):
                for result in page:
                    after = result["index"]
                    yield result
            if ended:
                return
            left = None if deadline is None else deadline - clock()
            if left is not None and left <= 0:
                raise Late(f"job {id} has not ended yet; it goes on, and can be waited for again")
            # The results of a long job are to come in small lots, and one that goes nowhere is not to be asked about often.
            pause = min(pause * 2, self._longest) if after == before else 0.5
            self.get(id, min(pause, self._longest if left is None else max(left, 0.01)))

    def _pages(self, id: str, after: int) -> "Iterator[Sequence[JobResult]]":
        position: int | None = after
        while position is not None:
            before = position
            page = self._transport.get("jobs", id, "results", query={"after": position, "limit": _PAGE})
            yield page["results"]
            position = page["next"]
            if position == before:
                return

    @property
    def _longest(self) -> float:
        return min(_LONGEST, max(1.0, self._transport.timeout / 2))
