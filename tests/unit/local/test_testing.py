"""The fixtures themselves: the whole cluster in its thread, a part that fails there, and namespaces that are ready."""

from __future__ import annotations

import asyncio
import threading

import pytest

from rem_local.cluster import LocalCluster
from rem_local.kube import NAMESPACES, PODS, Kube
from rem_local.testing import ClusterThread, fresh_namespace

pytestmark = pytest.mark.cluster


async def test_a_pod_can_be_made_at_once(cluster: LocalCluster, namespace: str) -> None:
    assert namespace.startswith("test-a-pod-can-be-made-at-once-")
    spec = {"containers": [{"name": "a", "image": "example.com/a"}]}
    await cluster.kube.create(PODS, namespace, {"metadata": {"name": "a"}, "spec": spec})


async def test_a_namespace_goes_afterwards(cluster: LocalCluster) -> None:
    async with fresh_namespace(cluster.kube, "Some_Test[a-1]", labels={"a": "b"}) as name:
        there = await cluster.kube.get(NAMESPACES, None, name)
        assert there is not None
        assert name.startswith("some-test-a-1-")
        assert there["metadata"]["labels"]["a"] == "b"
    async with asyncio.timeout(30):
        async for _, item in cluster.kube.watch(NAMESPACES, field_selector=f"metadata.name={name}"):
            if item["metadata"].get("deletionTimestamp"):
                break


async def test_the_cluster_lives_in_a_thread_of_its_own(cluster: LocalCluster) -> None:
    assert "rem-local-cluster" in {thread.name for thread in threading.enumerate()}
    assert isinstance(cluster.kube, Kube)


def test_a_part_that_fails_is_reported_to_the_session() -> None:
    async def part() -> None:
        raise LookupError("the part is broken")

    thread = ClusterThread(node=False, neighbours=False)
    thread.start()
    thread.check()
    thread.run(part(), name="part")
    thread._thread.join(30)
    with pytest.raises(RuntimeError, match="has failed") as caught:
        thread.stop()
    assert isinstance(caught.value.__cause__, LookupError)


def test_a_cluster_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rem_local.control_plane._SERVICE_ADDRESSES", "nonsense")
    thread = ClusterThread(node=False, neighbours=False)
    with pytest.raises(Exception, match=r"kube-apiserver ended by itself[\s\S]*not a valid cidr"):
        thread.start()
    with pytest.raises(RuntimeError, match="has failed"):
        thread.stop()
