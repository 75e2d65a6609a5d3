"""Redoes what a newer normaliser, chunker or tokeniser asks for, while others read and write.

Each part compares what is stored with what this version would store, and writes the difference, batch by batch under
the owner's lock: a reader sees each node as it was or as it is. So a run that was killed is simply run again. `meta`
says of a part that it is done only once it is; until then `schema apply` names it as owed. Pods of the old version may
still write by the old rules: run it after they are gone.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, get_args

import asyncpg

from rem_runtime.memory.embedding.embedder import Embedder
from rem_runtime.memory.errors import SchemaBusy, SchemaError
from rem_runtime.memory.ingest.ingest import refresh_statistics
from rem_runtime.memory.rebuild.chunks import rebuild_chunks
from rem_runtime.memory.rebuild.keys import rebuild_keys
from rem_runtime.memory.rebuild.parts import SQL, Work
from rem_runtime.memory.rebuild.terms import rebuild_terms
from rem_runtime.memory.schema.plan import SQL as SCHEMA_SQL
from rem_runtime.memory.schema.plan import owed_versions

log = logging.getLogger(__name__)

Part = Literal["normaliser", "chunker", "tokeniser"]
PARTS: tuple[Part, ...] = get_args(Part)
# New chunks come with terms of today's rules, and nothing that is rewritten later needs another part again.
_PARTS: Mapping[Part, Callable[[Work, str], Awaitable[Mapping[str, int]]]] = {
    "normaliser": rebuild_keys,
    "chunker": rebuild_chunks,
    "tokeniser": rebuild_terms,
}


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was redone, and how many rows of which sort were not as this version makes them."""

    parts: tuple[Part, ...] = ()
    changed: Mapping[str, int] = field(default_factory=dict)


async def owed_parts(pool: asyncpg.Pool) -> tuple[Part, ...]:
    """The parts whose stored version is not this runtime's; raises SchemaError where one is newer than this knows."""
    async with pool.acquire() as conn:
        owed = await owed_versions(conn)
    if newer := [name for name, (stored, ours) in owed.items() if stored > ours]:
        raise SchemaError(
            f"what is stored is by newer rules ({', '.join(newer)}) than this runtime's: use a newer image"
        )
    return tuple(part for part in PARTS if part in owed)


async def rebuild(
    pool: asyncpg.Pool, embedder: Embedder, *, tenant: str, model_id: int, parts: Collection[Part] | None = None
) -> Rebuilt:
    """Redo the parts that are owed, or those that are named. As the owner of the database, who alone may write meta.

    Raises SchemaBusy when another one is at it, SchemaError where what is stored is newer than this runtime.
    """
    async with _alone(pool):
        owed = await owed_parts(pool)
        chosen = tuple(part for part in PARTS if part in (owed if parts is None else parts))
        changed: dict[str, int] = {}
        work = Work(pool, embedder, tenant, model_id)
        for part in chosen:
            log.info("rebuilding", extra={"part": part})
            for owner in await pool.fetchval(SCHEMA_SQL["owners"]) or []:
                for name, count in (await _PARTS[part](work, owner)).items():
                    changed[name] = changed.get(name, 0) + count
            if part == PARTS[-1] or any(changed.values()):
                await refresh_statistics(pool)
            await pool.execute(SCHEMA_SQL["write_rules"], part, work.version_of(part))
    return Rebuilt(chosen, changed)


@asynccontextmanager
async def _alone(pool: asyncpg.Pool) -> AsyncIterator[None]:
    async with pool.acquire() as conn:
        if not await conn.fetchval(SQL["try_lock"]):
            raise SchemaBusy("another rebuild is at this database; wait for it to end")
        try:
            yield
        finally:
            if not conn.is_closed():
                await conn.execute(SQL["unlock"])
