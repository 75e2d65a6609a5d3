"""One node or message into the database, in one transaction: readers see the old or the new whole.

Who calls has prepared everything, and embedded it where the embedder is of this process (`Embedder.inline`); without
vectors a job is queued in the same transaction. The only place that writes chunks, postings and vectors of one thing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg

from rem_runtime.memory.embedding.embedder import Vectors
from rem_runtime.memory.ingest.chunks import Chunk
from rem_runtime.memory.ingest.prepared import Prepared
from rem_runtime.memory.keys import fuzzy_text, normalise_key
from rem_runtime.memory.models import InlineEdge
from rem_runtime.memory.pool import half_vectors
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "write.sql")


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a node."""

    id: UUID
    created: bool
    unchanged: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node goes: whose it is, and which model its vectors are of."""

    tenant: str
    owner: str
    model_id: int


Beside = Callable[[asyncpg.Connection], Awaitable[None]]
"""What is written in the same transaction, under the same lock; what it raises leaves everything as it was."""


async def write_node(
    conn: asyncpg.Connection, node: Prepared, vectors: Vectors | None, place: Place, *, beside: Beside | None = None
) -> Written:
    """Create or replace the node of this identity; nothing is written where the content is the same."""
    async with conn.transaction():
        await conn.execute(SQL["lock_identity"], place.owner, node.kind, identity_of(node))
        if beside is not None:
            await beside(conn)
        found = await _find(conn, node, place)
        if found is not None and found["content_hash"] == node.content_hash:
            return Written(found["id"], created=False, unchanged=True)
        if found is None:
            node_id = await _insert(conn, node, place)
            await _write_names(conn, node, node_id, place)
            await _write_edges(conn, node.edges, node_id, place)
            await _write_chunks(conn, node.chunks, vectors, node_id=node_id, place=place)
        else:
            node_id = found["id"]
            await replace_node(conn, node_id, node, vectors, place)
    return Written(node_id, created=found is None, unchanged=False)


async def replace_node(
    conn: asyncpg.Connection,
    node_id: UUID,
    node: Prepared,
    vectors: Vectors | None,
    place: Place,
    *,
    chunks: bool = True,
    edges: bool = True,
) -> None:
    """Bring a node that the caller has locked to new fields and names; its chunks and edges stay where it says so."""
    await conn.execute(
        SQL["update_node"], node_id, place.owner, node.type, node.key, node.label, node.data, node.metadata,
        list(node.tags), node.starts_at, node.ends_at, fuzzy_text(node.key), node.content_hash,
    )  # fmt: skip
    await conn.execute(SQL["delete_names"], node_id, place.owner)
    await _write_names(conn, node, node_id, place)
    if edges:
        kept = [(edge.rel_type, normalise_key(edge.dst), edge.dst_kind or "") for edge in node.edges]
        await conn.execute(SQL["delete_edges"], node_id, place.owner, *_columns(kept, 3))
        await _write_edges(conn, node.edges, node_id, place)
    if chunks:
        await write_node_chunks(conn, node_id, node.chunks, vectors, place)


async def write_node_chunks(
    conn: asyncpg.Connection, node_id: UUID, chunks: Sequence[Chunk], vectors: Vectors | None, place: Place
) -> None:
    """Replace what a node is searched by; the caller has locked it."""
    await conn.execute(SQL["delete_postings"], node_id, place.owner)
    await conn.execute(SQL["delete_chunks"], node_id, place.owner)
    await _write_chunks(conn, chunks, vectors, node_id=node_id, place=place)


async def write_message_chunks(
    conn: asyncpg.Connection, message_id: UUID, chunks: Sequence[Chunk], vectors: Vectors | None, place: Place
) -> None:
    """Replace what a stored message is searched by."""
    async with conn.transaction():
        await conn.execute(SQL["delete_message_postings"], message_id, place.owner)
        await conn.execute(SQL["delete_message_chunks"], message_id, place.owner)
        if chunks:
            await conn.execute(
                SQL["insert_message_chunks"], message_id, place.owner, *_chunk_columns(chunks, vectors, place)
            )


def identity_of(node: Prepared) -> str:
    """What tells it from the other nodes of its owner and kind; of two with the same one is replaced by the other."""
    if node.kind in {"resource", "file"}:
        return str(node.data["uri"])
    if node.kind == "moment" and node.starts_at is not None:
        return f"{node.key}{chr(31)}{node.starts_at.isoformat()}"
    return node.key


async def _find(conn: asyncpg.Connection, node: Prepared, place: Place) -> asyncpg.Record | None:
    if node.kind == "moment":
        return await conn.fetchrow(SQL["find_moment"], place.owner, node.key, node.starts_at)
    return await conn.fetchrow(SQL[f"find_{node.kind}"], place.owner, identity_of(node))


async def _insert(conn: asyncpg.Connection, node: Prepared, place: Place) -> UUID:
    node_id: UUID = await conn.fetchval(
        SQL["insert_node"], place.tenant, place.owner, node.kind, node.type, node.key, node.label, node.data,
        node.metadata, list(node.tags), node.starts_at, node.ends_at, fuzzy_text(node.key), node.content_hash,
    )  # fmt: skip
    return node_id


async def _write_names(conn: asyncpg.Connection, node: Prepared, node_id: UUID, place: Place) -> None:
    first = await conn.fetchval(SQL["insert_label"], node.key, place.owner, node.kind, node_id)
    others = list(node.names) if first else [node.key, *node.names]
    if others:
        await conn.execute(SQL["insert_names"], others, place.owner, node.kind, node_id)


async def _write_edges(conn: asyncpg.Connection, edges: Sequence[InlineEdge], node_id: UUID, place: Place) -> None:
    rows = [
        (
            edge.rel_type, normalise_key(edge.dst), edge.dst_kind or "", edge.dst, edge.weight, edge.properties,
            edge.valid.since if edge.valid else None, edge.valid.until if edge.valid else None,
        )
        for edge in edges
    ]  # fmt: skip
    if rows:
        await conn.execute(SQL["upsert_edges"], node_id, place.owner, *_columns(rows, 8))


async def _write_chunks(
    conn: asyncpg.Connection, chunks: Sequence[Chunk], vectors: Vectors | None, *, node_id: UUID, place: Place
) -> None:
    if chunks:
        await conn.execute(SQL["insert_chunks"], node_id, place.owner, *_chunk_columns(chunks, vectors, place))


def _chunk_columns(chunks: Sequence[Chunk], vectors: Vectors | None, place: Place) -> list[object]:
    """The arguments after the thing and its owner, for nodes and messages alike."""
    return [
        list(range(len(chunks))),
        [chunk.heading for chunk in chunks],
        [chunk.text for chunk in chunks],
        place.model_id,
        [] if vectors is None else half_vectors(vectors),
    ]


def _columns(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    return [[row[index] for row in rows] for index in range(width)]
