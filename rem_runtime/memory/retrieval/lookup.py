"""LOOKUP and FUZZY: things by their names, exact and nearly so."""

from __future__ import annotations

import asyncpg

from rem_runtime.memory.answers import Hit, Passage
from rem_runtime.memory.dialect.ast import Fuzzy, Lookup
from rem_runtime.memory.keys import fuzzy_text, normalise_key
from rem_runtime.memory.models import Node
from rem_runtime.memory.models.trusted import trusted
from rem_runtime.memory.retrieval.bodies import SQL, node_of
from rem_runtime.memory.retrieval.parts import Asking, Outcome
from rem_runtime.memory.retrieval.references import MAX_HOMONYMS, chosen, probes_of, split_kinds

DEFAULT_FUZZY_LIMIT = 10
DEFAULT_THRESHOLD = 0.3  # also in set_fuzzy
# Below, a name is compared word by word: "icy" is nothing like "icy planet anchor" as a whole.
_SHORT_CHARACTERS = 12

new_hit = trusted(Hit)


async def lookup(query: Lookup, asking: Asking) -> Outcome:
    """All things of these names, one's own before the shared."""
    outcome = Outcome()
    probes = probes_of(query.refs)
    with outcome.timed("lookup"):
        if len(probes.keys) == 1:
            found = {0: await asking.pool.fetch(SQL["lookup_one"], asking.user, probes.keys[0], MAX_HOMONYMS + 1)}
        else:
            found = chosen(
                await asking.pool.fetch(
                    SQL["lookup"], asking.user, probes.numbers, probes.keys, probes.qualifiers, MAX_HOMONYMS + 1
                )
            )
    with outcome.timed("decode"):
        for number, ref in enumerate(query.refs):
            group = found.get(number, [])
            if not group:
                outcome.notes.append(f"nothing is named {ref!r}; FUZZY finds names that are nearly right")
            if len(group) > MAX_HOMONYMS:
                outcome.notes.append(f"more than {MAX_HOMONYMS} things are named {ref!r}; say which as kind/label")
            outcome.hits += [hit_of(node_of(row), ref=ref, passages=_opening(row)) for row in group[:MAX_HOMONYMS]]
    return outcome


async def fuzzy(query: Fuzzy, asking: Asking) -> Outcome:
    """Things with a name like this one, the likest first; a hit says by which name, where it is not by its label."""
    outcome = Outcome()
    limit = outcome.default("limit", query.limit, DEFAULT_FUZZY_LIMIT)
    threshold = outcome.default("threshold", query.threshold, DEFAULT_THRESHOLD)
    kinds, types = split_kinds(query.kinds)
    text = fuzzy_text(normalise_key(query.label))
    arguments = (asking.user, text, kinds, types, threshold, limit)
    with outcome.timed("fuzzy"):
        async with asking.pool.acquire() as conn, conn.transaction(readonly=True):
            await conn.execute(SQL["set_fuzzy" if threshold >= DEFAULT_THRESHOLD else "set_fuzzy_loose"])
            rows = [] if _is_word(text) else await conn.fetch(SQL["fuzzy"], *arguments)
            by_word = not rows
            if by_word:
                rows = await conn.fetch(SQL["fuzzy_word"], *arguments)
    if by_word and rows and not _is_word(text):
        outcome.notes.append("no name is like this as a whole; these have words that are like it")
    with outcome.timed("decode"):
        outcome.hits = [_fuzzy_hit(row) for row in rows]
    return outcome


def _is_word(text: str) -> bool:
    return len(text) < _SHORT_CHARACTERS and " " not in text


def _fuzzy_hit(row: asyncpg.Record) -> Hit:
    node = node_of(row)
    alias = row["name"] if row["name"] != node.key else None
    return hit_of(node, score=round(row["similarity"], 4), alias=alias)


def hit_of(
    node: Node,
    *,
    ref: str | None = None,
    score: float | None = None,
    passages: tuple[Passage, ...] = (),
    alias: str | None = None,
) -> Hit:
    """A node as a result."""
    return new_hit(
        {
            "kind": node.kind,
            "key": node.key,
            "label": node.label,
            "ref": ref,
            "alias": alias,
            "node": node,
            "message_id": None,
            "session_id": None,
            "score": score,
            "passages": passages,
            "depth": None,
            "path": (),
            "edges": (),
        }
    )


def _opening(row: asyncpg.Record) -> tuple[Passage, ...]:
    """How the document begins; empty for what is no document."""
    if row["opening_text"] is None:
        return ()
    return (
        Passage(text=row["opening_text"], heading=row["opening_heading"], ord=row["opening_ord"], at=row["opening_at"]),
    )
