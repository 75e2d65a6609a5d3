"""How pods end when nobody is polite: the node stops, or the object is deleted by force."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from rem_local.kube import NODES, PODS
from rem_local.node import run_node

pytestmark = pytest.mark.cluster

# Prints the id of a process that it leaves behind in the background, and does not end by itself.
_WITH_CHILD = ["/bin/sh", "-c", "trap '' TERM; sleep 1000 & echo $!; while true; do wait; done"]


def _runs(pid: int) -> bool:
    """A process that is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def _child(node, pod: str) -> int:
    async def printed() -> bool:
        with suppress(FileNotFoundError):
            return node.log(pod).strip().isdigit()
        return False

    await node.eventually(printed)
    return int(node.log(pod))


def _in_a_shell(node) -> dict[str, object]:
    return {**node.container(), "command": _WITH_CHILD, "args": []}


async def test_a_forced_deletion_kills_at_once_and_with_children(node):
    await node.create_pod("forced", _in_a_shell(node), terminationGracePeriodSeconds=600)
    pid = await _child(node, "forced")
    assert _runs(pid)
    await node.kube.delete(PODS, node.namespace, "forced", grace_seconds=0)

    async def killed() -> bool:
        return not _runs(pid)

    await node.eventually(killed, within_seconds=5)


async def test_deletion_gets_more_urgent_when_it_is_asked_for_again(node):
    await node.create_pod("urgent", node.container("stubborn"), terminationGracePeriodSeconds=600)

    async def says(word: str) -> bool:
        with suppress(FileNotFoundError):
            return word in node.log("urgent")
        return False

    await node.eventually(lambda: says("running"))
    await node.kube.delete(PODS, node.namespace, "urgent")
    await node.eventually(lambda: says("not yet"))
    await node.kube.delete(PODS, node.namespace, "urgent", grace_seconds=1)
    await node.until_gone("urgent")


async def test_pods_bound_before_the_node_starts_run_and_stop_with_it(node, cluster):
    await node.create_pod("early", _in_a_shell(node), nodeName="second")
    task = asyncio.create_task(
        run_node(
            cluster.kube,
            block=cluster.block,
            images=node.images,
            state_dir=node.state_dir / "second",
            log_dir=node.log_dir,
            name="second",
        )
    )
    pid = await _child(node, "early")
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert not _runs(pid), "a process outlived its node"
    assert await node.kube.get(PODS, node.namespace, "early") is not None, "the pod is not the node's to delete"
    await node.kube.delete(PODS, node.namespace, "early", grace_seconds=0)
    await node.kube.delete(NODES, None, "second")
