"""One node into the database, in one transaction: readers see the old or the new whole.

Who calls has prepared and embedded everything; nothing here takes longer than the statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg

from rem_runtime.memory.embedding.embedder import Vectors
from rem_runtime.memory.ingest.prepared import Prepared
from rem_runtime.memory.keys import fuzzy_text, normalise_key
from rem_runtime.memory.models import InlineEdge
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


async def write_node(conn: asyncpg.Connection, node: Prepared, vectors: Vectors, place: Place) -> Written:
    """Create or replace the node of this identity; nothing is written where the content is the same."""
    async with conn.transaction():
        identity = node.data["uri"] if node.kind == "resource" else node.key
        await conn.execute(SQL["lock_identity"], place.owner, node.kind, identity)
        found = await conn.fetchrow(SQL[f"find_{node.kind}"], place.owner, identity)
        if found is not None and found["content_hash"] == node.content_hash:
            return Written(found["id"], created=False, unchanged=True)
        node_id = await _insert(conn, node, place) if found is None else found["id"]
        if found is not None:
            await _clear(conn, node, node_id, place)
        await _write_names(conn, node, node_id, place)
        await _write_edges(conn, node.edges, node_id, place)
        if node.chunks:
            await _write_chunks(conn, node, vectors, node_id=node_id, place=place)
    return Written(node_id, created=found is None, unchanged=False)


async def _insert(conn: asyncpg.Connection, node: Prepared, place: Place) -> UUID:
    node_id: UUID = await conn.fetchval(
        SQL["insert_node"], place.tenant, place.owner, node.kind, node.type, node.key, node.label, node.data,
        node.metadata, list(node.tags), node.starts_at, fuzzy_text(node.key), node.content_hash,
    )  # fmt: skip
    return node_id


async def _clear(conn: asyncpg.Connection, node: Prepared, node_id: UUID, place: Place) -> None:
    """The new fields, and nothing left of what hangs on the old ones."""
    await conn.execute(
        SQL["update_node"], node_id, place.owner, node.type, node.key, node.label, node.data, node.metadata,
        list(node.tags), node.starts_at, fuzzy_text(node.key), node.content_hash,
    )  # fmt: skip
    for statement in ("delete_postings", "delete_chunks", "delete_names"):
        await conn.execute(SQL[statement], node_id, place.owner)
    kept = [(edge.rel_type, normalise_key(edge.dst), edge.dst_kind or "") for edge in node.edges]
    await conn.execute(SQL["delete_edges"], node_id, place.owner, *_columns(kept, 3))


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
    conn: asyncpg.Connection, node: Prepared, vectors: Vectors, *, node_id: UUID, place: Place
) -> None:
    headings = [chunk.heading for chunk in node.chunks]
    texts = [chunk.text for chunk in node.chunks]
    numbers = list(range(len(texts)))
    await conn.execute(
        SQL["insert_chunks"], node_id, place.owner, numbers, headings, texts, place.model_id, vector_texts(vectors)
    )


def vector_texts(vectors: Vectors) -> list[str]:
    """Vectors as pgvector reads them."""
    return ["[" + ",".join(f"{x:.6g}" for x in vector) + "]" for vector in vectors.tolist()]


def _columns(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    return [[row[index] for row in rows] for index in range(width)]
