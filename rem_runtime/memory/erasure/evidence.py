"""What rests on what: which derived nodes and edges lose their last evidence. The deciding is pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg


@dataclass(slots=True)
class Evidence:
    """All evidence of everything that rests, however far, on some sources: what it was made from, by its id."""

    nodes: dict[UUID, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    edges: dict[UUID, set[UUID]] = field(default_factory=lambda: defaultdict(set))


async def gather_evidence(
    conn: asyncpg.Connection, sql: dict[str, str], *, nodes: Sequence[UUID], messages: Sequence[UUID]
) -> Evidence:
    """Follows evidence from these nodes and messages outwards, a statement for each step."""
    touched = set(nodes)
    made_nodes: set[UUID] = set()
    made_edges: set[UUID] = set()
    rows = await conn.fetch(sql["made_from"], list(nodes), list(messages))
    while rows:
        made_edges |= {row["edge_id"] for row in rows if row["edge_id"] is not None}
        fresh = {row["node_id"] for row in rows if row["node_id"] is not None} - touched
        touched |= fresh
        made_nodes |= fresh
        rows = await conn.fetch(sql["made_from"], list(fresh), []) if fresh else []
    evidence = Evidence()
    for row in await conn.fetch(sql["evidence_of"], list(made_nodes), list(made_edges)):
        if row["node_id"] is not None:
            evidence.nodes[row["node_id"]].add(row["source"])
        else:
            evidence.edges[row["edge_id"]].add(row["source"])
    return evidence


def unsupported(roots: Iterable[UUID], evidence: Evidence) -> tuple[list[UUID], list[UUID]]:
    """The nodes and edges that rest, directly or not, on the roots alone.

    A thing stays that rests on something out of question, or on another that stays. Two that rest on each other alone
    do not hold each other up.
    """
    gone = set(roots)
    in_question = evidence.nodes.keys() - gone
    made_from: dict[UUID, set[UUID]] = defaultdict(set)
    for made in in_question:
        for source in evidence.nodes[made]:
            made_from[source].add(made)
    staying: set[UUID] = set()
    waiting = [
        made for made in in_question if any(s not in gone and s not in in_question for s in evidence.nodes[made])
    ]
    while waiting:
        made = waiting.pop()
        if made not in staying:
            staying.add(made)
            waiting += (made_from[made] & in_question) - staying
    lost = in_question - staying
    gone |= lost
    return sorted(lost), sorted(edge for edge, sources in evidence.edges.items() if sources <= gone)
