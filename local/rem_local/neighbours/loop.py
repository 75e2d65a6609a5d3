"""The level-triggered loop that every stand-in runs: watch → key → reconcile → again later.

Owns: at most one reconcile per key at a time, many keys at once, back-off for a key that fails. Must not be in it:
anything about one kind. A failing object is logged and tried again; it never stops the others.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from rem_local.kube import Kube, KubeError, Object, Resource

_FIRST_RETRY_SECONDS = 0.25
_LAST_RETRY_SECONDS = 15.0
_WORKERS = 16
# What a write of the status changes in the metadata; the spec is covered by `generation`.
_SAME_CHANGE = ("resourceVersion", "managedFields")


class Key(NamedTuple):
    """One object to reconcile."""

    kind: str
    namespace: str
    name: str


def key_of(item: Object) -> Key:
    """The key of an object itself."""
    return Key(item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"])


Reconcile = Callable[[str, str], Awaitable[float | None]]
"""Takes namespace and name; returns after how many seconds it wants to run again, None for not before an event."""

Mapper = Callable[[Object], Awaitable[Iterable[Key]]]
"""Which objects an event of another object concerns."""


@dataclass(frozen=True, slots=True)
class _Source:
    resource: Resource
    mapper: Mapper
    label_selector: str | None = None
    own: bool = False


class Loop:
    """Register kinds with `own` and `also`, then `run` until cancelled."""

    def __init__(self, kube: Kube, log: logging.Logger) -> None:
        self._kube = kube
        self._log = log
        self._reconcilers: dict[str, Reconcile] = {}
        self._sources: list[_Source] = []
        self._due: dict[Key, float] = {}
        self._busy: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._wake = asyncio.Event()

    def own(self, resource: Resource, reconcile: Reconcile) -> None:
        """Watch a kind and reconcile its objects: whenever something but their status changes."""

        async def itself(item: Object) -> Iterable[Key]:
            return (key_of(item),)

        self._reconcilers[resource.kind] = reconcile
        self._sources.append(_Source(resource, itself, own=True))

    def also(self, resource: Resource, mapper: Mapper, *, label_selector: str | None = None) -> None:
        """Watch a kind whose events concern owned objects."""
        self._sources.append(_Source(resource, mapper, label_selector=label_selector))

    def enqueue(self, key: Key, *, delay_seconds: float = 0.0) -> None:
        """Reconcile a key, sooner if it was waiting for later."""
        due = asyncio.get_running_loop().time() + delay_seconds
        self._due[key] = min(due, self._due.get(key, due))
        self._wake.set()

    async def run(self) -> None:
        """Watch and reconcile until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for source in self._sources:
                tasks.create_task(self._follow(source))
            workers = asyncio.Semaphore(_WORKERS)
            async for key in self._next_keys():
                await workers.acquire()
                task = tasks.create_task(self._reconcile(key))
                task.add_done_callback(lambda _: workers.release())

    async def _follow(self, source: _Source) -> None:
        seen: dict[Key, Object] = {}
        async for event, item in self._kube.watch(source.resource, label_selector=source.label_selector):
            if source.own and not _is_news(seen, event, item):
                continue
            try:
                keys = await source.mapper(item)
            except KubeError as error:
                self._log.warning("mapping an event failed: object=%s error=%s", key_of(item), error)
                continue
            for key in keys:
                self.enqueue(key)

    async def _next_keys(self) -> AsyncIterator[Key]:
        clock = asyncio.get_running_loop().time
        while True:
            self._wake.clear()
            ready = {key: due for key, due in self._due.items() if key not in self._busy}
            if not ready:
                await self._wake.wait()
                continue
            key = min(ready, key=lambda candidate: ready[candidate])
            wait_seconds = ready[key] - clock()
            if wait_seconds > 0:
                await _either(self._wake, wait_seconds)
                continue
            del self._due[key]
            self._busy.add(key)
            yield key

    async def _reconcile(self, key: Key) -> None:
        again: float | None
        try:
            again = await self._reconcilers[key.kind](key.namespace, key.name)
        except KubeError as error:
            again = self._retry_after(key)
            self._log.warning("reconciling failed: object=%s retry_seconds=%.1f error=%s", key, again, error)
        except Exception:  # noqa: BLE001 - a fault of one object must not stop the others; it is logged and retried
            again = self._retry_after(key)
            self._log.exception("reconciling failed: object=%s retry_seconds=%.1f", key, again)
        else:
            self._failures.pop(key, None)
        self._busy.discard(key)
        self._wake.set()
        if again is not None:
            self.enqueue(key, delay_seconds=again)

    def _retry_after(self, key: Key) -> float:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay: float = min(_FIRST_RETRY_SECONDS * 2 ** min(failures, 10), _LAST_RETRY_SECONDS)
        return delay * random.uniform(0.5, 1.0)


def _is_news(seen: dict[Key, Object], event: str, item: Object) -> bool:
    """Whether more than the status changed: a status with the time of its last check would else bring on the next."""
    key = key_of(item)
    before = seen.pop(key, None)
    if event == "DELETED":
        return True
    seen[key] = {name: value for name, value in item["metadata"].items() if name not in _SAME_CHANGE}
    return before != seen[key]


async def _either(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
