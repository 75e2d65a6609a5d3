"""Indexes on tables in use: built CONCURRENTLY, outside any transaction, and rebuilt where one was left INVALID.

A statement that runs CONCURRENTLY waits for every transaction that began before it. Whoever waits for it in turn must
not hold a snapshot; that is why `locks.schema_lock` asks again and again instead of waiting in the server.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

import asyncpg

from rem_runtime.memory.schema.shape import Shape

log = logging.getLogger(__name__)

_ATTEMPTS = 5
# What REINDEX CONCURRENTLY leaves behind when it is interrupted: a copy that nobody uses.
_LEFT_BEHIND = re.compile(r"_cc(?:new|old)\d*$")
# One per embedding model, made from a row of embedding_model and not by a version.
HNSW_NAME = re.compile(r"embedding_hnsw_(\d+)")

# The default, 64, finds .94 of the nearest ten of 100k where this finds .99; it takes half as long again to build.
_EF_CONSTRUCTION = 128


@dataclass(frozen=True, slots=True)
class IndexStep:
    """One index to drop, to build, or both."""

    name: str
    table: str
    reason: str
    drop: bool
    statement: str | None
    """CREATE INDEX CONCURRENTLY …; None where it is only dropped."""

    @property
    def title(self) -> str:
        """As the plan and the report name it."""
        done = "built" if not self.drop else "rebuilt" if self.statement else "dropped"
        return f"index {self.name} on {self.table} ({done} concurrently: {self.reason})"


def plan_indexes(target: Shape, live: Shape, *, new_tables: frozenset[str] = frozenset()) -> list[IndexStep]:
    """What is missing or INVALID among the indexes of our tables; those of `new_tables` come with their tables."""
    steps = []
    for name, index in sorted(live.indexes.items()):
        if index.valid or index.table not in target.tables:
            continue
        known = target.indexes.get(name)
        definition = known.definition if known else index.definition
        keep = known is not None or not _LEFT_BEHIND.search(name)
        steps.append(
            IndexStep(
                name,
                index.table,
                "it was INVALID",
                drop=True,
                statement=concurrently(definition) if keep else None,
            )
        )
    for name, index in sorted(target.indexes.items()):
        if name not in live.indexes and index.table not in new_tables:
            steps.append(
                IndexStep(name, index.table, "it is missing", drop=False, statement=concurrently(index.definition))
            )
    return steps


def hnsw_statement(model_id: int, dimensions: int) -> str:
    """The index of one model's vectors; numbers of ours only."""
    return (
        f"create index embedding_hnsw_{int(model_id)} on embedding "
        f"using hnsw ((v::halfvec({int(dimensions)})) halfvec_ip_ops) with (ef_construction = {_EF_CONSTRUCTION}) "
        f"where model = {int(model_id)}"
    )


def concurrently(statement: str) -> str:
    """CREATE INDEX … as CREATE INDEX CONCURRENTLY …."""
    return re.sub(r"(?i)^(create (?:unique )?index) ", r"\1 concurrently ", statement, count=1)


async def build_index(conn: asyncpg.Connection, step: IndexStep) -> None:
    """Drops what is INVALID and builds it anew. The caller holds the schema lock and no transaction.

    A deadlock (an old transaction that waits for what this one holds) leaves an INVALID index, so it is tried again.
    """
    drop = step.drop
    for attempt in range(1, _ATTEMPTS + 1):
        if drop:
            await conn.execute(f'drop index concurrently if exists "{step.name}"')
        if step.statement is None:
            return
        try:
            await conn.execute(step.statement)
        except (asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError) as error:
            if attempt == _ATTEMPTS:
                raise
            log.warning("index not built, trying again", extra={"index": step.name, "reason": str(error)})
            drop = True
        else:
            return
