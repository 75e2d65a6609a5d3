"""Makes the vectors that writes left out, beside the API: takes jobs while there are any, then looks every few seconds.

The work itself is the memory's; here is only when, and what a failure means for the next round.
"""

from __future__ import annotations

import asyncio
import logging

import asyncpg

from rem_runtime.database import DATABASE_AWAY
from rem_runtime.memory.errors import MemoryFault
from rem_runtime.memory.store import Memory
from rem_runtime.monitoring import Metrics

log = logging.getLogger(__name__)

_LONGEST_WAIT_SECONDS = 60.0
# How old the gauge of waiting jobs may be while there is work.
_COUNT_SECONDS = 10.0


class VectorDrain:
    """`run()` is one task of the process; any number of replicas run it at once."""

    def __init__(self, memory: Memory, metrics: Metrics, *, idle_seconds: float = 2.0) -> None:
        self._memory = memory
        self._metrics = metrics
        self._idle_seconds = idle_seconds
        self._told = ""
        self._failures = 0
        self._counted_at: float | None = None

    async def run(self) -> None:
        """Drains the queue, until cancelled."""
        while True:
            if not await self._round():
                # Twice as long after each round in a row that came to nothing because something is away.
                wait_seconds = self._idle_seconds * 2 ** min(self._failures, 10)
                await asyncio.sleep(min(wait_seconds, max(_LONGEST_WAIT_SECONDS, self._idle_seconds)))

    async def _round(self) -> bool:
        """Whether it found work, so that there may be more."""
        try:
            drained = await self._memory.drain.once()
            await self._count(settled=not drained.jobs)
        except (*DATABASE_AWAY, asyncpg.PostgresError, MemoryFault) as error:
            self._failed(f"{type(error).__name__}: {error}")
            return False
        self._metrics.vectors.inc(drained.vectors)
        if drained.away:
            self._failed(drained.away)
            return False
        self._told, self._failures = "", 0
        return drained.jobs > drained.failed

    async def _count(self, *, settled: bool) -> None:
        """Sets the gauge when the queue is empty, and now and then before."""
        now = asyncio.get_running_loop().time()
        if not settled and self._counted_at is not None and now < self._counted_at + _COUNT_SECONDS:
            return
        self._counted_at = now
        backlog = await self._memory.drain.backlog()
        self._metrics.embedding_jobs.labels(state="waiting").set(backlog.waiting)
        self._metrics.embedding_jobs.labels(state="failed").set(backlog.failed)

    def _failed(self, reason: str) -> None:
        """Each reason is told once, not every few seconds."""
        self._failures += 1
        if reason != self._told:
            log.warning("vectors are not made, trying again", extra={"reason": reason})
        self._told = reason
