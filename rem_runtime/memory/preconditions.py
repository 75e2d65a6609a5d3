"""Whether a stored thing is still at the version that a caller has named, for whoever holds its owner's lock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

import asyncpg

from rem_runtime.memory.conversation.rows import SQL, message_of, session_of
from rem_runtime.memory.errors import PreconditionFailed
from rem_runtime.memory.models import Message, Node, Session
from rem_runtime.memory.retrieval.bodies import fetch_nodes
from rem_runtime.memory.revisions import require_revision

_Row = Mapping[str, Any]
_CONVERSATION: dict[str, tuple[str, Callable[[_Row], Session] | Callable[[_Row], Message]]] = {
    "session": ("get_session", session_of),
    "message": ("get_message", message_of),
}


async def require_current(
    conn: asyncpg.Connection, owner: str, *, kind: str, thing_id: UUID, if_match: Collection[str] | None
) -> None:
    """Raises PreconditionFailed unless the thing is at one of these versions; None wants nothing.

    What is deleted is at no version. Whoever changes something waits for the lock of its owner.
    """
    if if_match is None:
        return
    thing = await _read(conn, owner, kind, thing_id)
    if thing is None:
        raise PreconditionFailed("it is deleted, so it is at no version; without If-Match it can be erased")
    require_revision(thing, if_match)


async def _read(conn: asyncpg.Connection, owner: str, kind: str, thing_id: UUID) -> Node | Session | Message | None:
    if kind not in _CONVERSATION:
        return (await fetch_nodes(conn, owner, [thing_id])).get(thing_id)
    statement, read = _CONVERSATION[kind]
    row = await conn.fetchrow(SQL[statement], owner, thing_id)
    return None if row is None else read(row)
