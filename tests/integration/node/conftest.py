"""The node in the cluster of the tests, with one image: program.py under this interpreter."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from rem_local.cluster import LocalCluster
from rem_local.kube import NODES, PODS, Kube, Object, Resource
from rem_local.node import NODE_NAME, Image, ImageTable, run_node

IMAGE = "registry.example/tests/program"
_PROGRAM = Path(__file__).parent / "program.py"
_DEADLINE_SECONDS = 40.0
Check = Callable[[Object], Any]


@dataclass(frozen=True)
class NodeUnderTest:
    """What a test of the node does with it."""

    kube: Kube
    log_dir: Path
    state_dir: Path
    images: ImageTable
    namespace: str = ""
    image: str = f"{IMAGE}:1.0"

    def container(self, *args: str, name: str = "main", **more: Any) -> Object:
        """A container of the test program, told its pod's address and where to leave a message."""
        own = [
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "MESSAGE_FILE", "value": "/dev/termination-log"},
        ]
        return {"name": name, "image": self.image, "args": list(args), **more, "env": [*own, *more.get("env", [])]}

    async def create_pod(self, name: str, *containers: Object, **spec: Any) -> Object:
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": self.namespace, **spec.pop("metadata", {})},
            "spec": {"containers": list(containers), "terminationGracePeriodSeconds": 5, **spec},
        }
        return await self.kube.create(PODS, self.namespace, body)

    async def until(self, res: Resource, name: str, check: Check) -> Object:
        """The object as soon as `check` is true of it; fails with what it looked like last."""
        last: Object | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout(_DEADLINE_SECONDS):
                async for kind, last in self.kube.watch(res, self.namespace, field_selector=f"metadata.name={name}"):
                    if kind != "DELETED" and check(last):
                        return last
        raise AssertionError(f"waited {_DEADLINE_SECONDS:.0f} s in vain; last seen: {last and last.get('status')}")

    async def until_pod(self, name: str, check: Check) -> Object:
        return await self.until(PODS, name, lambda pod: check(pod.get("status", {})))

    async def until_gone(self, name: str) -> None:
        async def gone() -> bool:
            return await self.kube.get(PODS, self.namespace, name) is None

        await self.eventually(gone)

    async def eventually(self, check: Callable[[], Awaitable[bool]], *, within_seconds: float = 20) -> None:
        """Ask again and again until the answer is yes."""
        async with asyncio.timeout(within_seconds):
            while True:
                if await check():
                    return
                await asyncio.sleep(0.05)

    def log(self, pod: str, container: str = "main") -> str:
        return (self.log_dir / f"{self.namespace}_{pod}_{container}.log").read_text()

    async def ask(self, pod: Object, path: str) -> str:
        """What the program in the pod answers."""
        url = f"http://{pod['status']['podIP']}:8080{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return await response.text()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _node(
    cluster: LocalCluster, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[NodeUnderTest, asyncio.Task[None]]]:
    directory = tmp_path_factory.mktemp("node")
    images = ImageTable({IMAGE: Image((sys.executable, "-I", str(_PROGRAM)), {"FROM_IMAGE": "yes"}, cmd=("serve",))})
    logs, state = directory / "logs", directory / "state"
    task = asyncio.create_task(
        run_node(cluster.kube, block=cluster.block, images=images, state_dir=state, log_dir=logs)
    )
    yield NodeUnderTest(cluster.kube, log_dir=logs, state_dir=state, images=images), task
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    # Other tests of the session share the cluster, and have no use for pods that nobody runs.
    await cluster.kube.delete(NODES, None, NODE_NAME)


@pytest_asyncio.fixture(loop_scope="session")
async def node(_node: tuple[NodeUnderTest, asyncio.Task[None]], namespace: str) -> AsyncIterator[NodeUnderTest]:
    """The running node, and a fresh namespace for the test's pods."""
    under_test, task = _node
    yield replace(under_test, namespace=namespace)
    if task.done():
        task.result()
