"""Startup, readiness and liveness of one running container.

Owns: when probes run and what their results mean. Must not be in it: what a probe does (actions.py), what
happens to a container that failed (containers.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rem_local.node.podspec import Container, Probe

# Runs one probe; None when it succeeded, else what was seen.
Check = Callable[[str, Probe], Awaitable[str | None]]
Report = Callable[[bool, bool], None]
# Until a container is ready for the first time its readiness is asked more often than its period says (a kubelet
# waits the whole period): nothing but the waiting gets shorter.
_FIRST_READY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Unhealthy:
    """The container must be killed."""

    kind: str
    message: str
    grace_seconds: float | None


async def watch_health(container: Container, check: Check, report: Report) -> Unhealthy:
    """Probe until the container must be killed; runs for ever when that never happens.

    `report(started, ready)` is called whenever one of the two may have changed.
    """
    startup = container.startup_probe
    if startup:
        message = await _failure(startup, lambda: check("Startup", startup), until_success=True)
        if message is not None:
            return Unhealthy("startup", message, startup.termination_grace_period_seconds)
    report(True, container.readiness_probe is None)  # noqa: FBT003 - the shape of Report
    async with asyncio.TaskGroup() as group:
        readiness = group.create_task(_follow_readiness(container, check, report))
        verdict = await _until_not_alive(container, check)
        readiness.cancel()
    return verdict


async def _until_not_alive(container: Container, check: Check) -> Unhealthy:
    liveness = container.liveness_probe
    if liveness is None:
        return await asyncio.Future()
    message = await _failure(liveness, lambda: check("Liveness", liveness), until_success=False)
    return Unhealthy("liveness", message or "", liveness.termination_grace_period_seconds)


async def _failure(probe: Probe, check: Callable[[], Awaitable[str | None]], *, until_success: bool) -> str | None:
    """What the last of `failureThreshold` failures in a row said; None at the first success, if that ends it."""
    failures = 0
    await asyncio.sleep(probe.initial_delay_seconds)
    while True:
        message = await check()
        if message is None and until_success:
            return None
        failures = failures + 1 if message is not None else 0
        if message is not None and failures >= probe.failure_threshold:
            return message
        await asyncio.sleep(probe.period_seconds)


async def _follow_readiness(container: Container, check: Check, report: Report) -> None:
    probe = container.readiness_probe
    if probe is None:
        return
    ready, was_ready, streak = False, False, 0
    last: bool | None = None
    await asyncio.sleep(probe.initial_delay_seconds)
    while True:
        passed = await check("Readiness", probe) is None
        streak, last = (streak + 1 if passed == last else 1), passed
        if streak >= (probe.success_threshold if passed else probe.failure_threshold) and ready != passed:
            ready, was_ready = passed, True
            report(True, ready)  # noqa: FBT003 - the shape of Report
        await asyncio.sleep(probe.period_seconds if was_ready else min(probe.period_seconds, _FIRST_READY_SECONDS))
