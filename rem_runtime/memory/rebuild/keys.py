"""Keys of nodes, names and edges by today's normaliser.

A node's key is made of its label, an edge's of its destination as it was written. Of an alias only the key is kept, so
that is normalised again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.keys import fuzzy_text, normalise_key
from rem_runtime.memory.models import KINDS
from rem_runtime.memory.rebuild.parts import SQL, Work

BATCH = 500
_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class _Name:
    key: str
    kind: str
    node_id: UUID
    canonical: bool


async def rebuild_keys(work: Work, owner: str) -> dict[str, int]:
    """The keys of one owner; how many nodes had another, and how many edges."""
    nodes = 0
    for kind in KINDS:
        last = _FIRST
        while True:
            async with work.alone(owner) as conn:
                rows = await conn.fetch(SQL["nodes"], owner, kind, last, BATCH)
                nodes += await _rewrite_nodes(conn, owner, rows)
            if len(rows) < BATCH:
                break
            last = rows[-1]["id"]
    async with work.alone(owner) as conn:
        await conn.execute(SQL["promote"], owner)
    edges, closed = await _rebuild_edges(work, owner)
    return {"nodes with another key": nodes, "edges with another destination": edges, "edges closed as doubles": closed}


async def _rewrite_nodes(conn: asyncpg.Connection, owner: str, nodes: Sequence[asyncpg.Record]) -> int:
    if not nodes:
        return 0
    before = {row["id"]: row["key"] for row in nodes}
    after = {row["id"]: _key_of(row["label"], row["key"]) for row in nodes}
    stored = [_Name(**_fields(row)) for row in await conn.fetch(SQL["names"], owner, list(after))]
    wanted = [_renamed(name, before[name.node_id], after[name.node_id]) for name in stored]
    other = {new.node_id for old, new in zip(stored, wanted, strict=True) if old.key != new.key}
    other |= {
        row["id"]
        for row in nodes
        if (row["key"], row["fuzzy_text"]) != (after[row["id"]], fuzzy_text(after[row["id"]]))
    }
    if not other:
        return 0
    for node_id in other:
        await conn.execute(SQL["update_key"], owner, node_id, after[node_id], fuzzy_text(after[node_id]))
    await conn.execute(SQL["delete_names"], owner, list(other))
    again = [name for name in wanted if name.node_id in other]
    await conn.execute(SQL["insert_canonical"], owner, *_columns([name for name in again if name.canonical]))
    await conn.execute(SQL["insert_names"], owner, *_columns(again))
    return len(other)


async def _rebuild_edges(work: Work, owner: str) -> tuple[int, int]:
    last, changed, closed = _FIRST, 0, 0
    while True:
        async with work.alone(owner) as conn:
            rows = await conn.fetch(SQL["edges"], owner, last, BATCH)
            wanted = [(row["id"], _key_of(row["dst_label"], row["dst_key"]), row["dst_key"]) for row in rows]
            other = [(edge_id, key) for edge_id, key, stored in wanted if key != stored]
            if other:
                ids, keys = map(list, zip(*other, strict=True))
                were_open = [row["id"] for row in await conn.fetch(SQL["close_edges"], owner, ids)]
                done = await conn.fetch(SQL["update_edges"], owner, ids, keys, were_open)
                changed += len(done)
                closed += sum(row["closed"] for row in done)
        if len(rows) < BATCH:
            return changed, closed
        last = rows[-1]["id"]


def _renamed(name: _Name, before: str, after: str) -> _Name:
    key = after if name.key == before else _key_of(name.key, name.key)
    return _Name(key, name.kind, name.node_id, name.canonical)


def _key_of(label: str, stored: str) -> str:
    """The key; the stored one where today's rules leave nothing of the label."""
    try:
        return normalise_key(label)
    except InvalidInput:
        return stored


def _fields(row: asyncpg.Record) -> dict[str, Any]:
    return {name: row[name] for name in ("key", "kind", "node_id", "canonical")}


def _columns(names: Sequence[_Name]) -> list[list[Any]]:
    return [[name.key for name in names], [name.kind for name in names], [name.node_id for name in names]]
