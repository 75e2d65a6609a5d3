"""TRAVERSE: from one name along its edges. Keys first; bodies last, for those that are shown; all in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from rem_runtime.memory.answers import EdgeCount, Hit, Hop
from rem_runtime.memory.dialect.ast import Traverse
from rem_runtime.memory.dialect.times import span
from rem_runtime.memory.keys import normalise_name
from rem_runtime.memory.models.trusted import trusted
from rem_runtime.memory.retrieval.bodies import fetch_nodes, node_of
from rem_runtime.memory.retrieval.lookup import new_hit
from rem_runtime.memory.retrieval.parts import Asking, Outcome
from rem_runtime.memory.retrieval.references import MAX_HOMONYMS, chosen, probes_of
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "traverse.sql")


def _walk_along(ways: Sequence[str], ends: Sequence[str]) -> str:
    ways, ends = (" union all ".join(SQL[part] for part in parts) for parts in (ways, ends))
    return SQL["traverse"].format(ways=ways, ends=ends)


# The statement for edges out, edges in, and both.
WALKS = {
    (True, False): _walk_along(["out"], ["ends_out"]),
    (False, True): _walk_along(["into", "into_name"], ["ends_in"]),
    (True, True): _walk_along(["out", "into", "into_name"], ["ends_out", "ends_in"]),
}

MAX_EDGES = 50  # of one node, the strongest
MAX_FRESH = 500  # new ones of one level
DEFAULT_DEPTH = 1
DEFAULT_LIMIT = 50

_NO_NODE = "nothing is named {ref!r}; only edges that point at this name are followed"
_WAY_COLUMNS = ("keys", "labels", "parents", "rels", "weights", "reverses")
_new_hop = trusted(Hop)


@dataclass(frozen=True, slots=True)
class EdgeFilter:
    """What an edge must be to be followed."""

    out: bool
    into: bool
    rels: list[str] | None
    weight: float
    as_of: datetime


class Reached(NamedTuple):
    """A vertex, over which edge it was reached from which other and, where it is shown, its body."""

    label: str
    key: str
    parent: Reached | None = None
    rel: str = ""
    weight: float = 1.0
    reverse: bool = False
    body: Mapping[str, Any] | None = None


class Walk(NamedTuple):
    """How many nodes it started at, how many vertices it reached, and the first of them."""

    starts: int
    reached: int
    shown: list[Reached]


async def traverse(query: Traverse, asking: Asking) -> Outcome:
    """What is connected with the reference, nearest and strongest first; with DEPTH 0 only what could be followed."""
    outcome = Outcome()
    depth = outcome.default("depth", query.depth, DEFAULT_DEPTH)
    edges = edge_filter(query, outcome)
    limit = outcome.default("limit", query.limit, DEFAULT_LIMIT)
    if depth == 0:
        await _plan(query.ref, edges, asking=asking, outcome=outcome)
        outcome.hits = [hit.model_copy(update={"edges": hit.edges[:limit]}) for hit in outcome.hits]
        return outcome
    with outcome.timed("traverse"):
        rows = await fetch_walk(query.ref, edges, asking, depth=depth, bodies=limit)
    with outcome.timed("decode"):
        found = walk(rows, limit=limit)
        ways = _ways(found.shown)
        outcome.hits = [_hit(one, way, query.ref) for one, way in zip(found.shown, ways, strict=True)]
    if found.starts == 0:
        outcome.notes.append(_NO_NODE.format(ref=query.ref))
    if sum({row["depth"]: row["cut"] for row in rows}.values()):
        outcome.notes.append(
            f"cut: a node's strongest {MAX_EDGES} edges and a level's strongest {MAX_FRESH} things are followed; "
            "narrow with REL, WEIGHT or a direction"
        )
    if found.reached > limit:
        outcome.notes.append(f"cut: {found.reached} were reached, LIMIT {limit} are shown")
    return outcome


async def fetch_walk(ref: str, edges: EdgeFilter, asking: Asking, *, depth: int, bodies: int) -> list[asyncpg.Record]:
    """The levels in their order, and the nodes of the first `bodies` vertices; level 0 is where it starts."""
    probes = probes_of([ref])
    rows: list[asyncpg.Record] = await asking.pool.fetch(
        WALKS[edges.out, edges.into], asking.user, probes.keys, probes.qualifiers, ref, MAX_HOMONYMS, depth,
        edges.rels, edges.weight, edges.as_of, MAX_EDGES, MAX_FRESH, bodies,
    )  # fmt: skip
    return rows


def edge_filter(query: Traverse, outcome: Outcome) -> EdgeFilter:
    direction = outcome.default("direction", query.direction, "BOTH")
    if query.as_of is None:
        outcome.defaults["as_of"] = "now"
    return EdgeFilter(
        out=direction in {"OUT", "BOTH"},
        into=direction in {"IN", "BOTH"},
        rels=[normalise_name(rel) for rel in query.rels] or None,
        weight=query.weight or 0.0,
        as_of=span(query.as_of)[0] if query.as_of else datetime.now(UTC),
    )


def walk(rows: Sequence[asyncpg.Record], *, limit: int) -> Walk:
    """The first vertices, level by level; a vertex comes after all of the level that it was reached from."""
    starts, reached = 0, 0
    level, shown = list[Reached](), list[Reached]()
    bodies = {(row["depth"], row["place"]): row for row in rows if row["id"] is not None}
    for row in rows:
        depth, keys = row["depth"], row["keys"]
        if keys is None:
            continue  # a body, or a level where everything had been reached before
        if depth == 0:
            starts = row["starts"]
            level = [Reached(label, key) for label, key in zip(row["labels"], keys, strict=True)]
            continue
        reached += len(keys)
        ways = islice(zip(*[row[column] for column in _WAY_COLUMNS], strict=True), limit - len(shown))
        level = [
            Reached(label, key, level[parent - 1], rel, weight, back, bodies.get((depth, place)))
            for place, (key, label, parent, rel, weight, back) in enumerate(ways, 1)
        ]
        shown += level
    return Walk(starts, reached, shown)


def _ways(shown: Iterable[Reached]) -> list[tuple[Hop, ...]]:
    """How each was reached from the start; those before it on its way are among those before it here, or starts."""
    ways: dict[int, tuple[Hop, ...]] = {}
    for one in shown:
        if one.parent is not None:
            ways[id(one)] = (*ways.get(id(one.parent), ()), _hop(one, one.parent))
    return list(ways.values())


def _hop(one: Reached, parent: Reached) -> Hop:
    return _new_hop(
        {
            "src": one.label if one.reverse else parent.label,
            "rel": one.rel,
            "dst": parent.label if one.reverse else one.label,
            "weight": round(one.weight, 4),
            "reverse": one.reverse,
        }
    )


def _hit(one: Reached, way: tuple[Hop, ...], ref: str) -> Hit:
    node = None if one.body is None else node_of(one.body)
    return new_hit(
        {
            "kind": None if node is None else node.kind,
            "key": one.key,
            "label": one.label,
            "ref": ref,
            "alias": None,
            "node": node,
            "message_id": None,
            "session_id": None,
            "score": None,
            "passages": (),
            "depth": len(way),
            "path": way,
            "edges": (),
        }
    )


async def _plan(ref: str, edges: EdgeFilter, *, asking: Asking, outcome: Outcome) -> None:
    probes = probes_of([ref])
    with outcome.timed("resolve"):
        found = await asking.pool.fetch(
            SQL["resolve"], asking.user, probes.numbers, probes.keys, probes.qualifiers, MAX_HOMONYMS
        )
    ids = [row["id"] for row in chosen(found).get(0, [])]
    if not ids:
        outcome.notes.append(_NO_NODE.format(ref=ref))
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
            rows = await asking.pool.fetch(
                SQL["edge_counts_of_name"], asking.user, probes.keys, edges.rels, edges.weight, edges.as_of
            )
            if rows:
                key = probes.keys[-1]
                outcome.hits.append(Hit(kind=None, key=key, label=ref, ref=ref, depth=0, edges=_counts(rows)))


def _counts(rows: Sequence[Any]) -> tuple[EdgeCount, ...]:
    return tuple(EdgeCount(rel=row["rel"], direction=row["direction"], count=row["edges"]) for row in rows)
