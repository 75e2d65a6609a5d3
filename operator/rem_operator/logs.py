"""Logs of the operator: one JSON object per line, a constant message plus fields.

Fields go in as `extra={…}`. Owns the format only; levels are a setting.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# kopf attaches references and settings to its records; they are neither small nor JSON.
_FOREIGN = frozenset({"k8s_ref", "k8s_skip", "settings"})


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: time, level, logger, message, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Never raises: what JSON does not know is written as text."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        extra = {k: v for k, v in vars(record).items() if k not in _STANDARD and k not in _FOREIGN}
        line |= {(f"field_{key}" if key in line else key): value for key, value in extra.items()}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def set_up_logs(level: str, *, stream: TextIO = sys.stderr) -> None:
    """Send every logger's records to `stream` as JSON."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(_without_kopf_tracebacks)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # kopf tells of each watch that it opens and each object that it sees; the metrics tell the same for less.
    logging.getLogger("kopf").setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def _without_kopf_tracebacks(record: logging.LogRecord) -> bool:
    """A watch that fails is told three times with a page of kopf's internals each; one line of it is enough."""
    if record.name.startswith("kopf"):
        record.exc_info = None
    return not (record.name == "asyncio" and "/kopf/" in record.getMessage())
