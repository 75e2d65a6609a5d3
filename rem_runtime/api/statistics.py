"""Keeps SEARCH's term statistics fresh while documents come in: one pass after a burst, never one per document.

The pass itself is the memory's; here is only when.
"""

from __future__ import annotations

import asyncio
import logging

import asyncpg

from rem_runtime.database import DATABASE_AWAY
from rem_runtime.memory.store import Memory

log = logging.getLogger(__name__)

# How stale a burst without a pause may leave them.
_LONGEST_WAIT_SECONDS = 5.0


class StatisticsRefresher:
    """`request()` from an endpoint; `run()` is one task of the process. A burst ends after `quiet_seconds`."""

    def __init__(self, memory: Memory, *, quiet_seconds: float = 0.2, retry_seconds: float = 2.0) -> None:
        self._memory = memory
        self._quiet_seconds = quiet_seconds
        self._retry_seconds = retry_seconds
        self._requested = asyncio.Event()

    def request(self) -> None:
        """Something was written."""
        self._requested.set()

    async def run(self) -> None:
        """Refreshes after each burst of writes, until cancelled."""
        while True:
            await self._requested.wait()
            await self._burst_over()
            try:
                refreshed = await self._memory.refresh_statistics()
            except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
                log.warning("statistics not refreshed, trying again", extra={"reason": str(error)})
                refreshed = False
            if not refreshed:
                # Also when another replica is at it: its pass may have begun before what was written here.
                self._requested.set()
                await asyncio.sleep(self._retry_seconds)

    async def _burst_over(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _LONGEST_WAIT_SECONDS
        while self._requested.is_set() and loop.time() < deadline:
            self._requested.clear()
            await asyncio.sleep(self._quiet_seconds)
        self._requested.clear()
