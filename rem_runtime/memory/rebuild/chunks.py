"""Chunks by today's rules, for the window of the embedder that is used: texts are cut anew, what differs is replaced.

Vectors are made before a node is locked, whatever the embedder; where it is away, a job makes them later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from rem_runtime.memory.conversation.chunks import chunks_of_message, speaker_of
from rem_runtime.memory.embedding.embedder import Vectors
from rem_runtime.memory.errors import EmbedderError
from rem_runtime.memory.ingest.chunks import Chunk, Window, cut_chunks
from rem_runtime.memory.ingest.markdown import read_plain
from rem_runtime.memory.ingest.readers.reading import read_stored
from rem_runtime.memory.ingest.write import write_message_chunks, write_node_chunks
from rem_runtime.memory.rebuild.parts import SQL, Work

BATCH = 50
_KINDS = ("resource", "entity", "moment", "user")
_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class _Cut:
    """What a node or message is cut into today, and which state of it was read."""

    id: UUID
    state: int | datetime
    chunks: Sequence[Chunk]
    is_message: bool


async def rebuild_chunks(work: Work, owner: str) -> dict[str, int]:
    """The chunks of one owner's nodes and messages; how many things had others."""
    window = Window(work.embedder.token_ends, work.embedder.max_tokens)
    nodes = sum([await _rebuild_kind(work, owner, kind, window) for kind in _KINDS])
    return {"nodes cut otherwise": nodes, "messages cut otherwise": await _rebuild_kind(work, owner, None, window)}


async def _rebuild_kind(work: Work, owner: str, kind: str | None, window: Window) -> int:
    """Of nodes of a kind, or of messages."""
    last, changed = _FIRST, 0
    while True:
        async with work.reading() as conn:
            rows = (
                await conn.fetch(SQL["messages"], owner, last, BATCH)
                if kind is None
                else await conn.fetch(SQL["texts"], owner, kind, last, BATCH)
            )
        for cut in await asyncio.to_thread(_cut_all, rows, window):
            changed += await _replace(work, owner, cut)
        if len(rows) < BATCH:
            return changed
        last = rows[-1]["id"]


def _cut_all(rows: Sequence[asyncpg.Record], window: Window) -> list[_Cut]:
    """Those that differ from what is stored."""
    cuts = []
    for row in rows:
        is_message = "content" in row.keys()  # noqa: SIM118 - `in` of a Record looks at its values
        chunks = _chunks_of_message(row, window) if is_message else _chunks_of_node(row, window)
        if [(chunk.heading, chunk.text) for chunk in chunks] != list(zip(row["headings"], row["texts"], strict=True)):
            cuts.append(_Cut(row["id"], row["updated_at"] if is_message else row["version"], chunks, is_message))
    return cuts


def _chunks_of_node(row: asyncpg.Record, window: Window) -> list[Chunk]:
    if row["kind"] == "resource":
        text = "".join(row["texts"])
        blocks = read_stored(text, row["media_type"] or "").blocks if text else ()
    else:
        text = row["said"]
        blocks = read_plain(text, 0).blocks if text.strip() else ()
    return cut_chunks(text, blocks, label=row["label"], window=window) if blocks else []


def _chunks_of_message(row: asyncpg.Record, window: Window) -> list[Chunk]:
    return chunks_of_message(row["content"], speaker=speaker_of(row["role"], row["metadata"]), window=window)


async def _replace(work: Work, owner: str, cut: _Cut) -> bool:
    """False where somebody changed it meanwhile, by the rules of today."""
    vectors: Vectors | None
    try:
        vectors = await work.embedder.embed([chunk.full_text for chunk in cut.chunks])
    except EmbedderError:
        vectors = None  # the queue goes on trying, and says what was refused
    unchanged, write = (
        ("unchanged_message", write_message_chunks) if cut.is_message else ("unchanged_node", write_node_chunks)
    )
    async with work.alone(owner) as conn:
        if not await conn.fetchval(SQL[unchanged], owner, cut.id, cut.state):
            return False
        await write(conn, cut.id, cut.chunks, vectors, work.place(owner))
    return True
