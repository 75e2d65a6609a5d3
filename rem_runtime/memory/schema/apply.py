"""`schema apply`: brings a database to this runtime's tables, views and grants. Twice is nothing.

Runs as the database's owner, on a direct connection, under one advisory lock of the session: first one transaction
with everything that can be in it, then the indexes on tables in use, each built CONCURRENTLY. Killed anywhere, it ends
right when it is run again. How a version file declares its tables and its indexes stands in `versions`; what is done is
decided in `plan`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from rem_runtime.memory.errors import SchemaBusy
from rem_runtime.memory.keys import NORMALISER_VERSION
from rem_runtime.memory.schema.indexes import build_index
from rem_runtime.memory.schema.locks import WAIT_SECONDS, schema_lock
from rem_runtime.memory.schema.plan import (
    CHUNKER_VERSION,
    MIN_READER,
    MINILM,
    SCHEMA_VERSION,
    SQL,
    TOKENISER_VERSION,
    EmbeddingModel,
    Plan,
    Step,
    Wanted,
    plan_schema,
)
from rem_runtime.memory.schema.versions import version_files

__all__ = [
    "CHUNKER_VERSION",
    "MIN_READER",
    "NORMALISER_VERSION",
    "SCHEMA_VERSION",
    "TOKENISER_VERSION",
    "EmbeddingModel",
    "SchemaReport",
    "apply_schema",
    "version_files",
]

_BUSY_SECONDS = 300.0
_LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class SchemaReport:
    """What was found, what was done."""

    version_before: int
    version: int
    applied: tuple[str, ...]
    """What was written, in order; empty when everything was there."""
    notes: tuple[str, ...]
    """What works only partly, and who can change that."""

    @property
    def unchanged(self) -> bool:
        """Whether nothing was written."""
        return not self.applied


async def apply_schema(
    conn: asyncpg.Connection,
    *,
    app_role: str,
    sql_role: str,
    embedding: EmbeddingModel = MINILM,
    wait_seconds: float = WAIT_SECONDS,
) -> SchemaReport:
    """Tables, views, grants and indexes, under the lock.

    Raises SchemaError with who creates what is missing or the SQL that a person has to run, SchemaBusy when another
    apply or long transactions were in the way until the deadline.
    """
    async with schema_lock(conn, wait_seconds=wait_seconds):
        plan = await plan_schema(conn, Wanted(app_role, sql_role, embedding))
        if plan.steps:
            await _in_one_transaction(conn, plan, deadline_seconds=min(wait_seconds, _BUSY_SECONDS))
        for step in plan.indexes:
            await build_index(conn, step)
    return SchemaReport(plan.version_before, plan.version, plan.titles, plan.notes)


async def _in_one_transaction(conn: asyncpg.Connection, plan: Plan, *, deadline_seconds: float) -> None:
    """All steps or none; gives way to whoever uses the tables, and tries again."""
    deadline = asyncio.get_running_loop().time() + deadline_seconds
    pause_seconds = 0.1
    while True:
        try:
            await _run(conn, plan.steps, plan.definitions_hash)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            if asyncio.get_running_loop().time() + pause_seconds > deadline:
                raise SchemaBusy(
                    f"the tables were in use without a break for {deadline_seconds:g} s ({error}); nothing was "
                    "changed. Look for a transaction that has been open for long (pg_stat_activity), then try again"
                ) from error
        else:
            return
        await asyncio.sleep(pause_seconds * random.uniform(0.5, 1.5))  # noqa: S311 - a pause, not a secret
        pause_seconds = min(pause_seconds * 1.5, _LONGEST_PAUSE_SECONDS)


async def _run(conn: asyncpg.Connection, steps: Sequence[Step], definitions_hash: str) -> None:
    async with conn.transaction():
        await conn.execute(SQL["give_way"])
        for step in steps:
            for sql, arguments in step.statements:
                await conn.execute(sql, *arguments)
        await conn.execute(
            SQL["write_meta"], SCHEMA_VERSION, MIN_READER, NORMALISER_VERSION, TOKENISER_VERSION, CHUNKER_VERSION,
            definitions_hash,
        )  # fmt: skip
