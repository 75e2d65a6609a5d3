"""A Kubernetes cluster without containers, as one context manager.

Owns: starting and stopping the parts in order, and making the failure of any part the failure of the whole. Must not be
in it: how a part works, and anything about tenants.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import yaml

from rem_local import crds
from rem_local.addresses import AddressBlock, BlockLock
from rem_local.binaries import ensure_binaries
from rem_local.control_plane import ControlPlane, Layout, prepare
from rem_local.kube import Kube, Object
from rem_local.progress import Progress
from rem_local.state import state_directory

# The kinds of this project, in a working copy.
OWN_CRDS = Path(__file__).parents[2] / "crds"
_KUBECTL_SECONDS = 120.0


class KubectlError(Exception):
    """kubectl ended with an error; the message is what it printed."""


class LocalCluster:
    """A running cluster; made by `LocalCluster.start`.

    `kube` belongs to the event loop that started the cluster. From another loop, use `async with cluster.connect()
    as kube`, or `cluster.seen_from(kube)` for a cluster object that is at home there.
    """

    def __init__(self, layout: Layout, kube: Kube, progress: Progress, parts: asyncio.TaskGroup) -> None:
        self.kube = kube
        self._layout = layout
        self._progress = progress
        self._parts = parts
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        *,
        state_dir: Path | None = None,
        progress: Progress | None = None,
        node: bool = False,
        neighbours: bool = False,
    ) -> AsyncIterator[Self]:
        """Start the control plane, then the node and the neighbours (with the CRDs that they speak) if asked for.

        Whatever fails later, a program of the control plane or a part, cancels the body of the `async with` and is
        raised from it. Everything has stopped when it is left.
        """
        progress = progress or Progress.silent()
        binaries = await ensure_binaries(progress)
        with state_directory(state_dir) as directory, BlockLock.take() as block:
            plane = ControlPlane(prepare(block, directory, binaries))
            try:
                with progress.step("Control plane") as step:
                    await plane.start(step.update)
                    step.result = f"Control plane ready: {plane.layout.server}"
                async with _unwrapped_task_group() as parts, cls._connect(plane.layout) as kube:
                    cluster = cls(plane.layout, kube, progress, parts)
                    cluster.run(plane.watch(), name="control plane")
                    try:
                        await cluster._start_parts(node=node, neighbours=neighbours)
                        yield cluster
                    finally:
                        await cluster._stop_parts()
            finally:
                await plane.stop()

    @property
    def block(self) -> AddressBlock:
        return self._layout.block

    @property
    def server(self) -> str:
        return self._layout.server

    @property
    def admin_token(self) -> str:
        return self._layout.credentials.admin

    @property
    def ca_file(self) -> Path:
        return self._layout.certificates.ca_file

    @property
    def kubeconfig(self) -> Path:
        return self._layout.kubeconfig

    @property
    def state_dir(self) -> Path:
        return self._layout.state_dir

    @property
    def log_dir(self) -> Path:
        return self._layout.log_dir

    @property
    def kubectl_path(self) -> Path:
        return self._layout.binaries.kubectl

    def connect(self) -> Kube:
        """A new client with the admin's token, to be entered with `async with` in any event loop."""
        return Kube(self.server, self.admin_token, self.ca_file)

    def seen_from(self, kube: Kube) -> Self:
        """The same cluster, talking through a client of the caller's event loop."""
        view = copy.copy(self)
        view.kube = kube
        return view

    def run(self, part: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run something until the cluster stops, in the cluster's own event loop. Its failure is the cluster's."""
        task = self._parts.create_task(part, name=name)
        self._tasks.append(task)
        return task

    async def kubectl(self, *args: str | Path, stdin: str | None = None) -> str:
        """What `kubectl ARGS` prints; raises KubectlError when it fails."""
        process = await asyncio.create_subprocess_exec(
            self.kubectl_path,
            f"--kubeconfig={self.kubeconfig}",
            *map(str, args),
            # No home: the user's own kubectl cache and preferences stay out of it.
            env={"HOME": str(self.state_dir)},
            stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            data = None if stdin is None else stdin.encode()
            output, errors = await asyncio.wait_for(process.communicate(data), _KUBECTL_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            command = " ".join(("kubectl", *map(str, args)))
            raise KubectlError(f"`{command}` failed: {errors.decode().strip() or output.decode().strip()}")
        return output.decode()

    async def apply_file(self, path: Path) -> None:
        """Server-side apply of a YAML file, or of all in a directory, as its author would with kubectl."""
        await self.kubectl("apply", "--server-side", "--force-conflicts", "-f", path)

    async def install_crds(self, groups: Iterable[str] = crds.GROUP_NAMES) -> None:
        """Install CRDs that are not ours, groups of `crds.GROUPS`, and wait until they are served."""
        groups = tuple(groups)
        wanted = await crds.load_crds(groups, self._progress)
        await self._install(wanted, f"CRDs of {', '.join(groups)}")

    async def install_own_crds(self, directory: Path = OWN_CRDS) -> None:
        """Install this project's CRDs and wait until they are served."""
        wanted = await asyncio.to_thread(_load_yaml, directory)
        if not wanted:
            raise crds.CrdsError(f"there are no CRDs in {directory}: run `make generate`")
        await self._install(wanted, "CRDs of REM")

    async def _install(self, wanted: list[Object], text: str) -> None:
        with self._progress.step(text) as step:
            await crds.install_crds(self.kube, wanted)
            step.result = f"{text}: {len(wanted)} kinds"

    async def _start_parts(self, *, node: bool, neighbours: bool) -> None:
        # Imported here: the control plane alone, and its tests, do not need what the parts need.
        if neighbours:
            from rem_local.neighbours import run_neighbours  # noqa: PLC0415

            await self.install_crds(crds.NEIGHBOUR_GROUPS)
            self.run(
                run_neighbours(
                    self.kube, block=self.block, state_dir=self.state_dir / "neighbours", log_dir=self.log_dir
                ),
                name="neighbours",
            )
        if node:
            from rem_local.images import project_images  # noqa: PLC0415
            from rem_local.node import run_node  # noqa: PLC0415

            self.run(
                run_node(
                    self.kube,
                    block=self.block,
                    images=project_images(),
                    state_dir=self.state_dir / "node",
                    log_dir=self.log_dir,
                ),
                name="node",
            )

    async def _stop_parts(self) -> None:
        """Last started, first stopped; each may clean up while what it needs is still there."""
        for task in reversed(self._tasks):
            task.cancel()
            await asyncio.wait([task])

    @staticmethod
    @asynccontextmanager
    async def _connect(layout: Layout) -> AsyncIterator[Kube]:
        async with Kube(layout.server, layout.credentials.admin, layout.certificates.ca_file) as kube:
            yield kube


def _load_yaml(directory: Path) -> list[Object]:
    return [item for path in sorted(directory.glob("*.yaml")) for item in yaml.safe_load_all(path.read_text())]


@asynccontextmanager
async def _unwrapped_task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that raises a single failure as what it is, instead of in a group of one."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        failure: BaseException = failures
        while isinstance(failure, BaseExceptionGroup) and len(failure.exceptions) == 1:
            failure = failure.exceptions[0]
        raise failure from failure.__cause__
