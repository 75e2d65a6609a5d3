"""When owed vectors are made: at once while there are any, again after a failure, never in a spin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from rem_runtime.api.vectors import VectorDrain
from rem_runtime.memory.embedding.drain import Backlog, Drained
from rem_runtime.memory.errors import EmbedderError
from rem_runtime.monitoring import Metrics


class CountingDrain:
    def __init__(self, *answers: Drained | Exception) -> None:
        self.answers = list(answers)
        self.rounds = 0

    async def once(self) -> Drained:
        self.rounds += 1
        answer = self.answers.pop(0) if self.answers else Drained()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def backlog(self) -> Backlog:
        return Backlog(waiting=len(self.answers), failed=1)


class CountingMemory:
    def __init__(self, *answers: Drained | Exception) -> None:
        self.drain = CountingDrain(*answers)


@asynccontextmanager
async def running(memory: CountingMemory, *, idle_seconds: float) -> AsyncIterator[Metrics]:
    metrics = Metrics()
    drain = VectorDrain(memory, metrics, idle_seconds=idle_seconds)  # type: ignore[arg-type]  # a counting one
    task = asyncio.create_task(drain.run())
    try:
        yield metrics
    finally:
        task.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is counted knows no event
            await asyncio.sleep(0.01)


async def test_while_there_is_work_it_does_not_wait_and_then_it_does() -> None:
    memory = CountingMemory(*[Drained(jobs=4, vectors=5)] * 20)
    async with running(memory, idle_seconds=60) as metrics:
        await until(lambda: memory.drain.rounds == 21)
        await asyncio.sleep(0.1)
        assert memory.drain.rounds == 21
        assert metrics.registry.get_sample_value("rem_embedding_vectors_total") == 100
        assert metrics.registry.get_sample_value("rem_embedding_jobs", {"state": "waiting"}) == 0
        assert metrics.registry.get_sample_value("rem_embedding_jobs", {"state": "failed"}) == 1


async def test_a_failure_is_waited_out() -> None:
    failures: list[Drained | Exception] = [ConnectionRefusedError("away"), EmbedderError("other model")]
    memory = CountingMemory(*failures, Drained(jobs=3, failed=3), Drained(jobs=1, vectors=1))
    async with running(memory, idle_seconds=0.1) as metrics:
        await asyncio.sleep(0.05)
        assert memory.drain.rounds == 1
        await until(lambda: memory.drain.rounds >= 4)
        assert metrics.registry.get_sample_value("rem_embedding_vectors_total") == 1


async def test_the_longer_the_model_is_away_the_seldomer_it_is_asked() -> None:
    memory = CountingMemory(*[Drained(jobs=64, failed=2, away="503")] * 100)
    async with running(memory, idle_seconds=0.01):
        await asyncio.sleep(0.5)
        assert 3 <= memory.drain.rounds <= 7
