"""Times of the dialect: their canonical text, and the span that each covers. Pure; there is no clock in it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from rem_runtime.memory.dialect.ast import Time

TIME_PATTERN = re.compile(
    r"\d{4}(?:-\d{2}(?:-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:[Zz]|[+-]\d{2}(?::?\d{2})?)?)?)?)?",
    re.ASCII,
)
_YEAR, _MONTH, _DAY = 4, 7, 10  # the lengths of the shorter forms


def parse_time(text: str) -> Time:
    """The time that is written; raises ValueError. Without a zone it is UTC."""
    if not TIME_PATTERN.fullmatch(text):
        raise ValueError("not a time")
    if len(text) <= _DAY:
        span(Time(text))
        return Time(text)
    moment = datetime.fromisoformat(text.upper())
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    return Time(moment.isoformat().replace("+00:00", "Z"))


def span(time: Time) -> tuple[datetime, datetime]:
    """The first moment of a time, and the first moment after it: a month's end is not its first day."""
    text = time.text
    if len(text) == _YEAR:
        return _utc(int(text), 1), _utc(int(text) + 1, 1)
    if len(text) == _MONTH:
        year, month = int(text[:4]), int(text[5:])
        return _utc(year, month), _utc(year + month // 12, month % 12 + 1)
    start = datetime.fromisoformat(text)
    if len(text) == _DAY:
        start = start.replace(tzinfo=UTC)
        return start, start + timedelta(days=1)
    return start, start + timedelta(microseconds=1)


def _utc(year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC)
