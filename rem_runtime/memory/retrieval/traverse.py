"""TRAVERSE: from one name along its edges. Keys first, in one statement; bodies last, for those that are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from rem_runtime.memory.answers import EdgeCount, Hit, Hop
from rem_runtime.memory.dialect.ast import Traverse
from rem_runtime.memory.dialect.times import span
from rem_runtime.memory.keys import normalise_key, normalise_name
from rem_runtime.memory.retrieval.bodies import fetch_nodes
from rem_runtime.memory.retrieval.parts import Asking, Outcome
from rem_runtime.memory.retrieval.references import MAX_HOMONYMS, chosen, probes_of
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "traverse.sql")

MAX_EDGES = 50  # of one node, the strongest
MAX_FRESH = 500  # new ones of one level
DEFAULT_DEPTH = 1
DEFAULT_LIMIT = 50

Vertex = UUID | str  # a node, or the key of a name that no node has


@dataclass(frozen=True, slots=True)
class _Filter:
    """What an edge must be to be followed."""

    out: bool
    into: bool
    rels: list[str] | None
    weight: float
    as_of: datetime


@dataclass(frozen=True, slots=True)
class _Reached:
    """A vertex with the way to it."""

    vertex: Vertex
    label: str
    depth: int
    path: tuple[Hop, ...]


async def traverse(query: Traverse, asking: Asking) -> Outcome:
    """What is connected with the reference, nearest and strongest first; with DEPTH 0 only what could be followed."""
    outcome = Outcome()
    depth = outcome.default("depth", query.depth, DEFAULT_DEPTH)
    edges = _edge_filter(query, outcome)
    with outcome.timed("resolve"):
        starts = await _starts(query.ref, asking)
    if not any(isinstance(vertex, UUID) for vertex in starts):
        outcome.notes.append(f"nothing is named {query.ref!r}; only edges that point at this name are followed")
    limit = outcome.default("limit", query.limit, DEFAULT_LIMIT)
    if depth == 0:
        await _plan(query.ref, starts, edges, asking=asking, outcome=outcome)
        outcome.hits = [hit.model_copy(update={"edges": hit.edges[:limit]}) for hit in outcome.hits]
        return outcome
    with outcome.timed("edges"):
        rows = await asking.pool.fetch(
            SQL["traverse"], asking.user, [v for v in starts if isinstance(v, UUID)],
            [v for v in starts if isinstance(v, str)], depth, edges.out, edges.into, edges.rels, edges.weight,
            edges.as_of, MAX_EDGES, MAX_FRESH,
        )  # fmt: skip
    reached = _walk(starts, rows)
    cut = sum(row["cut"] for row in rows)
    if cut:
        outcome.notes.append(
            f"cut: a node's strongest {MAX_EDGES} edges and a level's strongest {MAX_FRESH} things are followed; "
            "narrow with REL, WEIGHT or a direction"
        )
    if len(reached) > limit:
        outcome.notes.append(f"cut: {len(reached)} were reached, LIMIT {limit} are shown")
    with outcome.timed("bodies"):
        outcome.hits = await _hits(reached[:limit], query.ref, asking)
    return outcome


def _edge_filter(query: Traverse, outcome: Outcome) -> _Filter:
    direction = outcome.default("direction", query.direction, "BOTH")
    if query.as_of is None:
        outcome.defaults["as_of"] = "now"
    return _Filter(
        out=direction in {"OUT", "BOTH"},
        into=direction in {"IN", "BOTH"},
        rels=[normalise_name(rel) for rel in query.rels] or None,
        weight=query.weight or 0.0,
        as_of=span(query.as_of)[0] if query.as_of else datetime.now(UTC),
    )


async def _starts(ref: str, asking: Asking) -> dict[Vertex, str]:
    """The things of this name with their labels, or the name alone where there is none."""
    probes = probes_of([ref])
    rows = await asking.pool.fetch(
        SQL["resolve"], asking.user, probes.numbers, probes.keys, probes.qualifiers, MAX_HOMONYMS
    )
    found = chosen(rows).get(0, [])
    return {row["id"]: row["label"] for row in found} or {normalise_key(ref): ref}


def _walk(starts: dict[Vertex, str], rows: Sequence[Any]) -> list[_Reached]:
    """The levels' edges as ways from the start."""
    reached = {vertex: _Reached(vertex, label, 0, ()) for vertex, label in starts.items()}
    for row in rows:
        for at_id, at_key, rel, weight, reverse, to_id, to_key, label in row["hops"]:
            parent = reached[UUID(at_id) if at_id else at_key]
            ends = (label, parent.label) if reverse else (parent.label, label)
            hop = Hop(src=ends[0], rel=rel, dst=ends[1], weight=round(weight, 4), reverse=reverse)
            vertex = UUID(to_id) if to_id else to_key
            reached[vertex] = _Reached(vertex, label, row["depth"], (*parent.path, hop))
    return [one for one in reached.values() if one.depth]


async def _hits(reached: Sequence[_Reached], ref: str, asking: Asking) -> list[Hit]:
    nodes = await fetch_nodes(asking.pool, asking.user, [r.vertex for r in reached if isinstance(r.vertex, UUID)])
    hits = []
    for one in reached:
        if isinstance(one.vertex, str):
            hits.append(Hit(kind=None, key=one.vertex, label=one.label, ref=ref, depth=one.depth, path=one.path))
        elif node := nodes.get(one.vertex):  # gone since the last statement: not there
            hits.append(
                Hit(
                    kind=node.kind,
                    key=node.key,
                    label=node.label,
                    ref=ref,
                    node=node,
                    depth=one.depth,
                    path=one.path,
                )
            )
    return hits


async def _plan(ref: str, starts: dict[Vertex, str], edges: _Filter, *, asking: Asking, outcome: Outcome) -> None:
    ids = [vertex for vertex in starts if isinstance(vertex, UUID)]
    with outcome.timed("edges"):
        if ids:
            rows = await asking.pool.fetch(
                SQL["edge_counts"], asking.user, ids, edges.out, edges.into, edges.rels, edges.weight, edges.as_of
            )
            nodes = await fetch_nodes(asking.pool, asking.user, ids)
            for node in (nodes[one] for one in ids if one in nodes):
                counts = _counts([row for row in rows if row["id"] == node.id])
                outcome.hits.append(
                    Hit(kind=node.kind, key=node.key, label=node.label, ref=ref, node=node, depth=0, edges=counts)
                )
        elif edges.into:
            key = normalise_key(ref)
            rows = await asking.pool.fetch(
                SQL["edge_counts_of_name"], asking.user, key, edges.rels, edges.weight, edges.as_of
            )
            if rows:
                outcome.hits.append(Hit(kind=None, key=key, label=ref, ref=ref, depth=0, edges=_counts(rows)))


def _counts(rows: Sequence[Any]) -> tuple[EdgeCount, ...]:
    return tuple(EdgeCount(rel=row["rel"], direction=row["direction"], count=row["edges"]) for row in rows)
