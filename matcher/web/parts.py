"""Parts of requests that several routes take."""

import re
import time
from contextlib import suppress
from datetime import datetime, timezone
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from matcher.source import Source
from matcher.web.operation import Model

_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=timezone.utc), datetime(2100, 1, 1, tzinfo=timezone.utc)
_TIMES = TypeAdapter(datetime)


def _dated(value: Any) -> Any:
    if re.match("[0-9]{4}-", str(value)):  # a number alone would be taken for seconds, or for milliseconds, by its size
        with suppress(ValidationError):
            # Read here: to what validates strictly, a text that has passed a function is no longer JSON, and so no time.
            return _TIMES.validate_python(value, strict=False)
    raise ValueError("a time is written like 2026-01-31T12:00:00Z")


def _sensible(moment: datetime) -> datetime:
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    if not _EARLIEST <= moment <= _LATEST:
        raise ValueError("a time between 1970 and 2100 is needed")
    return moment


Moment = Annotated[datetime, BeforeValidator(_dated), AfterValidator(_sensible)]
Tag = Annotated[str, Field(min_length=1, max_length=255)]
BankName = Annotated[str, Field(min_length=1, max_length=100)]
SourceName = Annotated[str, Field(min_length=1, max_length=4200, pattern="^[^:]+(:.*)?$", description="kind, or kind:id.")]
FullSourceName = Annotated[str, Field(min_length=3, max_length=4200, pattern="^[^:]+:.+$", description="kind:id.")]
Limit = Annotated[int, Field(ge=1, le=100_000, description="Most matches or pictures in the answer; at most web.max_limit.")]


class NewSource(Model):
    """Where a picture was seen. Times are ISO 8601, UTC unless they say otherwise; now where none is given."""

    kind: Annotated[str, Field(min_length=1, max_length=100, pattern="^[^:]+$")]
    id: Annotated[str, Field(min_length=1, max_length=4096)]
    first_seen: Moment | None = None
    last_seen: Moment | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    visibility: dict[str, Any] = Field(default_factory=dict)

    def source(self, now: float | None = None) -> Source:
        """Return the source; now: the time in its place where none is given, seconds since the epoch."""
        now = time.time() if now is None else now
        first = (self.first_seen or self.last_seen).timestamp() if self.first_seen or self.last_seen else now  # type: ignore[union-attr]
        last = self.last_seen.timestamp() if self.last_seen else max(first, now if self.first_seen is None else first)
        return Source(self.kind, self.id, min(first, last), max(first, last), self.metadata, self.visibility)


class Details(Model):
    """What a picture gains: where it was seen, its tags, the banks it goes into."""

    sources: Annotated[tuple[NewSource, ...], Field(max_length=100)] = ()
    tags: Annotated[tuple[Tag, ...], Field(max_length=200)] = ()
    banks: Annotated[tuple[BankName, ...], Field(max_length=50)] = ()


def named_source(name: str) -> Source:
    """Return the source written kind:id, seen now."""
    kind, _, id = name.partition(":")
    now = time.time()
    return Source(kind, id, now, now)
