"""One state of the database for several statements, each planned for its arguments: for lists."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).with_suffix(".sql"))


@asynccontextmanager
async def snapshot(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    """A connection that reads one state; nothing can be written on it."""
    async with pool.acquire() as conn:
        await conn.execute(SQL["begin"])
        try:
            yield conn
        finally:
            if not conn.is_closed():
                await conn.execute("rollback")  # it only read
