"""Many pictures: handed to the server in batches it can take, and their results joined again in the order they were given."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from matcher.client.form import File, Form, Named, named, read
from matcher.client.jobs import FINAL, Jobs
from matcher.client.transport import Transport
from matcher.errors import Busy, KuatoError, NotFound, RequestTooLarge, TooLarge

if TYPE_CHECKING:
    from matcher.shapes import Failure
    from matcher.web.jobs import JobResult, JobState

_COUNT = 200
_BYTES = 32 << 20
_WAIT_SECONDS = 20.0


@dataclass(frozen=True)
class Batch:
    """The part of the work that is one job. positions: which of all the pictures its are, in order. names: of these."""

    job: str
    positions: tuple[int, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Many:
    """Work on many pictures. total: how many were given. failures: position -> why that one was not handed over, the others were."""

    batches: tuple[Batch, ...]
    failures: Mapping[int, "JobResult"]
    total: int

    @property
    def jobs(self) -> tuple[str, ...]:
        """The ids of the jobs."""
        return tuple(batch.job for batch in self.batches)


@dataclass
class Sending:
    """One handing over of many pictures. path: of the route that takes them; most: bytes of one picture."""

    transport: Transport
    path: tuple[str, ...]
    details: Mapping[str, Any]
    most: int
    count: int = _COUNT
    size: int = _BYTES
    batches: list[Batch] = field(default_factory=list)
    failures: dict[int, "JobResult"] = field(default_factory=dict)

    def run(self, pictures: Iterable[Named]) -> Many:
        """Hand the pictures over, reading them as they are needed, and return what is to be waited for. Raises KuatoError."""
        batch: list[tuple[int, File]] = []
        size = total = 0
        for position, given in enumerate(pictures):
            total = position + 1
            try:
                file = read(given, self.most)
            except KuatoError as error:
                self.failures[position] = _failed(position, named(given), failure(error))
                continue
            if batch and (len(batch) >= self.count or size + len(file.data) > self.size):
                self._hand_over(batch)
                batch, size = [], 0
            batch.append((position, file))
            size += len(file.data)
        if batch:
            self._hand_over(batch)
        return Many(tuple(self.batches), self.failures, total)

    def _hand_over(self, batch: Sequence[tuple[int, File]]) -> None:
        """Hand over pictures as one job, or as several where the server takes no such job."""
        try:
            job = self._submit(Form.of([file for _, file in batch], self.details))
        except (TooLarge, RequestTooLarge) as error:
            if len(batch) == 1:
                position, file = batch[0]
                self.failures[position] = _failed(position, file.name, failure(error))
                return
            # Too many bytes or too many parts, which is not said: from now on fewer of both. One picture that is too large by
            # itself says nothing about the others; it is found by halving.
            half = len(batch) // 2
            if isinstance(error, RequestTooLarge):
                self.count, self.size = half, min(self.size, max(1, sum(len(file.data) for _, file in batch) // 2))
            self._hand_over(batch[:half])
            self._hand_over(batch[half:])
            return
        except KuatoError as error:
            if not self.batches:
                raise
            done = sum(len(batch.positions) for batch in self.batches)
            jobs = ", ".join(batch.job for batch in self.batches)
            raise type(error)(f"{error}; {done} pictures before were handed over, as the jobs {jobs}") from None
        self.batches.append(Batch(job["id"], tuple(position for position, _ in batch), tuple(file.name for _, file in batch)))

    def _submit(self, form: Form) -> "JobState":
        """Submit a job. While the server has no room for it, and works on jobs of ours, wait for these."""
        patient = not self.batches
        while True:
            try:
                # Never a second time where the first may have arrived: two jobs would come of it.
                found: JobState = self.transport.post(form, *self.path, repeatable=False, patient=patient)
                return found
            except Busy:
                working = next(filter(self._goes_on, (batch.job for batch in self.batches)), None)
                if working is None and patient:
                    raise
                if working is None:
                    patient = True
                else:
                    self._goes_on(working, _WAIT_SECONDS)

    def _goes_on(self, job: str, wait: float = 0) -> bool:
        try:
            return Jobs(self.transport).get(job, wait)["state"] not in FINAL
        except NotFound:
            return False


def joined(jobs: Jobs, many: Many, deadline: float | None = None) -> "Iterator[JobResult]":
    """Yield one result for each picture, in the order they were given, as they come. Raises what Jobs.outcome does."""
    outcome = (result for batch in many.batches for result in _complete(jobs, batch, deadline))
    for position in range(many.total):
        yield many.failures[position] if position in many.failures else next(outcome)


def _complete(jobs: Jobs, batch: Batch, deadline: float | None) -> "Iterator[JobResult]":
    """Yield one result for each picture of a batch, with its position among all; also where the job ended before its time."""
    at = 0
    try:
        for result in jobs.outcome(batch.job, deadline):
            for missing in range(at, result["index"]):
                yield _missing(jobs, batch, missing)
            at = result["index"] + 1
            yield {**result, "index": batch.positions[result["index"]]}
        for missing in range(at, len(batch.positions)):
            yield _missing(jobs, batch, missing)
            at = missing + 1
    except NotFound as error:
        for missing in range(at, len(batch.positions)):
            yield _failed(batch.positions[missing], batch.names[missing], failure(error))


def _missing(jobs: Jobs, batch: Batch, index: int) -> "JobResult":
    job = jobs.get(batch.job)
    error = job["error"] or {"code": KuatoError.code, "message": f"job {batch.job} was {job['state']} before this picture had its turn"}
    return _failed(batch.positions[index], batch.names[index], error)


def failure(error: KuatoError) -> "Failure":
    """Return what went wrong with one picture."""
    return {"code": error.code, "message": str(error)}


def _failed(position: int, name: str, error: "Failure") -> "JobResult":
    return {"index": position, "name": name, "result": None, "error": error}
