"""Pages of nodes of one kind, newest first. The cursor is the last id, so that what comes in between moves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from rem_runtime.memory.ingest.clean import clean_text
from rem_runtime.memory.keys import normalise_key, normalise_name
from rem_runtime.memory.pages import decode_cursor, page_size
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "records.sql")

_NEWEST = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which page of which list; filters that are null keep everything."""

    cursor: str | None = None
    limit: int = 50
    label: str | None = None
    """A name: the label, or an alias, in any spelling of the same key."""
    uri: str | None = None
    type: str | None = None
    since: datetime | None = None
    """From then on: when it happened or was written, else when it came."""
    until: datetime | None = None
    """Before then."""
    state: str | None = None
    """Files: how far they are."""


async def list_ids(conn: asyncpg.Connection, user: str, kind: str, wanted: Wanted) -> Sequence[UUID]:
    """At most one id more than the page holds; raises InvalidInput for a cursor or a label that is none."""
    statement, further = _statement(wanted)
    rows = await conn.fetch(SQL[statement], user, kind, *_arguments(wanted), *further)
    return [row["id"] for row in rows]


def _statement(wanted: Wanted) -> tuple[str, list[Any]]:
    """The statement that reads least. One filter leads; of uri and label the uri, since it names one thing."""
    if wanted.uri is not None:
        return "list_at_uri", [clean_text(wanted.uri)]
    if wanted.label is not None:
        return "list_named", [normalise_key(wanted.label)]
    return "list_all", []


def _arguments(wanted: Wanted) -> list[Any]:
    before = decode_cursor(wanted.cursor) if wanted.cursor else _NEWEST
    kind = None if wanted.type is None else normalise_name(wanted.type)
    return [before, page_size(wanted.limit) + 1, kind, wanted.since, wanted.until, wanted.state]
