"""Times as they come in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator


def in_utc(time: datetime) -> datetime:
    """The same moment; without an offset it is meant in UTC. Raises ValueError outside the years 1 to 9999."""
    try:
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is before the year 1 or after the year 9999 in UTC") from error


UtcTime = Annotated[datetime, AfterValidator(in_utc)]
"""A time; without an offset it is meant in UTC."""
