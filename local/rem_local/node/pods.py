"""One pod from its binding to this node until its object is deleted.

Owns: the order of things: volumes, init containers, sidecars, containers, the end, the deletion. Must not be in it:
the life of one container (containers.py), what a status looks like (status.py).
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Sequence
from typing import Any

from rem_local.kube import PODS, KubeError
from rem_local.node.containers import ContainerRun
from rem_local.node.podspec import Pod
from rem_local.node.reporting import StatusWriter
from rem_local.node.scope import Node, PodScope, timestamp
from rem_local.node.sources import SourceKey, UnresolvedReferenceError, references
from rem_local.node.status import Sandbox, pod_status, role_of, waiting
from rem_local.node.volumes import PodVolumes

_log = logging.getLogger(__name__)
_MOUNT_RETRY_SECONDS = 2.0
_FINISHED_PHASES = frozenset({"Succeeded", "Failed"})
_DELETE_RETRY_SECONDS = 1.0


class PodRun:
    """The task of one pod; `observe`, `sources_changed` and `gone` tell it what happens in the API server."""

    def __init__(self, node: Node, pod: Pod) -> None:
        meta = pod.metadata
        directory = node.state_dir / "pods" / f"{meta.name}_{meta.uid[:8]}"
        self._node = node
        self._address = node.addresses.take()
        self._writer = StatusWriter(node.kube, meta, self._status)
        self._scope = PodScope(
            node=node,
            pod=pod,
            address=self._address,
            directory=directory,
            volumes=PodVolumes(node.kube, directory / "volumes"),
            changed=self._writer.changed.notify,
        )
        self._references = references(pod)
        self._deletion = asyncio.Event()
        self._gone = False
        self._started_at = timestamp()
        self._prepared = self._over = False
        self._reason = self._message = ""
        self._first_reason = "PodInitializing" if pod.spec.init_containers else "ContainerCreating"
        self._inits = self._runs(pod, init=True)
        self._mains = self._runs(pod, init=False)
        self.observe(pod)

    @property
    def uid(self) -> str:
        return self._scope.pod.metadata.uid

    def observe(self, pod: Pod) -> None:
        """A newer version of the pod's object."""
        before, self._scope.pod = self._scope.pod.metadata, pod
        if pod.metadata.deletion_timestamp:
            self._hurry(before.deletion_grace_period_seconds, pod.metadata.deletion_grace_period_seconds)
            self._deletion.set()
        if (before.labels, before.annotations) != (pod.metadata.labels, pod.metadata.annotations):
            self._scope.sources.notify()
        self._writer.changed.notify()
        for container in self._containers:
            container.wake()

    def source_changed(self, key: SourceKey) -> None:
        """A ConfigMap or Secret changed; nothing happens if it is not the pod's."""
        if key in self._references:
            self._scope.sources.notify()
            for container in self._containers:
                container.wake()

    def gone(self) -> None:
        """The object was deleted without waiting for us: kill."""
        self._gone = True
        self._deletion.set()
        self._kill()

    def _hurry(self, before: float | None, now: float | None) -> None:
        """Somebody deleted the pod a second time and grants less time than the first."""
        if before is not None and now is not None and now < before:
            asyncio.get_running_loop().call_later(now, self._kill)

    def _kill(self) -> None:
        for container in self._containers:
            container.kill()

    async def run(self) -> None:
        """Everything, until the pod's object is deleted."""
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(self._writer.run())
                if self._scope.pod.status.phase in _FINISHED_PHASES:
                    # It ended in a former life of this node, which nothing is known about any more.
                    writer.cancel()
                else:
                    await self._until_over(group)
                await self._deletion.wait()
                writer.cancel()
            await self._delete()
        finally:
            self._node.addresses.give_back(self._address)
            await asyncio.to_thread(shutil.rmtree, self._scope.directory, ignore_errors=True)

    @property
    def _containers(self) -> list[ContainerRun]:
        return [*self._inits, *self._mains]

    def _runs(self, pod: Pod, *, init: bool) -> list[ContainerRun]:
        containers = pod.spec.init_containers if init else pod.spec.containers
        return [
            ContainerRun(self._scope, each, role_of(each, init=init), first_state=waiting(self._first_reason))
            for each in containers
        ]

    async def _until_over(self, group: asyncio.TaskGroup) -> None:
        """Run the pod until its containers are done, it is deleted, or its deadline has passed."""
        work = group.create_task(self._work(group))
        deletion = group.create_task(self._deletion.wait())
        limit = self._scope.pod.spec.active_deadline_seconds
        done, _ = await asyncio.wait({work, deletion}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if work not in done:
            await self._stop(work)
        deletion.cancel()
        if not done:
            self._reason = "DeadlineExceeded"
            self._message = "Pod was active on the node longer than the specified deadline"
        self._over = True
        self._writer.changed.notify()

    async def _work(self, group: asyncio.TaskGroup) -> None:
        await self._mount()
        fresh = group.create_task(self._keep_fresh())
        self._prepared = True
        self._writer.changed.notify()
        running: list[tuple[ContainerRun, asyncio.Task[None]]] = []
        try:
            if await self._initialise(group, running):
                await _together(self._mains)
            await self._stop_sidecars(running)
        finally:
            fresh.cancel()

    async def _initialise(
        self, group: asyncio.TaskGroup, running: list[tuple[ContainerRun, asyncio.Task[None]]]
    ) -> bool:
        """Init containers one after the other, sidecars kept running; False when one failed for good."""
        for container in self._inits:
            if container.record.role == "sidecar":
                running.append((container, group.create_task(container.run())))
                await container.was_started.wait()
                continue
            await container.run()
            if container.record.exit_code != 0:
                return False
        return True

    async def _stop_sidecars(self, running: Sequence[tuple[ContainerRun, asyncio.Task[None]]]) -> None:
        """The last started first, as Kubernetes does."""
        deadline = time.monotonic() + self._scope.pod.spec.termination_grace_period_seconds
        for container, task in reversed(running):
            await container.stop(deadline)
            await task

    async def _mount(self) -> None:
        """Make the volumes; what they refer to may not be there yet, so again until it works."""
        while True:
            seen = self._scope.sources.version
            problem = await self._refresh_volumes()
            for container in self._containers:
                container.show_waiting(self._first_reason, problem or "")
            if problem is None:
                return
            await self._scope.sources.newer_than(seen, timeout_seconds=_MOUNT_RETRY_SECONDS)

    async def _keep_fresh(self) -> None:
        """Rewrite files whose source changed, and tokens before they expire."""
        seen = self._scope.sources.version
        while True:
            due = self._scope.volumes.renew_in_seconds()
            seen = await self._scope.sources.newer_than(seen, timeout_seconds=due)
            if await self._refresh_volumes() is not None:
                # What is there stays, as with a kubelet.
                await asyncio.sleep(_MOUNT_RETRY_SECONDS)

    async def _refresh_volumes(self) -> str | None:
        """None when all volumes are as they should be, else what is wrong."""
        try:
            await self._scope.volumes.refresh(self._scope.facts())
        except (UnresolvedReferenceError, KubeError, OSError) as error:
            self._scope.event("FailedMount", str(error), warning=True)
            return str(error)
        return None

    async def _stop(self, work: asyncio.Task[None]) -> None:
        """End everything within the grace: the containers together, then the sidecars, the last started first."""
        grace = self._scope.pod.metadata.deletion_grace_period_seconds
        if grace is None:
            grace = self._scope.pod.spec.termination_grace_period_seconds
        deadline = time.monotonic() + grace
        sidecars = [each for each in self._inits if each.record.role == "sidecar"]
        others = [each for each in self._containers if each not in sidecars]
        await asyncio.gather(*(each.stop(deadline) for each in others))
        for sidecar in reversed(sidecars):
            await sidecar.stop(deadline)
        work.cancel()
        await asyncio.wait({work})

    async def _delete(self) -> None:
        """Write the last status, then remove the object, unless somebody did."""
        if self._gone:
            return
        meta = self._scope.pod.metadata
        if self._over:
            await self._writer.flush()
        deleted = False
        while not (deleted or self._gone):
            try:
                await self._node.kube.delete(PODS, meta.namespace, meta.name, uid=meta.uid, grace_seconds=0)
                deleted = True
            except KubeError as error:
                _log.warning("pod not deleted: %s", error, extra={"pod": meta.name})
                await asyncio.sleep(_DELETE_RETRY_SECONDS)

    def _status(self, before: list[dict[str, Any]]) -> dict[str, Any]:
        sandbox = Sandbox(
            pod_ip=self._address,
            host_ip=self._node.address,
            start_time=self._started_at,
            prepared=self._prepared and not self._over,
            over=self._over,
            reason=self._reason,
            message=self._message,
        )
        records = [container.record for container in self._containers]
        return pod_status(self._scope.pod, records, sandbox, before=before, now=timestamp())


async def _together(containers: Sequence[ContainerRun]) -> None:
    async with asyncio.TaskGroup() as group:
        for container in containers:
            group.create_task(container.run())
