"""What each part of a rebuild works with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from rem_runtime.memory.embedding.embedder import Embedder
from rem_runtime.memory.ingest.write import Place
from rem_runtime.memory.schema.plan import RULES
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "rebuild.sql")


@dataclass(frozen=True, slots=True)
class Work:
    """One rebuild: where, with whose vectors."""

    pool: asyncpg.Pool
    embedder: Embedder
    tenant: str
    model_id: int

    def place(self, owner: str) -> Place:
        """Where an owner's chunks go."""
        return Place(self.tenant, owner, self.model_id)

    def version_of(self, part: str) -> int:
        """This runtime's rules of a part."""
        return RULES[part]

    @asynccontextmanager
    async def alone(self, owner: str) -> AsyncIterator[asyncpg.Connection]:
        """A transaction during which nobody else writes for the owner."""
        async with self.pool.acquire() as conn, conn.transaction():
            await conn.execute(SQL["custom_plans"])
            await conn.execute(SQL["lock_owner"], owner)
            yield conn

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[asyncpg.Connection]:
        """A transaction that only reads."""
        async with self.pool.acquire() as conn, conn.transaction(readonly=True):
            await conn.execute(SQL["custom_plans"])
            yield conn
