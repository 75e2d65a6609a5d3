"""LOOKUP and FUZZY: things by their names, exact and nearly so."""

from __future__ import annotations

import asyncpg

from rem_runtime.memory.answers import Hit, Passage
from rem_runtime.memory.dialect.ast import Fuzzy, Lookup
from rem_runtime.memory.keys import fuzzy_text, normalise_key
from rem_runtime.memory.models import Node
from rem_runtime.memory.retrieval.bodies import SQL, fetch_nodes, node_of
from rem_runtime.memory.retrieval.parts import Asking, Outcome
from rem_runtime.memory.retrieval.references import MAX_HOMONYMS, chosen, probes_of, split_kinds

DEFAULT_FUZZY_LIMIT = 10
DEFAULT_THRESHOLD = 0.3
# Below, a name is compared word by word: "icy" is nothing like "icy planet anchor" as a whole.
_SHORT_CHARACTERS = 12


async def lookup(query: Lookup, asking: Asking) -> Outcome:
    """All things of these names, one's own before the shared."""
    outcome = Outcome()
    probes = probes_of(query.refs)
    with outcome.timed("lookup"):
        rows = await asking.pool.fetch(
            SQL["lookup"], asking.user, probes.numbers, probes.keys, probes.qualifiers, MAX_HOMONYMS + 1
        )
    with outcome.timed("decode"):
        found = chosen(rows)
        for number, ref in enumerate(query.refs):
            group = found.get(number, [])
            if not group:
                outcome.notes.append(f"nothing is named {ref!r}; FUZZY finds names that are nearly right")
            if len(group) > MAX_HOMONYMS:
                outcome.notes.append(f"more than {MAX_HOMONYMS} things are named {ref!r}; say which as kind/label")
            outcome.hits += [hit_of(node_of(row), ref=ref, passages=_opening(row)) for row in group[:MAX_HOMONYMS]]
    return outcome


async def fuzzy(query: Fuzzy, asking: Asking) -> Outcome:
    """Things whose name is like this one, the likest first."""
    outcome = Outcome()
    limit = outcome.default("limit", query.limit, DEFAULT_FUZZY_LIMIT)
    threshold = outcome.default("threshold", query.threshold, DEFAULT_THRESHOLD)
    kinds, types = split_kinds(query.kinds)
    text = fuzzy_text(normalise_key(query.label))
    statement = "fuzzy_word" if len(text) < _SHORT_CHARACTERS and " " not in text else "fuzzy"
    with outcome.timed("fuzzy"):
        rows = await asking.pool.fetch(SQL[statement], asking.user, text, kinds, types, limit)
        near = {row["id"]: row["similarity"] for row in rows if row["similarity"] >= threshold}
        nodes = await fetch_nodes(asking.pool, asking.user, list(near))
    outcome.hits = [
        hit_of(nodes[node_id], score=round(score, 4)) for node_id, score in near.items() if node_id in nodes
    ]
    return outcome


def hit_of(
    node: Node, *, ref: str | None = None, score: float | None = None, passages: tuple[Passage, ...] = ()
) -> Hit:
    """A node as a result."""
    return Hit(kind=node.kind, key=node.key, label=node.label, ref=ref, node=node, score=score, passages=passages)


def _opening(row: asyncpg.Record) -> tuple[Passage, ...]:
    """How the document begins; empty for what is no document."""
    if row["opening_text"] is None:
        return ()
    return (
        Passage(text=row["opening_text"], heading=row["opening_heading"], ord=row["opening_ord"], at=row["opening_at"]),
    )
