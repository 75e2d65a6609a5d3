"""Times as documents write them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time

_PDF = re.compile(r"D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:(Z)|([+-]\d\d)'?(\d\d)?'?)?")

_LEAST = ("01", "01", "00", "00", "00")


def read_time(value: object) -> datetime | None:
    """ISO 8601 or a date; without a zone it is UTC; None for anything else."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, datetime):
        return _possible(value)
    return datetime.combine(value, time.min, UTC) if isinstance(value, date) else None


def read_pdf_time(value: str) -> datetime | None:
    """`D:20261122184500+01'00'`, as PDF writes it."""
    match = _PDF.match(value.strip())
    if match is None:
        return None
    year, *rest = match.groups()[:6]
    month, day, hour, minute, second = (part or least for part, least in zip(rest, _LEAST, strict=True))
    zone = f"{match[8]}:{match[9] or '00'}" if match[8] else "+00:00"
    return read_time(f"{year}-{month}-{day}T{hour}:{minute}:{second}{zone}")


def _possible(moment: datetime) -> datetime | None:
    """In UTC; a clock that was never set says 1970 or before, or a year that no zone can be taken from."""
    known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return known.astimezone(UTC) if known.year > 1970 else None
    except (OverflowError, ValueError):
        return None
