"""One `schema apply` at a time: an advisory lock of the session, over transactions and the indexes built after them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from rem_runtime.memory.errors import SchemaBusy
from rem_runtime.memory.statements import load_statements

log = logging.getLogger(__name__)

_SQL = load_statements(Path(__file__).with_name("state.sql"))
_PAUSE_SECONDS = 0.25
WAIT_SECONDS = 3600.0  # an index of vectors on a large table takes that long, and the second Job has nothing else to do


@asynccontextmanager
async def schema_lock(conn: asyncpg.Connection, *, wait_seconds: float = WAIT_SECONDS) -> AsyncIterator[None]:
    """Holds the lock; raises SchemaBusy when another session held it for `wait_seconds`.

    Asks again and again: a session that waits in the server holds a snapshot, and an index that is built
    CONCURRENTLY by the holder of the lock would wait for that one: a deadlock.
    """
    deadline = asyncio.get_running_loop().time() + wait_seconds
    told = False
    while not await conn.fetchval(_SQL["try_lock"]):
        if asyncio.get_running_loop().time() > deadline:
            raise SchemaBusy(f"another `schema apply` has held this database for {wait_seconds:g} s; try again later")
        if not told:
            log.info("another schema apply is at this database, waiting for it to end")
            told = True
        await asyncio.sleep(_PAUSE_SECONDS)
    try:
        yield
    finally:
        if not conn.is_closed():
            await conn.execute(_SQL["unlock"])
