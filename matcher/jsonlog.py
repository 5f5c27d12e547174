"""The log as JSON, a line for each message, for what collects logs."""

import json
import logging
from datetime import datetime, timezone


class JsonFormatter(logging.Formatter):
    """Makes of each message an object: time, level, logger, message; what its `details` are; the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        line = {"time": moment, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        details = getattr(record, "details", None)
        line |= details if isinstance(details, dict) else {}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
