"""Messages into the database: appended in order, each with what it is searched by, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from rem_runtime.memory.conversation.inputs import MessageInput
from rem_runtime.memory.conversation.rows import SQL, message_of
from rem_runtime.memory.embedding.embedder import Vectors
from rem_runtime.memory.errors import NotFound
from rem_runtime.memory.ingest.chunks import Chunk
from rem_runtime.memory.ingest.write import Place, write_message_chunks
from rem_runtime.memory.models import Message


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message with what it is searched by; without vectors where the embedder is elsewhere."""

    message: MessageInput
    chunks: Sequence[Chunk]
    vectors: Vectors | None


async def append(
    conn: asyncpg.Connection, session_id: UUID, messages: Sequence[Prepared], place: Place
) -> list[Message]:
    """Append them in their order; raises NotFound where the session has gone meanwhile."""
    async with conn.transaction():
        await conn.execute(SQL["lock_owner"], place.owner)
        if await conn.fetchval(SQL["lock_session"], place.owner, session_id) is None:
            raise NotFound(f"there is no session {session_id}, or it is somebody else's")
        ids = await conn.fetchval(SQL["new_message_ids"], place.owner, session_id, len(messages))
        sent = [one.message.model_dump(mode="json") for one in messages]
        rows = await conn.fetch(SQL["insert_messages"], place.owner, session_id, place.tenant, ids, sent)
        for message_id, one in zip(ids, messages, strict=True):
            if one.chunks:
                await write_message_chunks(conn, message_id, one.chunks, one.vectors, place)
    return sorted((message_of(row) for row in rows), key=lambda message: message.id)


async def rewrite(
    conn: asyncpg.Connection, before: Message, after: MessageInput, *, said: Prepared | None, place: Place
) -> Message | None:
    """Write a change of the version `before`; `said` replaces what it is searched by. None where somebody was first."""
    async with conn.transaction():
        await conn.execute(SQL["lock_owner"], place.owner)
        row = await conn.fetchrow(
            SQL["update_message"], place.owner, before.id, before.updated_at, after.content, _calls(after),
            after.trace_id, after.metadata, list(after.tags),
        )  # fmt: skip
        if row is None:
            return None
        if said is not None:
            await write_message_chunks(conn, before.id, said.chunks, said.vectors, place)
    return message_of(row)


def _calls(message: MessageInput) -> list[Any]:
    return [call.model_dump(mode="json") for call in message.tool_calls]
