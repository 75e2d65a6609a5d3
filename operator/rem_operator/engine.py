"""The running operator: client, index, queue and watches put together, and taken apart in order.

Owns start and shutdown, and what counts as healthy. The composition root hands in the reconcilers.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from rem_operator.deps import Deps
from rem_operator.events import EventRecorder
from rem_operator.kube.client import KubeClient, Limits
from rem_operator.kube.index import Index
from rem_operator.kube.resources import KINDS_OF_OURS, Resource
from rem_operator.metrics import Metrics
from rem_operator.queue import Key, KeyedQueue, Reconciler, Result
from rem_operator.serving import serve
from rem_operator.settings import Settings
from rem_operator.watch.transport import Sinks, Transport

log = logging.getLogger(__name__)

Reconcile = Callable[[Deps, Key], Awaitable[Result]]
_BY_KIND: Mapping[str, Resource] = {resource.kind: resource for resource in KINDS_OF_OURS}


@dataclass(frozen=True, slots=True)
class _Parts:
    deps: Deps
    queue: KeyedQueue
    transport: Transport


async def run(settings: Settings, reconcilers: Mapping[str, Reconcile], *, stop: asyncio.Event | None = None) -> None:
    """Run until SIGTERM, SIGINT or `stop`; then finish what is running and return."""
    stop = stop or asyncio.Event()
    metrics = Metrics()
    limits = Limits(request_seconds=settings.kube.request_seconds, in_flight=settings.kube.in_flight)
    async with KubeClient.connect(settings.access(), limits=limits, observe=metrics.requested) as client:
        parts = _assemble(client, settings, metrics, reconcilers, on_started=functools.partial(_take_signals, stop))
        _follow(parts)
        health = functools.partial(_complaints, parts)
        ready = functools.partial(_unready, parts, stop)
        _take_signals(stop)
        async with serve(settings.http.host, settings.http.port, metrics=metrics, healthy=health, ready=ready) as port:
            log.info("operator has started", extra={"port": port, "server": client.access.server})
            await _until(stop, parts)
    log.info("operator has stopped")


def _assemble(
    client: KubeClient,
    settings: Settings,
    metrics: Metrics,
    reconcilers: Mapping[str, Reconcile],
    *,
    on_started: Callable[[], None],
) -> _Parts:
    index = Index(scopes=settings.watch.namespaces or (None,))
    deps = Deps(
        client=client,
        index=index,
        settings=settings,
        metrics=metrics,
        events=EventRecorder(client, _utc_now),
        clock=_utc_now,
        token=functools.partial(secrets.token_urlsafe, 32),
    )
    bound = {kind: _bound(deps, reconcile) for kind, reconcile in reconcilers.items()}
    queue = KeyedQueue(bound, pace=settings.pace, observer=metrics)
    transport = Transport(client, Sinks(index, queue, metrics), settings.watch, on_started=on_started)
    return _Parts(deps, queue, transport)


def _bound(deps: Deps, reconcile: Reconcile) -> Reconciler:
    """A reconciler of a key alone; a key whose object is gone is forgotten with its metrics."""

    async def run_one(key: Key) -> Result:
        result = await reconcile(deps, key)
        if deps.index.get(_BY_KIND[key.kind], key.namespace, key.name) is not None:
            return result
        deps.metrics.forget(key.kind, key.namespace, key.name)
        return Result(gone=True)

    return run_one


async def _until(stop: asyncio.Event, parts: _Parts) -> None:
    """Work until `stop` or until a part ends by itself, which none should."""
    workers = asyncio.create_task(parts.queue.run(), name="queue")
    watches = asyncio.create_task(parts.transport.run(), name="watches")
    stopped = asyncio.create_task(stop.wait(), name="stop")
    done, _ = await asyncio.wait([workers, watches, stopped], return_when=asyncio.FIRST_COMPLETED)
    log.info("operator is stopping", extra={"running": parts.queue.running, "waiting": parts.queue.depth})
    drained = await parts.queue.drain(timeout_seconds=parts.deps.settings.queue.drain_seconds)
    if not drained:
        log.warning("reconciles were cut off", extra={"running": parts.queue.running})
    for task in (watches, workers, stopped):
        task.cancel()
    await asyncio.wait([workers, watches, stopped])
    for task in (workers, watches):
        if task in done:
            task.result()


def _take_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def _follow(parts: _Parts) -> None:
    metrics, queue = parts.deps.metrics, parts.queue
    metrics.follow("rem_operator_queue_depth", "Keys that wait for a worker.", lambda: queue.depth)
    metrics.follow("rem_operator_queue_age_seconds", "Age of the oldest waiting key.", lambda: queue.age_seconds)
    metrics.follow("rem_operator_queue_running", "Keys that are being reconciled.", lambda: queue.running)
    metrics.follow_ages(
        "rem_operator_watch_age_seconds",
        "Seconds since anything, if only a bookmark, came over the watch of a kind.",
        lambda: parts.transport.vitals.ages(parts.deps.index),
    )


def _complaints(parts: _Parts) -> list[str]:
    """What a restart of the pod may cure: a deaf watch, a stuck worker."""
    settings = parts.deps.settings
    silent = parts.transport.vitals.silent(parts.deps.index, after_seconds=settings.watch.stale_seconds)
    complaints = [f"no sign of life from the watch of {resource}" for resource in silent]
    if parts.queue.longest_run_seconds > settings.queue.stuck_seconds:
        complaints.append(f"a reconcile has been running for {parts.queue.longest_run_seconds:.0f} s")
    if parts.transport.synced and parts.queue.age_seconds > settings.queue.stuck_seconds:
        complaints.append(f"a key has been waiting for {parts.queue.age_seconds:.0f} s")
    return complaints


def _unready(parts: _Parts, stop: asyncio.Event) -> list[str]:
    if stop.is_set():
        return ["the operator is stopping"]
    return [f"the first list of {resource} has not arrived" for resource in parts.transport.unsynced]


def _utc_now() -> datetime:
    return datetime.now(UTC)
