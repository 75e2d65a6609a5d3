"""The life of one container: start, run, end, back off, start again.

Owns: the loop and the container's record. Must not be in it: how a process is prepared (starting.py), what the
record means for the pod (status.py, pods.py).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

from rem_local.node.actions import ActionFailedError, perform
from rem_local.node.podspec import Container, Probe, RestartPolicy
from rem_local.node.probes import Unhealthy, watch_health
from rem_local.node.scope import PodScope, Signal, timestamp
from rem_local.node.starting import NotStartedError, Started, start_container
from rem_local.node.status import ContainerRecord, Role, State, should_restart, waiting

# A tenth of a kubelet's 10 s … 300 s, reset after a tenth of its 10 minutes: people wait here.
_FIRST_DELAY_SECONDS = 1.0
_LONGEST_DELAY_SECONDS = 30.0
_RESET_AFTER_SECONDS = 60.0
# A reference that leads nowhere is tried again when a ConfigMap or Secret of the pod changes, and at least so often.
_CONFIG_RETRY_SECONDS = 5.0
_POST_START_SECONDS = 60.0
# A kubelet grants this much for SIGTERM even when the preStop hook has used up the whole grace.
_SHORTEST_GRACE_SECONDS = 2.0
# When the node itself stops, nobody waits for the pods' own grace.
_NODE_STOP_GRACE_SECONDS = 2.0
_IMAGE_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff"})


def restart_delay(failures: int) -> float:
    """Seconds before a container that has ended `failures` times in a row is started again; the first time at once."""
    if failures <= 1:
        return 0.0
    return min(_FIRST_DELAY_SECONDS * 2.0 ** min(failures - 2, 16), _LONGEST_DELAY_SECONDS)


@dataclass(frozen=True)
class _Running:
    """The current process, while there is one."""

    started: Started
    since: str


class ContainerRun:
    """One container of a pod over all its restarts."""

    def __init__(self, scope: PodScope, container: Container, role: Role, *, first_state: State) -> None:
        self._scope = scope
        self._role = role
        self._running: _Running | None = None
        self._stopping = False
        self._killed = False
        self._wake = Signal()
        self._idle = asyncio.Event()
        self._idle.set()
        self.was_started = asyncio.Event()
        self.record = ContainerRecord(name=container.name, image=container.image, role=role, state=first_state)

    @property
    def name(self) -> str:
        return self.record.name

    def wake(self) -> None:
        """Something that the container waits for may have come."""
        self._wake.notify()

    def show_waiting(self, reason: str, message: str = "") -> None:
        """Say why the container does not run; how its last run ended is kept."""
        last_state = self.record.last_state if self.record.exit_code is None else self.record.state
        self._update(state=waiting(reason, message), last_state=last_state)

    async def run(self) -> None:
        """Start it, again and again; returns when it will not run any more."""
        self._idle.clear()
        try:
            await self._run()
        finally:
            self._idle.set()

    async def _run(self) -> None:
        failures = 0
        while not self._stopping:
            seen = self._wake.version
            try:
                started = await start_container(self._scope, self._container())
            except NotStartedError as error:
                failures += 1
                await self._after_not_started(error, failures, seen)
                continue
            began = time.monotonic()
            exit_code = await self._live(started)
            failures = 1 if time.monotonic() - began > _RESET_AFTER_SECONDS else failures + 1
            if self._stopping or not should_restart(self._role, self._policy(), exit_code):
                return
            await self._back_off(restart_delay(failures))

    async def stop(self, deadline: float) -> None:
        """preStop, SIGTERM, and SIGKILL at `deadline` (of time.monotonic); returns when the process is gone."""
        self._stopping = True
        self.wake()
        if self._running is not None:
            started = self._running.started
            self._scope.event("Killing", f"Stopping container {self.name}")
            await self._before_stop(started, deadline)
            await self._end(started, deadline)
        await self._idle.wait()

    def kill(self) -> None:
        """SIGKILL now: the pod object is gone already."""
        self._stopping = self._killed = True
        self.wake()
        if self._running is not None:
            self._running.started.process.signal(9)

    def _container(self) -> Container:
        return self._scope.pod.container(self.name)

    def _policy(self) -> RestartPolicy:
        return self._scope.pod.spec.restart_policy

    def _update(self, **changes: object) -> None:
        self.record = replace(self.record, **changes)  # type: ignore[arg-type]
        self._scope.changed()

    async def _after_not_started(self, error: NotStartedError, failures: int, seen: int) -> None:
        self._scope.event("Failed", error.message, warning=True)
        self.show_waiting(error.reason, error.message)
        if error.reason not in _IMAGE_REASONS:
            await self._wake.newer_than(seen, timeout_seconds=_CONFIG_RETRY_SECONDS)
            return
        await self._pause(_FIRST_DELAY_SECONDS)
        message = f'Back-off pulling image "{self._container().image}": ErrImagePull: {error.message}'
        self.show_waiting("ImagePullBackOff", message)
        self._scope.event("BackOff", message, warning=True)
        await self._pause(restart_delay(failures + 2))

    async def _back_off(self, seconds: float) -> None:
        if seconds <= 0:
            return
        meta = self._scope.pod.metadata
        where = f"container={self.name} pod={meta.name}_{meta.namespace}({meta.uid})"
        self.show_waiting("CrashLoopBackOff", f"back-off {seconds:g}s restarting failed {where}")
        self._scope.event("BackOff", f"Back-off restarting failed container {self.name}", warning=True)
        await self._pause(seconds)

    async def _pause(self, seconds: float) -> None:
        """Sleep that `stop` ends."""
        end = time.monotonic() + seconds
        while not self._stopping and (left := end - time.monotonic()) > 0:
            await self._wake.newer_than(self._wake.version, timeout_seconds=left)

    async def _live(self, started: Started) -> int:
        """From the start to the end of one process; its exit code as Kubernetes counts."""
        self._running = _Running(started, since=timestamp())
        try:
            self._report_running(started)
            if self._stopping:
                await started.process.stop(_SHORTEST_GRACE_SECONDS)
            await self._until_end(started)
        finally:
            # Also ends what the process left behind in its group, and everything when the node is cancelled.
            code = await started.process.stop(_NODE_STOP_GRACE_SECONDS)
            since, self._running = self._running.since, None
        exit_code = 128 - code if code < 0 else code
        self._report_end(started, exit_code, since)
        return exit_code

    def _report_running(self, started: Started) -> None:
        container = started.container
        before = self.record.state if self.record.exit_code is not None else self.record.last_state
        restarts = self.record.restart_count + (1 if before else 0)
        is_started = container.startup_probe is None
        self._update(
            state={"running": {"startedAt": timestamp()}},
            last_state=before,
            restart_count=restarts,
            image=container.image,
            container_id=f"process://{started.process.pid}",
            started=is_started,
            ready=is_started and container.readiness_probe is None,
        )
        self._scope.event("Started", f"Started container {self.name}")
        if is_started:
            self.was_started.set()

    def _report_end(self, started: Started, exit_code: int, since: str) -> None:
        message = started.termination_message(exit_code)
        ended = {
            "exitCode": exit_code,
            "reason": "Completed" if exit_code == 0 else "Error",
            "startedAt": since,
            "finishedAt": timestamp(),
            "containerID": self.record.container_id,
            **({"message": message} if message else {}),
        }
        self._update(state={"terminated": ended}, ready=False, started=False)

    async def _until_end(self, started: Started) -> None:
        """Wait for the process to end by itself or to be ended because it is not healthy."""
        end = asyncio.create_task(started.process.wait())
        health = asyncio.create_task(self._health(started))
        try:
            await asyncio.wait({end, health}, return_when=asyncio.FIRST_COMPLETED)
            if not end.done() and not self._stopping:
                await self._end_unhealthy(started, health.result())
            await end
        finally:
            for task in (end, health):
                task.cancel()
            await asyncio.wait({end, health})
            if health.done() and not health.cancelled():
                health.result()

    async def _end_unhealthy(self, started: Started, verdict: Unhealthy) -> None:
        self._scope.event(
            "Killing", f"Container {self.name} failed {verdict.kind}: {verdict.message}; it will be killed"
        )
        grace = verdict.grace_seconds
        if grace is None:
            grace = self._scope.pod.spec.termination_grace_period_seconds
        deadline = time.monotonic() + grace
        await self._before_stop(started, deadline)
        await self._end(started, deadline)

    async def _end(self, started: Started, deadline: float) -> None:
        """SIGTERM, then SIGKILL for the whole process group, as everybody in a container goes with its first."""
        left = max(_SHORTEST_GRACE_SECONDS, deadline - time.monotonic())
        await started.process.stop(0 if self._killed else left)

    async def _health(self, started: Started) -> Unhealthy:
        hook = started.container.lifecycle.post_start
        if hook:
            try:
                await perform(hook, started.target, timeout_seconds=_POST_START_SECONDS)
            except ActionFailedError as error:
                self._scope.event("FailedPostStartHook", str(error), warning=True)
                return Unhealthy("postStart hook", str(error), None)

        async def check(kind: str, probe: Probe) -> str | None:
            try:
                await perform(probe, started.target, timeout_seconds=probe.timeout_seconds)
            except ActionFailedError as error:
                self._scope.event("Unhealthy", f"{kind} probe failed: {error}", warning=True)
                return str(error)
            return None

        return await watch_health(started.container, check, self._report_health)

    def _report_health(self, started: bool, ready: bool) -> None:  # noqa: FBT001 - the shape of Report
        if (started, ready) != (self.record.started, self.record.ready):
            self._update(started=started, ready=ready)
        if started:
            self.was_started.set()

    async def _before_stop(self, started: Started, deadline: float) -> None:
        """The preStop hook, cut short by the deadline and by the end of the process."""
        hook = started.container.lifecycle.pre_stop
        if hook is None or self._killed:
            return
        acting = asyncio.create_task(
            perform(hook, started.target, timeout_seconds=max(0.1, deadline - time.monotonic()))
        )
        end = asyncio.create_task(started.process.wait())
        try:
            await asyncio.wait({acting, end}, return_when=asyncio.FIRST_COMPLETED)
            if acting.done():
                acting.result()
        except ActionFailedError as error:
            self._scope.event("FailedPreStopHook", f"preStop hook of {self.name} failed: {error}", warning=True)
        finally:
            for task in (acting, end):
                task.cancel()
            await asyncio.wait({acting, end})
