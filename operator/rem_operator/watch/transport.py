"""kopf, run as a watch transport and nothing else: settings, registration, and starting it anew when it is deaf.

No change handlers, timers or daemons: those store annotations and finalizers on the objects. Owns kopf's lifetime;
what an event means is in `routing`, whether the watches live in `vitals`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiohttp
import kopf

from rem_crds.handoff import LABEL_TENANT
from rem_operator.kube.client import KubeClient
from rem_operator.kube.errors import KubeError
from rem_operator.kube.index import Index, Seen
from rem_operator.kube.resources import CHILDREN, Resource
from rem_operator.metrics import Metrics
from rem_operator.queue import KeyedQueue
from rem_operator.settings import WatchSettings
from rem_operator.watch.discovery import Discovery
from rem_operator.watch.routing import keys_of_event, keys_of_tenants
from rem_operator.watch.session import ObservedSession
from rem_operator.watch.vitals import Stream, Vitals, streams_of

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_PICK_UP_SECONDS = 10.0  # from kopf's start to its first request for every kind; on a busy machine it takes two
_END_SECONDS = 10.0  # for kopf's tasks to end after they were cancelled
_KOPF = str(Path(kopf.__file__).parent)
_PAUSE_SECONDS = 1.0  # before kopf is started anew; doubles while it keeps failing
_PAUSE_LIMIT_SECONDS = 30.0
_LASTING_SECONDS = 120.0  # kopf has worked: the next failure is a new one
_KINDS_HAVE_CHANGED = "kinds have changed"


class _Backoffs:
    """kopf's pauses between attempts, without an end: a watch that gives up ends kopf."""

    def __iter__(self) -> Iterator[float]:
        yield from (0.5, 1.0, 2.0, 4.0, 8.0)
        while True:
            yield 15.0


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where the watches lead."""

    index: Index
    queue: KeyedQueue
    metrics: Metrics


class Transport:
    """Keeps kopf running, and the queue on hold until every served kind is in the index."""

    def __init__(
        self,
        client: KubeClient,
        sinks: Sinks,
        settings: WatchSettings,
        *,
        on_started: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_started` is called after each start of kopf, which takes the process's signals for itself."""
        self._client = client
        self._sinks = sinks
        self._settings = settings
        self._on_started = on_started
        self._discovery = Discovery(client, sinks.index)
        self._streams = streams_of(sinks.index.watched, settings.namespaces)
        self.vitals = Vitals(self._streams)
        self._watching = False
        sinks.queue.hold()

    async def run(self) -> None:
        """Run until cancelled."""
        pause = _PAUSE_SECONDS
        while True:
            started = asyncio.get_running_loop().time()
            reason = await self._run_once()
            log.warning("watches are started anew", extra={"reason": reason})
            self._sinks.metrics.restarted_watches(reason.partition(":")[0])
            if reason == _KINDS_HAVE_CHANGED:
                continue
            lasted = asyncio.get_running_loop().time() - started
            pause = _PAUSE_SECONDS if lasted > _LASTING_SECONDS else min(2 * pause, _PAUSE_LIMIT_SECONDS)
            await asyncio.sleep(pause)

    @property
    def synced(self) -> bool:
        """Whether the first list of every served kind has arrived, without which nothing is reconciled."""
        return not self.unsynced

    @property
    def unsynced(self) -> list[Resource]:
        """Served kinds whose first list has not arrived."""
        index = self._sinks.index
        return [r for r in index.watched if index.served(r) and not index.synced(r)]

    async def _run_once(self) -> str:
        """Start kopf and watch over it; returns why it has to be started anew."""
        self.vitals.begin()
        try:
            await self._refresh()
        except KubeError as error:
            return f"no discovery: {error}"
        self.vitals.begin()
        self._watching = True
        tasks = await self._start_kopf()
        try:
            return await self._watch_over(tasks)
        finally:
            self._watching = False
            await _end_kopf(tasks)

    async def _watch_over(self, tasks: Collection[asyncio.Task[Any]]) -> str:
        loop = asyncio.get_running_loop()
        next_discovery = loop.time() + self._settings.discovery_seconds
        while True:
            ended, _ = await asyncio.wait(tasks, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if ended:
                return f"kopf ended: {', '.join(map(_ending, ended))}"
            if loop.time() >= next_discovery:
                next_discovery = loop.time() + self._settings.discovery_seconds
                if await self._kinds_have_changed():
                    return _KINDS_HAVE_CHANGED
            if silent := self.vitals.silent(self._sinks.index, after_seconds=self._settings.restart_seconds):
                return f"silence: {', '.join(map(str, silent))}"
            if missing := self.vitals.missing(self._sinks.index, after_seconds=_PICK_UP_SECONDS):
                return f"not watched: {', '.join(map(str, missing))}"
            self._release_when_synced()

    def _release_when_synced(self) -> None:
        if self._watching and self.synced:
            self._sinks.queue.release()

    async def _kinds_have_changed(self) -> bool:
        try:
            return await self._refresh()
        except KubeError as error:
            log.warning("discovery failed", extra={"error": str(error)})
            return False

    async def _refresh(self) -> bool:
        changed, gone = await self._discovery.refresh()
        for one in gone:
            self._enqueue(one)
        if changed:
            for key in keys_of_tenants(self._sinks.index):
                self._sinks.queue.add(key)
        return bool(changed)

    async def _start_kopf(self) -> Collection[asyncio.Task[Any]]:
        """kopf's root tasks, none of which ends by itself; `kopf.operator()` would at its end cancel everybody's."""
        settings = kopf_settings(self._settings)
        scope = {"namespaces": self._settings.namespaces} if self._settings.namespaces else {"clusterwide": True}
        tasks = await kopf.spawn_tasks(
            registry=self._registry(), settings=settings, standalone=True, **cast(Any, scope)
        )
        self._on_started()
        return tasks

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        register(registry, list(self._sinks.index.watched), self._on_event)
        paths = {resource.path(scope): (resource, scope) for resource, scope in self._streams}
        session = ObservedSession(self._client, paths, self.vitals, self)

        @kopf.on.login(id="session", registry=registry)
        async def login(**_: object) -> kopf.AiohttpSession:
            shared = cast(aiohttp.ClientSession, session)
            return kopf.AiohttpSession(server=self._client.access.server, aiohttp_session=shared)

        return registry

    def take(self, stream: Stream, objects: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
        """Part of a list goes into the index."""
        folded = [self._sinks.index.fold(stream[0], obj) for obj in objects]
        return {(one.namespace, one.name) for one in folded}

    def complete(self, stream: Stream, names: set[tuple[str, str]], version: str) -> None:
        """A whole list has arrived: what is in it and what is not in it any more concerns somebody."""
        resource, scope = stream
        vanished = self._sinks.index.settle(resource, scope, names, version=version)
        for one in (*vanished, *self._sinks.index.of_kind(resource, scope)):
            self._enqueue(one)
        self._release_when_synced()

    def _on_event(self, resource: Resource, kind: str | None, obj: Mapping[str, Any]) -> None:
        """`kind` is ADDED, MODIFIED or DELETED."""
        index = self._sinks.index
        metadata = obj["metadata"]
        before = index.get(resource, metadata.get("namespace", ""), metadata["name"])
        if before is not None:
            self._enqueue(before)  # its label may have named another tenant
        if kind == "DELETED":
            index.remove(resource, obj)
            now = None
        else:
            now = index.fold(resource, obj)
        if now is not None and now is not before:
            self._enqueue(now)
        self._sinks.metrics.watched(str(resource))

    def _enqueue(self, one: Seen) -> None:
        for key in keys_of_event(one.resource, one, self._sinks.index):
            self._sinks.queue.add(key)


def register(
    registry: kopf.OperatorRegistry,
    resources: list[Resource],
    on_event: Callable[[Resource, str | None, Mapping[str, Any]], None],
) -> None:
    """Watch each resource with a low-level handler, which leaves no trace on the objects."""
    for resource in resources:

        async def handle(event: kopf.RawEvent, *, watched: Resource = resource, **_: object) -> None:
            on_event(watched, cast(str | None, event["type"]), cast(Mapping[str, Any], event["object"]))

        kopf.on.event(resource.group, resource.version, resource.plural, id=str(resource), registry=registry)(
            cast(Any, handle)
        )


def kopf_settings(watch: WatchSettings) -> kopf.OperatorSettings:
    """Explicit time limits everywhere, nothing written to the cluster, our label as the selector of children."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True  # `Discovery` does it
    settings.watching.server_timeout = watch.server_seconds
    settings.watching.client_timeout = watch.server_seconds + 10
    settings.watching.connect_timeout = watch.connect_seconds
    settings.watching.inactivity_timeout = watch.inactivity_seconds
    settings.watching.reconnect_backoff = watch.reconnect_seconds
    settings.networking.connect_timeout = watch.connect_seconds
    settings.networking.request_timeout = 60.0
    settings.networking.error_backoffs = _Backoffs()
    settings.queueing.idle_timeout = (
        0.5  # a task per object lives so long after each event; the default 5 s costs memory
    )
    settings.process.ultimate_exiting_timeout = (
        None  # kopf would kill the process ten minutes after it was started anew
    )
    for resource in CHILDREN:
        settings.watching.label_selectors[resource.group, resource.version, resource.plural] = LABEL_TENANT
    return settings


async def _end_kopf(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel kopf's root tasks and then what they left behind: a watcher survives an orchestrator that has failed."""
    await _cancel(tasks)
    await _cancel([task for task in asyncio.all_tasks() if _code_of(task).startswith(_KOPF)])


async def _cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        ended, _ = await asyncio.wait(tasks, timeout=_END_SECONDS)
        for task in ended:
            _ending(task)  # an exception that nobody asks for is logged by asyncio


def _code_of(task: asyncio.Task[Any]) -> str:
    code = getattr(task.get_coro(), "cr_code", None)
    return code.co_filename if code is not None else ""


def _ending(task: asyncio.Task[Any]) -> str:
    if task.cancelled():
        return f"{task.get_name()} was cancelled"
    error = task.exception()
    return f"{task.get_name()}: {type(error).__name__}: {error}" if error else f"{task.get_name()} ended by itself"
