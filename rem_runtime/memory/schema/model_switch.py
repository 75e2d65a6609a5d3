"""`embed migrate`: from one embedding model to another, while others read and write.

Runs as the database's owner. The new model's vectors are made beside the old ones and its index is built; one statement
switches; then the old ones go. Stopped anywhere, it goes on from there when it is run again: each step looks at what is
there. What processes of the old model do meanwhile is `embedding.current`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from rem_runtime.memory.embedding.current import RECHECK_SECONDS
from rem_runtime.memory.embedding.embedder import Embedder
from rem_runtime.memory.errors import EmbedderError, EmbedderUnavailable, SchemaBusy, SchemaError
from rem_runtime.memory.ingest.chunks import Chunk
from rem_runtime.memory.pool import half_vectors
from rem_runtime.memory.schema.indexes import IndexStep, build_index, concurrently, hnsw_statement
from rem_runtime.memory.schema.locks import schema_lock
from rem_runtime.memory.statements import load_statements

log = logging.getLogger(__name__)

SQL = load_statements(Path(__file__).with_suffix(".sql"))

PAGE = 128  # chunks: what is lost when it is killed
_PAGES_AT_ONCE = 4  # requests of an endpoint overlap; a model of this process has its own threads
# Longer than any process takes to notice the switch, and than a question of it may still run.
GRACE_SECONDS = 4 * RECHECK_SECONDS
_LONGEST_TRANSACTION_SECONDS = 600.0
_AWAY_SECONDS = 900.0  # how long an endpoint may be away before this gives up, to be run again
_POLL_SECONDS = 0.2
_TOLD_EVERY_SECONDS = 10.0
_DROPPED_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class SwitchReport:
    """What one run did."""

    model: str
    replaced: str | None
    """The model that was active before; None where the new one was already."""
    made: int
    """Vectors that this run made."""
    queued: int
    """Things that are left to the API's replicas: written meanwhile, or refused by the endpoint."""
    dropped: int
    """Vectors of other models that were deleted."""


@dataclass(slots=True)
class _Switch:
    """One run."""

    conn: asyncpg.Connection
    """Of its own, as the owner: it holds the locks and builds the index."""
    pool: asyncpg.Pool
    embedder: Embedder
    model_id: int = 0
    made: int = 0
    refused: set[int] = field(default_factory=set)
    total: int = 0
    told_at: float = 0.0


async def switch_model(
    conn: asyncpg.Connection, pool: asyncpg.Pool, embedder: Embedder, *, grace_seconds: float | None = None
) -> SwitchReport:
    """Make the embedder's model the active one; `conn` and `pool` are the owner's.

    Raises EmbedderError where the embedder cannot be used, SchemaBusy while another one runs, SchemaError where a model
    of the same name has other dimensions.
    """
    await embedder.embed(["whether it answers, and with how many dimensions"])
    if not await conn.fetchval(SQL["try_lock"]):
        raise SchemaBusy("another `embed migrate` is at this database; wait for it to end")
    try:
        run = _Switch(conn, pool, embedder)
        replaced = await _become_active(run)
        running = await conn.fetchval(SQL["running"]) or []
        await _ended(conn, running)
        queued = await conn.fetchval(SQL["queue_lacking"], run.model_id)
        others = [row for row in await conn.fetch(SQL["models"]) if row["id"] != run.model_id]
        if others:
            seconds = GRACE_SECONDS if grace_seconds is None else grace_seconds
            log.info("waiting for processes to notice", extra={"seconds": seconds})
            await asyncio.sleep(seconds)
        dropped = sum([await _drop(conn, row["id"]) for row in others])
    finally:
        if not conn.is_closed():
            await conn.execute(SQL["unlock"])
    return SwitchReport(embedder.model, replaced, run.made, queued, dropped)


async def _become_active(run: _Switch) -> str | None:
    """Fills, indexes and switches, as far as that was not done; the name of the model that was replaced."""
    models = {row["name"]: row for row in await run.conn.fetch(SQL["models"])}
    active = next((row for row in models.values() if row["active"]), None)
    if active is None:
        raise SchemaError("the database has no embedding model; run `rem-runtime schema apply`")
    own = models.get(run.embedder.model)
    if own is not None and own["dimensions"] != run.embedder.dimensions:
        raise SchemaError(
            f"the database has vectors of {own['name']} with {own['dimensions']} dimensions, and EMBEDDING__DIMENSIONS "
            f"says {run.embedder.dimensions}; two sizes of one model cannot be told apart"
        )
    if own is not None and own["active"]:
        run.model_id = own["id"]
        return None
    if own is None:
        run.model_id = await run.conn.fetchval(SQL["add_model"], run.embedder.model, run.embedder.dimensions)
    else:
        run.model_id = own["id"]
    run.total = await run.conn.fetchval(SQL["chunks"])
    await _fill(run)
    # Afterwards: built at once it takes a fraction of what it takes to grow by single vectors.
    await _index(run)
    await _fill(run)  # what was written meanwhile
    await run.conn.execute(SQL["switch"], run.model_id)
    log.info("model switched", extra={"from": active["name"], "to": run.embedder.model})
    return str(active["name"])


async def _fill(run: _Switch) -> None:
    """Vectors for every chunk that has none of this model, several pages at once."""
    last, tasks = 0, set[asyncio.Task[None]]()
    try:
        while rows := await run.pool.fetch(SQL["lacking"], last, run.model_id, PAGE):
            last = rows[-1]["id"]
            tasks.add(asyncio.create_task(_page(run, rows)))
            if len(tasks) >= _PAGES_AT_ONCE:
                done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            _tell(run)
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _page(run: _Switch, rows: Sequence[asyncpg.Record]) -> None:
    try:
        await _embed(run, rows)
    except EmbedderUnavailable:
        raise
    except EmbedderError:
        # One of them; it is left to the queue, which keeps the reason.
        for row in rows:
            try:
                await _embed(run, [row])
            except EmbedderUnavailable:
                raise
            except EmbedderError:
                run.refused.add(row["id"])


async def _embed(run: _Switch, rows: Sequence[asyncpg.Record]) -> None:
    rows = [row for row in rows if row["id"] not in run.refused]
    texts = [Chunk(row["heading"], row["text"]).full_text for row in rows]
    deadline = asyncio.get_running_loop().time() + _AWAY_SECONDS
    while True:
        try:
            vectors = await run.embedder.embed(texts)
            break
        except EmbedderUnavailable as error:
            wait = error.retry_after_seconds or 10.0
            if not error.passes or asyncio.get_running_loop().time() + wait > deadline:
                raise
            log.warning("the endpoint is away, trying again", extra={"reason": str(error)})
            await asyncio.sleep(wait)
    await run.pool.execute(SQL["store"], [row["id"] for row in rows], half_vectors(vectors), run.model_id)
    run.made += len(rows)


async def _index(run: _Switch) -> None:
    name = f"embedding_hnsw_{run.model_id}"
    valid = await run.conn.fetchval(SQL["index_state"], name)
    if valid:
        return
    statement = concurrently(hnsw_statement(run.model_id, run.embedder.dimensions))
    step = IndexStep(name, "embedding", "of the new model", drop=valid is False, statement=statement)
    log.info("building the index", extra={"index": name, "vectors": run.total})
    async with schema_lock(run.conn):
        await build_index(run.conn, step)


async def _ended(conn: asyncpg.Connection, transactions: Sequence[str]) -> None:
    """Waits until they have ended: one of them may still write vectors of the old model only."""
    deadline = asyncio.get_running_loop().time() + _LONGEST_TRANSACTION_SECONDS
    while await conn.fetchval(SQL["still_running"], transactions):
        if asyncio.get_running_loop().time() > deadline:
            raise SchemaBusy(
                f"a transaction has been open for {_LONGEST_TRANSACTION_SECONDS:g} s (pg_stat_activity); the new model "
                "is active; run `embed migrate` again to clear the old one away"
            )
        await asyncio.sleep(_POLL_SECONDS)


async def _drop(conn: asyncpg.Connection, model_id: int) -> int:
    """The vectors of one model, its index and its row."""
    async with schema_lock(conn):
        step = IndexStep(f"embedding_hnsw_{model_id}", "embedding", "its model was replaced", drop=True, statement=None)
        await build_index(conn, step)  # first: without it the rest is quick
    dropped: int = 0
    last = -1
    while True:
        row = await conn.fetchrow(SQL["drop_vectors"], model_id, last, _DROPPED_AT_ONCE)
        dropped += int(row["dropped"])
        if row["dropped"]:
            last = row["last"]
            continue
        try:
            await conn.execute(SQL["drop_model"], model_id)
        except asyncpg.ForeignKeyViolationError:
            last = -1  # a process that began long ago has just stored some
        else:
            return dropped


def _tell(run: _Switch) -> None:
    now = asyncio.get_running_loop().time()
    if now >= run.told_at + _TOLD_EVERY_SECONDS:
        run.told_at = now
        log.info("making vectors", extra={"made": run.made, "of": run.total})
