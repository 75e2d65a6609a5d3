"""The loop: one reconcile per key at a time, failures retried, no echo of our own status writes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from rem_local.kube import Kube, KubeError, Object, Resource
from rem_local.neighbours.loop import Loop

THINGS = Resource("example.com", "v1", "things", "Thing")
LOG = logging.getLogger(__name__)


class Events:
    """In place of the API server: what a test puts in is what a watch yields."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[str, Object]] = asyncio.Queue()

    async def watch(self, resource: Resource, **_: Any) -> AsyncIterator[tuple[str, Object]]:
        while True:
            yield await self.queue.get()

    def put(self, name: str, *, event: str = "MODIFIED", **metadata: Any) -> None:
        item = {"kind": "Thing", "metadata": {"namespace": "n", "name": name, "generation": 1, **metadata}}
        self.queue.put_nowait((event, item))


class Running:
    """A loop over one kind, and what it reconciled."""

    def __init__(self) -> None:
        self.events = Events()
        self.calls: list[str] = []
        self.fail: dict[str, Exception] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.news = asyncio.Event()
        self.loop = Loop(cast(Kube, self.events), LOG)
        self.loop.own(THINGS, self.reconcile)

    async def reconcile(self, namespace: str, name: str) -> float | None:
        self.calls.append(name)
        self.news.set()
        await self.gate.wait()
        if (error := self.fail.pop(name, None)) is not None:
            raise error
        return None

    async def called(self, *names: str) -> None:
        async with asyncio.timeout(5):
            while self.calls != list(names):
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    state = Running()
    task = asyncio.create_task(state.loop.run())
    yield state
    task.cancel()
    await asyncio.wait([task])


async def test_an_event_brings_on_a_reconcile_and_a_status_write_does_not(running: Running) -> None:
    running.events.put("a", event="ADDED", resourceVersion="1")
    await running.called("a")
    running.events.put("a", resourceVersion="2")
    running.events.put("b", event="ADDED", resourceVersion="3")
    await running.called("a", "b")
    running.events.put("a", resourceVersion="4", generation=2)
    await running.called("a", "b", "a")
    running.events.put("a", event="DELETED", resourceVersion="5", generation=2)
    await running.called("a", "b", "a", "a")


@pytest.mark.parametrize("error", [KubeError(500, "InternalError", "x"), ValueError("x")])
async def test_a_failure_is_logged_and_tried_again_and_stops_nobody(
    running: Running, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    running.fail["a"] = error
    running.events.put("a", event="ADDED")
    await running.called("a", "a")
    assert "reconciling failed" in caplog.text
    running.events.put("b", event="ADDED")
    await running.called("a", "a", "b")


async def test_one_key_is_reconciled_once_at_a_time_and_again_for_what_came_meanwhile(running: Running) -> None:
    running.gate.clear()
    running.events.put("a", event="ADDED")
    await running.called("a")
    for generation in (2, 3, 4):
        running.events.put("a", generation=generation)
    running.events.put("b", event="ADDED")
    await running.called("a", "b")
    running.gate.set()
    await running.called("a", "b", "a")
