"""pytest fixtures of the cluster without containers: `pytest_plugins = ["rem_local.testing"]` in the top conftest.

Every cluster runs in a thread with an event loop of its own: a test that blocks its loop for a moment would otherwise
stop the node from renewing its lease and the neighbours from answering. Clusters start when a test first asks for one
and live until the session ends. Must not be in it: fixtures of one part's tests.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import re
import secrets
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
import pytest_asyncio

from rem_local.cluster import LocalCluster
from rem_local.crds import GROUP_NAMES, NEIGHBOUR_GROUPS
from rem_local.kube import NAMESPACES, SERVICE_ACCOUNTS, Kube, Object

# With binaries cached a start takes 4 s; building them is `make binaries`, which `make test` runs first.
_START_SECONDS = 1500.0
_STOP_SECONDS = 60.0
_NAMESPACE_SECONDS = 30.0


class ClusterThread:
    """A LocalCluster in a thread; its failure is raised by `check` and by `stop`."""

    def __init__(self, *, node: bool, neighbours: bool) -> None:
        self._node, self._neighbours = node, neighbours
        self._ready: concurrent.futures.Future[LocalCluster] = concurrent.futures.Future()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: asyncio.Event | None = None
        # A daemon: if the session dies without stopping us, the interpreter must not wait for it.
        self._thread = threading.Thread(target=self._main, name="rem-local-cluster", daemon=True)

    def start(self) -> LocalCluster:
        """Start it and wait until it is up, with all CRDs."""
        self._thread.start()
        return self._ready.result(_START_SECONDS)

    def check(self) -> None:
        """Raise when the cluster has failed since it was started."""
        if self._failure is not None:
            raise RuntimeError("the cluster of this test session has failed") from self._failure

    def run(self, part: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run something more inside the cluster until it stops, an operator say; its failure is the cluster's."""
        cluster, loop = self._ready.result(0), self._loop
        assert loop is not None
        loop.call_soon_threadsafe(lambda: cluster.run(part, name=name))

    def stop(self) -> None:
        """Stop everything; raises what the cluster failed with, if it did."""
        if self._loop is not None and self._leave is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            raise RuntimeError(f"the cluster did not stop within {_STOP_SECONDS:.0f} s")
        self.check()

    def _main(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:  # noqa: BLE001 - carried over to the thread that asks
            self._failure = error
            if not self._ready.done():
                self._ready.set_exception(error)

    async def _run(self) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        async with LocalCluster.start(node=self._node, neighbours=self._neighbours) as cluster:
            have = NEIGHBOUR_GROUPS if self._neighbours else ()
            await cluster.install_crds(name for name in GROUP_NAMES if name not in have)
            await cluster.install_own_crds()
            self._ready.set_result(cluster)
            await self._leave.wait()


@contextmanager
def cluster_thread(*, node: bool, neighbours: bool) -> Iterator[tuple[ClusterThread, LocalCluster]]:
    """A cluster in a thread, as a context manager."""
    thread = ClusterThread(node=node, neighbours=neighbours)
    try:
        yield thread, thread.start()
    finally:
        thread.stop()


@asynccontextmanager
async def fresh_namespace(kube: Kube, prefix: str, *, labels: dict[str, str] | None = None) -> AsyncIterator[str]:
    """A namespace of a unique name, in which pods can be created at once; deleted afterwards, without waiting."""
    stem = re.sub(r"[^a-z0-9]+", "-", prefix.lower()).strip("-")[:40].strip("-")
    name = f"{stem}-{secrets.token_hex(3)}"
    body: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}}
    await kube.create(NAMESPACES, None, body)
    try:
        async with asyncio.timeout(_NAMESPACE_SECONDS):
            # Pods are refused until the controller-manager has made it.
            async for kind, _ in kube.watch(SERVICE_ACCOUNTS, name, field_selector="metadata.name=default"):
                if kind == "ADDED":
                    break
        yield name
    finally:
        await kube.delete(NAMESPACES, None, name)


@pytest.fixture(scope="session")
def _cluster_thread() -> Iterator[tuple[ClusterThread, LocalCluster]]:
    with cluster_thread(node=False, neighbours=False) as pair:
        yield pair


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(_cluster_thread: tuple[ClusterThread, LocalCluster]) -> AsyncIterator[LocalCluster]:
    """The control plane with all CRDs, ours included: no node, no neighbours. `cluster.kube` is for tests' loop."""
    thread, started = _cluster_thread
    async with started.connect() as kube:
        yield started.seen_from(kube)
    thread.check()


@pytest_asyncio.fixture(loop_scope="session")
async def namespace(cluster: LocalCluster, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A fresh namespace of `cluster`, named after the test."""
    async with fresh_namespace(cluster.kube, str(request.node.name)) as name:
        yield name


@pytest.fixture(scope="session")
def _platform_thread() -> Iterator[tuple[ClusterThread, LocalCluster]]:
    with cluster_thread(node=True, neighbours=True) as pair:
        yield pair


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(_platform_thread: tuple[ClusterThread, LocalCluster]) -> AsyncIterator[LocalCluster]:
    """A second cluster, whole: node and neighbours run in it. The operator is started by who tests it."""
    thread, started = _platform_thread
    async with started.connect() as kube:
        yield started.seen_from(kube)
    thread.check()


@pytest_asyncio.fixture(loop_scope="session")
async def platform_namespace(platform: LocalCluster, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A fresh namespace of `platform`, named after the test."""
    async with fresh_namespace(platform.kube, str(request.node.name)) as name:
        yield name
