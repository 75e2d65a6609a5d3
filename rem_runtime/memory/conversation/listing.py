"""Pages of sessions and messages. The cursor is the last id, so that what comes in between moves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from rem_runtime.memory.conversation.rows import SQL
from rem_runtime.memory.pages import decode_cursor, page_size
from rem_runtime.memory.snapshot import snapshot

_OLDEST, _NEWEST = UUID(int=0), UUID(int=2**128 - 1)
# An id is made a moment after the time that its row shows, later where the transaction waited.
_SLACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SessionsWanted:
    """Which page of the sessions; filters that are null keep everything."""

    cursor: str | None = None
    limit: int = 50
    mode: str | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class MessagesWanted:
    """Which page of the messages: of one session in its order, or of all, newest first."""

    cursor: str | None = None
    limit: int = 50
    session_id: UUID | None = None
    newest_first: bool = False
    """The end of a session first. Without a session it is always so."""
    role: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def fetch_sessions(pool: asyncpg.Pool, user: str, wanted: SessionsWanted) -> Sequence[asyncpg.Record]:
    """At most one row more than the page holds; raises InvalidInput for a cursor that is none."""
    before = _place(wanted.cursor, _NEWEST)
    size = page_size(wanted.limit) + 1
    return await _fetch(pool, "list_sessions", user, before, size, wanted.mode, wanted.agent)


async def fetch_messages(pool: asyncpg.Pool, user: str, wanted: MessagesWanted) -> Sequence[asyncpg.Record]:
    """The same for messages."""
    size, times = page_size(wanted.limit) + 1, (wanted.since, wanted.until)
    if wanted.session_id is None:
        before = _place(wanted.cursor, _NEWEST)
        bounds = (_first_id_of(wanted.since, -_SLACK, _OLDEST), _first_id_of(wanted.until, _SLACK, _NEWEST))
        return await _fetch(pool, "list_messages", user, before, size, *times, wanted.role, *bounds)
    statement = "messages_of_session" + ("_newest_first" if wanted.newest_first else "")
    place = _place(wanted.cursor, _NEWEST if wanted.newest_first else _OLDEST)
    return await _fetch(pool, statement, user, wanted.session_id, place, size, *times, wanted.role)


async def _fetch(pool: asyncpg.Pool, statement: str, *arguments: object) -> Sequence[asyncpg.Record]:
    async with snapshot(pool) as conn:
        rows: list[asyncpg.Record] = await conn.fetch(SQL[statement], *arguments)
    return rows


def _place(cursor: str | None, start: UUID) -> UUID:
    return decode_cursor(cursor) if cursor else start


def _first_id_of(time: datetime | None, slack: timedelta, otherwise: UUID) -> UUID:
    """The smallest id of a time: a uuidv7 begins with its milliseconds."""
    try:
        milliseconds = round((time + slack).timestamp() * 1000) if time else -1
    except (OverflowError, ValueError):  # the ends of time: no bound
        return otherwise
    return UUID(int=milliseconds << 80) if 0 <= milliseconds < 2**48 else otherwise
