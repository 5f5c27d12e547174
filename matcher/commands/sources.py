"""How sources and times are written on the command line."""

import re
from datetime import datetime, timedelta, timezone

import click

from matcher.source import Source

_AGO = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class SourceType(click.ParamType):
    """KIND:ID, such as url:https://example.org/login.png."""

    name = "source"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Source:
        """Return the source; click reports what is none."""
        if isinstance(value, Source):
            return value
        kind, _, id = str(value).encode("utf-8", "backslashreplace").decode().partition(":")
        if not kind.strip() or not id.strip():
            self.fail(f"{value!r} is no source; write KIND:ID, such as url:https://example.org/a.png", param, ctx)
        return Source(kind.strip(), id.strip())


class MomentType(click.ParamType):
    """A date, a date and time (UTC unless it has an offset), or how long ago (90m, 24h, 7d, 2w), in seconds since the epoch."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds since the epoch; click reports what is no time."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        try:
            if ago := _AGO.fullmatch(text):
                return (datetime.now(timezone.utc) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).timestamp()
            found = datetime.fromisoformat(text.replace("Z", "+00:00"))
            return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is no time; write 2026-05-01, 2026-05-01T12:00 (UTC), or 24h, 7d, 2w ago", param, ctx)


SOURCE = SourceType()
MOMENT = MomentType()
