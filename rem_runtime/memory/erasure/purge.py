"""The purge: rows, and everything that rested on them alone, out of every table. Runs inside the caller's transaction.

A new table that holds anything of a user is added here; a test fails for one that is not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import asyncpg

from rem_runtime.memory.erasure.evidence import gather_evidence, unsupported
from rem_runtime.memory.erasure.report import ErasureReport
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "erase.sql")

# Each statement ends well within a client's timeout, however much one user has written.
_ROWS_PER_STATEMENT = 2000
# Who purges is an admin, and what has lost its source or its evidence goes whoever owns it.
_WHOSEVER = True

_PLURALS = {"resource": "resources", "entity": "entities", "moment": "moments", "user": "users", "file": "files"}


@dataclass(frozen=True, slots=True)
class Things:
    """Ids of rows of one owner."""

    nodes: list[UUID] = field(default_factory=list)
    messages: list[UUID] = field(default_factory=list)
    sessions: list[UUID] = field(default_factory=list)
    edges: list[UUID] = field(default_factory=list)


@dataclass(slots=True)
class Erased:
    """What went so far: counts for the report, and short values that the planner's statistics may have copied."""

    counts: Counter[str] = field(default_factory=Counter)
    words: set[str] = field(default_factory=set)
    runs: set[UUID] = field(default_factory=set)
    uris: set[str] = field(default_factory=set)

    def add_kinds(self, rows: Iterable[asyncpg.Record]) -> None:
        """Counts from rows of (kind, things)."""
        for row in rows:
            self.counts[_PLURALS[row["kind"]]] += row["things"]

    def report(self, *, purged: bool) -> ErasureReport:
        """The counts alone."""
        return ErasureReport(purged=purged, **self.counts)


async def purge(conn: asyncpg.Connection, roots: dict[str, Things], *, user: str | None = None) -> Erased:
    """Erases things by owner, what was derived from them alone, and every mention; `user`: it is all of that user's."""
    await conn.execute(SQL["plan_for_values"])
    await conn.execute(SQL["lock_statistics"])
    for owner, things in roots.items():
        await conn.fetch(SQL["lock_nodes"], owner, things.nodes)
        await conn.fetch(SQL["lock_messages"], owner, things.messages)
    erased = Erased()
    nodes = [one for things in roots.values() for one in things.nodes]
    messages = [one for things in roots.values() for one in things.messages]
    derived = await _resting_on(conn, nodes, messages)
    asked_for = {one for things in roots.values() for one in things.edges}
    erased.counts["derived"] = sum(
        len(things.nodes) + len(set(things.edges) - asked_for) for things in derived.values()
    )
    for group in (roots, derived):
        for owner, things in group.items():
            await _note(conn, owner, things, erased)
    for group in (roots, derived):
        for owner, things in group.items():
            await _erase(conn, owner, things, erased)
    sessions = [one for things in roots.values() for one in things.sessions]
    nodes += [one for things in derived.values() for one in things.nodes]
    mentions = [*map(str, (*nodes, *messages, *sessions)), *erased.uris]
    erased.counts["jobs"] = await conn.fetchval(SQL["erase_jobs"], mentions, user)
    erased.counts["runs"] = await conn.fetchval(
        SQL["empty_runs"], list(erased.runs), [*mentions, *([user] if user else [])]
    )
    erased.counts["terms"] = await conn.fetchval(SQL["erase_terms"])
    return erased


async def refresh_planner_statistics(conn: asyncpg.Connection, erased: Erased, *, user: str | None = None) -> None:
    """Makes PostgreSQL forget what it copied of the erased values; after the commit, and outside any transaction."""
    rows = await conn.fetch(SQL["stale_statistics"], list(erased.words), user)
    for row in rows:
        await conn.execute(SQL["clear_statistics"], row["table_name"], row["column_name"])
    for table in dict.fromkeys(row["table_name"] for row in rows):
        await conn.execute(f'analyze "{table}"')


async def _resting_on(conn: asyncpg.Connection, nodes: Sequence[UUID], messages: Sequence[UUID]) -> dict[str, Things]:
    """What was derived from these alone, by its owner."""
    evidence = await gather_evidence(conn, SQL, nodes=nodes, messages=messages)
    lost_nodes, lost_edges = unsupported([*nodes, *messages], evidence)
    owned: dict[str, dict[str, list[UUID]]] = defaultdict(lambda: {"node": [], "edge": []})
    for row in await conn.fetch(SQL["owners_of"], "", lost_nodes, lost_edges, _WHOSEVER):
        owned[row["owner"]][row["what"]].append(row["id"])
    return {owner: Things(nodes=ids["node"], edges=ids["edge"]) for owner, ids in owned.items()}


async def _note(conn: asyncpg.Connection, owner: str, things: Things, erased: Erased) -> None:
    """What has to be known of the rows after they are gone."""
    erased.runs |= set(
        await conn.fetchval(SQL["runs_that_touched"], owner, things.nodes, things.messages, things.edges)
    )
    erased.uris |= set(await conn.fetchval(SQL["uris_of"], owner, things.nodes))


async def _erase(conn: asyncpg.Connection, owner: str, things: Things, erased: Erased) -> None:
    for start in range(0, max(map(len, (things.nodes, things.messages, things.edges))), _ROWS_PER_STATEMENT):
        part = slice(start, start + _ROWS_PER_STATEMENT)
        await _erase_parts(
            conn, owner, Things(things.nodes[part], things.messages[part], [], things.edges[part]), erased
        )
    sessions = await conn.fetchrow(SQL["erase_sessions"], owner, things.sessions)
    assert sessions is not None
    erased.counts["sessions"] += sessions["sessions"]
    erased.words |= set(sessions["words"])


async def _erase_parts(conn: asyncpg.Connection, owner: str, things: Things, erased: Erased) -> None:
    await conn.execute(SQL["delete_postings"], owner, things.nodes, things.messages)
    erased.counts["chunks"] += await conn.fetchval(SQL["delete_chunks"], owner, things.nodes, things.messages)
    erased.words |= set(await conn.fetchval(SQL["delete_names"], owner, things.nodes))
    edges = await conn.fetchrow(SQL["erase_edges"], owner, things.nodes, things.edges, _WHOSEVER)
    assert edges is not None
    erased.counts["edges"] += edges["edges"]
    erased.words |= set(edges["words"])
    erased.counts["messages"] += await conn.fetchval(SQL["erase_messages"], owner, things.messages)
    nodes = await conn.fetch(SQL["erase_nodes"], owner, things.nodes)
    erased.add_kinds(nodes)
    for row in nodes:
        erased.words |= set(row["words"])
