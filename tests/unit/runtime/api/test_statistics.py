"""When the statistics are refreshed: once after a burst, again after a failure, never in a spin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from rem_runtime.api.statistics import StatisticsRefresher


class CountingMemory:
    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = list(answers)
        self.passes = 0

    async def refresh_statistics(self) -> bool:
        self.passes += 1
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        return answer


@asynccontextmanager
async def running(memory: CountingMemory) -> AsyncIterator[StatisticsRefresher]:
    refresher = StatisticsRefresher(memory, quiet_seconds=0.05, retry_seconds=0.05)  # type: ignore[arg-type]  # a counting one
    task = asyncio.create_task(refresher.run())
    try:
        yield refresher
    finally:
        task.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is counted knows no event
            await asyncio.sleep(0.01)


async def test_a_burst_is_one_pass() -> None:
    memory = CountingMemory()
    async with running(memory) as refresher:
        await asyncio.sleep(0.1)
        assert memory.passes == 0
        for _ in range(5):
            refresher.request()
            await asyncio.sleep(0.01)
        await until(lambda: memory.passes == 1)
        await asyncio.sleep(0.2)
        assert memory.passes == 1
        refresher.request()
        await until(lambda: memory.passes == 2)


async def test_a_pass_that_did_not_happen_is_repeated() -> None:
    memory = CountingMemory(ConnectionResetError("gone"), False, True)
    async with running(memory) as refresher:
        refresher.request()
        await until(lambda: memory.passes == 3)
        await asyncio.sleep(0.3)
        assert memory.passes == 3
