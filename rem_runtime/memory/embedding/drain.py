"""Vectors for what was stored without them: the queue of 'embed' jobs, which every replica of the API drains.

A job names a node or a message, never a chunk or a text: what it stands for is read when it runs, so one that comes too
late finds nothing to do. Vectors are made outside any transaction; then they are stored and the job is deleted in one.
Made twice, a vector is stored once.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from uuid import UUID

import asyncpg

from rem_runtime.memory.embedding.embedder import Embedder
from rem_runtime.memory.errors import EmbedderError, EmbedderUnavailable
from rem_runtime.memory.ingest.chunks import Chunk
from rem_runtime.memory.pool import half_vectors
from rem_runtime.memory.statements import load_statements

log = logging.getLogger(__name__)

SQL = load_statements(Path(__file__).parent / "sql" / "drain.sql")

JOBS_AT_ONCE = 64
CHUNKS_AT_ONCE = 128  # of one round: what lies in memory, and what is lost when the process is killed
LEASE = timedelta(seconds=120)
ATTEMPTS = 8
FIRST_PAUSE = timedelta(seconds=15)  # four times as long each time, up to an hour
_REASON_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Job:
    """One thing that has chunks without vectors."""

    id: int
    attempts: int
    owner: str
    node_id: UUID | None
    message_id: UUID | None


@dataclass(frozen=True, slots=True)
class Drained:
    """What one round did: jobs taken, vectors made, jobs that failed and will be tried again or are left.

    `away` says why the embedder could not be reached, so that the next round had better wait.
    """

    jobs: int = 0
    vectors: int = 0
    failed: int = 0
    away: str = ""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Jobs that are waiting or running, and jobs that were given up; each counted to 100,000."""

    waiting: int
    failed: int


class Drain:
    """Makes the vectors of one model; safe to run in any number of processes at once."""

    def __init__(self, pool: asyncpg.Pool, embedder: Embedder, *, model_id: Callable[[], Awaitable[int]]) -> None:
        self._pool = pool
        self._embedder = embedder
        self._model_id = model_id

    async def once(self, *, jobs: int = JOBS_AT_ONCE) -> Drained:
        """Takes the jobs that are due and does them. What the embedder cannot do is put off, with its reason; where it
        is away, all are given back.

        Raises EmbedderError or SchemaError where the database's vectors are not of this embedder: no job is taken.
        """
        model_id = await self._model_id()
        claimed = [Job(**dict(row)) for row in await self._pool.fetch(SQL["claim"], jobs, LEASE)]
        vectors = failed = 0
        groups = _groups(claimed)
        for number, group in enumerate(groups):
            try:
                vectors += await self._embed(group, model_id)
            except EmbedderUnavailable as error:
                await self._give_back(group, error, attempts=None)
                untried = [job.id for rest in groups[number + 1 :] for job in rest]
                await self._pool.execute(SQL["release"], untried)
                return Drained(len(claimed), vectors, failed + len(group), away=str(error))
            except (EmbedderError, asyncpg.DataError) as error:
                failed += len(group)
                await self._give_back(group, error, attempts=ATTEMPTS)
        return Drained(len(claimed), vectors, failed)

    async def backlog(self) -> Backlog:
        """How much is waiting."""
        row = await self._pool.fetchrow(SQL["count"])
        assert row is not None
        return Backlog(row["waiting"], row["failed"])

    async def _embed(self, group: Sequence[Job], model_id: int) -> int:
        """The vectors of one owner's things; returns how many were made."""
        owner, ids = group[0].owner, [job.id for job in group]
        nodes = list({job.node_id for job in group if job.node_id})
        messages = list({job.message_id for job in group if job.message_id})
        made = 0
        while True:
            rows = await self._pool.fetch(SQL["missing"], owner, nodes, messages, model_id, CHUNKS_AT_ONCE)
            await self._pool.execute(SQL["renew"], ids, LEASE)
            texts = [Chunk(row["heading"], row["text"]).full_text for row in rows]
            vectors = half_vectors(await self._embedder.embed(texts)) if texts else []
            async with self._pool.acquire() as conn, conn.transaction():
                await conn.execute(SQL["lock_owner"], owner)
                if rows:
                    await conn.execute(SQL["insert_vectors"], owner, [row["id"] for row in rows], vectors, model_id)
                await conn.execute(SQL["settle"], owner, ids, model_id)
            made += len(rows)
            if len(rows) < CHUNKS_AT_ONCE:
                return made

    async def _give_back(self, group: Sequence[Job], error: Exception, *, attempts: int | None) -> None:
        reason = f"{type(error).__name__}: {error}"[:_REASON_CHARACTERS]
        log.warning("vectors not made, trying again later", extra={"jobs": len(group), "reason": reason})
        await self._pool.execute(SQL["give_back"], [job.id for job in group], reason, attempts, FIRST_PAUSE)


async def retry_failed(pool: asyncpg.Pool) -> int:
    """Put back what was given up; how many jobs."""
    return int((await pool.execute(SQL["retry_failed"])).rsplit(" ", 1)[1])


def _groups(jobs: Iterable[Job]) -> list[list[Job]]:
    """By owner, as every statement asks; one that failed before goes alone, so that it takes no other with it."""
    jobs = list(jobs)
    first = sorted((job for job in jobs if job.attempts == 1), key=lambda job: job.owner)
    groups = [list(group) for _, group in groupby(first, key=lambda job: job.owner)]
    return groups + [[job] for job in jobs if job.attempts > 1]
