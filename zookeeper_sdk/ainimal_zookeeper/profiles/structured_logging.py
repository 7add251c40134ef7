"""Structured logging: the log as Cloud Logging reads it, a JSON object a line with all that was said."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from typing import TextIO

_OURS = ("ainimal_zookeeper", "graphql_api", "job_launcher", "runner_link")
_KNOWN = logging.makeLogRecord({}).__dict__.keys() | {"message", "asctime", "taskName"}


def write_to(stream: TextIO) -> None:
    """Writes the log of this process to `stream` and nowhere else: warnings of all, and what the zoo has to say."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)


class JsonLines(logging.Formatter):
    """`severity`, `message` (with the traceback), `logger`, `time`, and the fields of `extra` under their own names."""

    def format(self, record: logging.LogRecord) -> str:
        extra = {name: value for name, value in record.__dict__.items() if name not in _KNOWN}
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        line = {
            **extra,
            "severity": record.levelname,
            "message": message,
            "logger": record.name,
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
        }
        return json.dumps(line, default=str)
