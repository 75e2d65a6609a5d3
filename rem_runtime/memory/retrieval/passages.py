"""From scored chunks to results: one per thing, with its best passages. Texts and bodies come last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg

from rem_runtime.memory.answers import Hit, Passage
from rem_runtime.memory.retrieval.bodies import fetch_nodes
from rem_runtime.memory.retrieval.fusion import group_chunks
from rem_runtime.memory.retrieval.references import MESSAGE_KIND

MAX_PASSAGES = 3


async def fetch_hits(
    conn: asyncpg.Connection,
    user: str,
    scores: Mapping[int, float],
    places: Mapping[int, UUID],
    *,
    texts: str,
    wanted: int,
) -> list[Hit]:
    """The best `wanted` things of these chunks; `texts` is the statement `passages`."""
    best = group_chunks(scores, places)[:wanted]
    shown = [chunk for _, chunks in best for chunk, _ in chunks[:MAX_PASSAGES]]
    rows = {row["id"]: row for row in await conn.fetch(texts, user, shown)} if shown else {}
    messages = {row["message_id"]: row for row in rows.values() if row["message_id"]}
    nodes = await fetch_nodes(conn, user, [thing for thing, _ in best if thing not in messages])
    hits = []
    for thing, chunks in best:
        passages = tuple(_passage(rows[chunk], score) for chunk, score in chunks[:MAX_PASSAGES] if chunk in rows)
        found: dict[str, Any] = {"score": _shown(chunks[0][1]), "passages": passages}
        if message := messages.get(thing):
            hits.append(_message_hit(message, found))
        elif node := nodes.get(thing):
            hits.append(Hit(kind=node.kind, key=node.key, label=node.label, node=node, **found))
    return hits


def _message_hit(row: Mapping[str, Any], found: dict[str, Any]) -> Hit:
    return Hit(
        kind=MESSAGE_KIND,
        key=str(row["message_id"]),
        label=row["heading"] or row["role"],  # the speaker, where it is known
        message_id=row["message_id"],
        session_id=row["session_id"],
        **found,
    )


def _passage(row: Mapping[str, Any], score: float) -> Passage:
    return Passage(text=row["text"], heading=row["heading"], ord=row["ord"], at=row["at"], score=_shown(score))


def _shown(score: float) -> float:
    return round(min(score, 1.0), 4)
