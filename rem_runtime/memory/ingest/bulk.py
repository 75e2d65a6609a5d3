"""Many nodes at once, by COPY: for filling a memory, where a transaction for each node would take hours.

The rules are `write.write_node`'s: one normaliser, the first of a label is canonical, the same content again writes
nothing, changed content replaces. A batch is one transaction, so a load that was interrupted is simply run again.
Vectors are not made here: a job is queued for each text, and the API's replicas make them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from rem_runtime.memory.embedding.embedder import Vectors
from rem_runtime.memory.ingest.prepared import Prepared
from rem_runtime.memory.ingest.write import Place, identity_of, write_node
from rem_runtime.memory.keys import fuzzy_text, normalise_key
from rem_runtime.memory.models import InlineEdge
from rem_runtime.memory.pool import half_vectors
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "bulk.sql")

BATCH = 5_000  # nodes of one transaction: about a second, during which the owner's other writers wait
_STAGED = ("ord", "kind", "identity", "key", "starts_at", "content_hash")
_NODE = (
    "id", "tenant_id", "owner", "kind", "type", "key", "label", "data", "metadata", "tags", "starts_at", "ends_at",
    "fuzzy_text", "content_hash",
)  # fmt: skip
_NAME = ("key", "owner", "kind", "node_id", "canonical")
_EDGE = ("src", "owner", "rel", "dst_key", "dst_kind", "dst_label", "weight")
_RICH_EDGE = (*_EDGE, "properties", "valid")
# The canonical bearer of these labels is their identity: a new one cannot meet another.
_NAMED_BY_IDENTITY = frozenset({"entity", "user"})


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of some nodes."""

    created: int = 0
    replaced: int = 0
    unchanged: int = 0

    def __add__(self, other: Loaded) -> Loaded:
        return Loaded(self.created + other.created, self.replaced + other.replaced, self.unchanged + other.unchanged)


async def load_nodes(pool: asyncpg.Pool, nodes: Iterable[Prepared], place: Place) -> Loaded:
    """Store the nodes in batches; the next batch is taken apart while the last is written."""
    loaded, source = Loaded(), iter(nodes)
    batch = await asyncio.to_thread(_take, source)
    async with pool.acquire() as conn:
        while batch:
            writing = asyncio.create_task(load_batch(conn, batch, place))
            try:
                batch = await asyncio.to_thread(_take, source)
            finally:
                loaded += await writing  # also where the source failed: what came before it is stored
    return loaded


def _take(source: Iterator[Prepared]) -> list[Prepared]:
    return list(islice(source, BATCH))


async def load_batch(conn: asyncpg.Connection, nodes: Iterable[Prepared], place: Place) -> Loaded:
    """Store the nodes in one transaction; of two with the same identity the last counts."""
    batch = list({(node.kind, identity_of(node)): node for node in nodes}.values())
    async with conn.transaction():
        await conn.execute(SQL["lock_owner"], place.owner)
        known = await _resolve(conn, batch, place)
        fresh = [node for number, node in enumerate(batch) if number not in known]
        changed = [batch[number] for number, same in known.items() if not same]
        if fresh:
            await insert_nodes(conn, fresh, place)
        for node in changed:
            await write_node(conn, node, None, place)
    return Loaded(created=len(fresh), replaced=len(changed), unchanged=len(known) - len(changed))


async def _resolve(conn: asyncpg.Connection, batch: Sequence[Prepared], place: Place) -> dict[int, bool]:
    """The nodes of the batch that are stored already, by their number, and whether with the same content."""
    await conn.execute(SQL["stage"])
    rows = [
        (number, node.kind, identity_of(node), node.key, node.starts_at, node.content_hash)
        for number, node in enumerate(batch)
    ]
    await conn.copy_records_to_table("bulk_node", schema_name="pg_temp", columns=_STAGED, records=rows)
    await conn.execute(SQL["by_index"])
    found = {row["ord"]: row["same"] for row in await conn.fetch(SQL["resolve"], place.owner)}
    await conn.execute(SQL["as_usual"])
    await conn.execute(SQL["unstage"])
    return found


async def insert_nodes(
    conn: asyncpg.Connection, fresh: Sequence[Prepared], place: Place, *, vectors: Vectors | None = None
) -> list[UUID]:
    """Store nodes that are not there; returns their ids.

    The caller is in a transaction that holds the owner's lock. `vectors` has a row for each chunk of each node.
    """
    ids: list[UUID] = await conn.fetchval(SQL["new_ids"], len(fresh))
    identified = list(zip(ids, fresh, strict=True))
    rows = (
        (
            node_id, place.tenant, place.owner, node.kind, node.type, node.key, node.label, node.data, node.metadata,
            list(node.tags), node.starts_at, node.ends_at, fuzzy_text(node.key), node.content_hash,
        )
        for node_id, node in identified
    )  # fmt: skip
    await conn.copy_records_to_table("node", columns=_NODE, records=rows)
    await _insert_names(conn, identified, place)
    plain: list[tuple[UUID, InlineEdge]] = []
    rich: list[tuple[UUID, InlineEdge]] = []
    for node_id, node in identified:
        for edge in node.edges:
            (rich if edge.properties or edge.valid else plain).append((node_id, edge))
    for columns, edges, row_of in ((_EDGE, plain, _plain_row), (_RICH_EDGE, rich, _rich_row)):
        if edges:
            records = (row_of(node_id, edge, place.owner) for node_id, edge in edges)
            await conn.copy_records_to_table("edge", columns=columns, records=records)
    await _insert_chunks(conn, identified, place, vectors)
    return ids


async def _insert_names(conn: asyncpg.Connection, identified: Sequence[tuple[UUID, Prepared]], place: Place) -> None:
    """The first of a label is canonical, here as among those that are stored."""
    shared = [node for _, node in identified if node.kind not in _NAMED_BY_IDENTITY]
    taken = {
        (row["key"], row["kind"])
        for row in (
            await conn.fetch(
                SQL["taken_labels"], place.owner, [node.key for node in shared], [node.kind for node in shared]
            )
            if shared
            else []
        )
    }
    rows = []
    for node_id, node in identified:
        label = (node.key, node.kind)
        rows.append((node.key, place.owner, node.kind, node_id, label not in taken))
        taken.add(label)
        rows += [(key, place.owner, node.kind, node_id, False) for key in node.names]
    await conn.copy_records_to_table("name", columns=_NAME, records=rows)


def _plain_row(node_id: UUID, edge: InlineEdge, owner: str) -> tuple[Any, ...]:
    return (node_id, owner, edge.rel_type, normalise_key(edge.dst), edge.dst_kind or "", edge.dst, edge.weight)


def _rich_row(node_id: UUID, edge: InlineEdge, owner: str) -> tuple[Any, ...]:
    valid = asyncpg.Range(edge.valid.since, edge.valid.until) if edge.valid else asyncpg.Range()
    return (*_plain_row(node_id, edge, owner), edge.properties, valid)


async def _insert_chunks(
    conn: asyncpg.Connection, identified: Sequence[tuple[UUID, Prepared]], place: Place, vectors: Vectors | None
) -> None:
    columns: Mapping[str, list[Any]] = {"nodes": [], "numbers": [], "headings": [], "texts": []}
    for node_id, node in identified:
        for number, chunk in enumerate(node.chunks):
            for column, value in zip(columns.values(), (node_id, number, chunk.heading, chunk.text), strict=True):
                column.append(value)
    if columns["nodes"]:
        halves = [] if vectors is None else half_vectors(vectors)
        await conn.execute(SQL["insert_chunks"], place.owner, *columns.values(), place.model_id, halves)
