"""The node's main loop: which pods are bound to it, and who must hear of a changed ConfigMap or Secret.

Owns: one task per pod. Must not be in it: anything that a single pod can do for itself.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from rem_local.addresses import API_SERVER_PORT, AddressBlock
from rem_local.kube import CONFIGMAPS, PODS, SECRETS, Kube, Object, Resource
from rem_local.node.events import EventRecorder
from rem_local.node.images import ImageTable
from rem_local.node.pods import PodRun
from rem_local.node.podspec import Pod
from rem_local.node.registration import CAPACITY, keep_lease, register
from rem_local.node.scope import Node
from rem_local.node.sources import source_changes

NODE_NAME = "local"


async def run_node(
    kube: Kube, *, block: AddressBlock, images: ImageTable, state_dir: Path, log_dir: Path, name: str = NODE_NAME
) -> None:
    """Register the node and run what is bound to it, until cancelled; then every process of it is stopped.

    Two nodes in one cluster would hand out the same addresses; that is for tests that look at one of them only.
    """
    # Probes: certificates are not verified, as with a kubelet, and a connection is never used twice.
    connector = aiohttp.TCPConnector(ssl=False, force_close=True, limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
        node = Node(
            kube=kube,
            name=name,
            address=block.control_plane,
            addresses=block.pods(),
            images=images,
            state_dir=state_dir,
            log_dir=log_dir,
            http=http,
            events=EventRecorder(kube, name),
            services=_services(block),
            allocatable=CAPACITY,
        )
        uid = await register(kube, name=node.name, address=node.address)
        async with asyncio.TaskGroup() as group:
            pods = _Pods(node, group)
            group.create_task(keep_lease(kube, name=node.name, uid=uid), name="node lease")
            group.create_task(node.events.run(), name="node events")
            group.create_task(pods.follow(), name="node pods")
            for resource in (CONFIGMAPS, SECRETS):
                group.create_task(pods.follow_sources(resource), name=f"node {resource.plural}")


def _services(block: AddressBlock) -> dict[str, str]:
    """What every container is told of the API server. There is no kube-proxy, so of other Services nothing."""
    port = str(API_SERVER_PORT)
    return {
        "KUBERNETES_SERVICE_HOST": block.control_plane,
        "KUBERNETES_SERVICE_PORT": port,
        "KUBERNETES_SERVICE_PORT_HTTPS": port,
    }


class _Pods:
    """The running pods by uid."""

    def __init__(self, node: Node, group: asyncio.TaskGroup) -> None:
        self._node = node
        self._group = group
        self._runs: dict[str, PodRun] = {}

    async def follow(self) -> None:
        """Every pod that is bound to this node, those that were bound before it started included."""
        selector = f"spec.nodeName={self._node.name}"
        async for event, item in self._node.kube.watch(PODS, field_selector=selector):
            self._observe(event, item)

    async def follow_sources(self, resource: Resource) -> None:
        """Hand changes of ConfigMaps or Secrets to the pods."""
        async for key in source_changes(self._node.kube, resource):
            for run in self._runs.values():
                run.source_changed(key)

    def _observe(self, event: str, item: Object) -> None:
        pod = Pod.model_validate(item)
        run = self._runs.get(pod.metadata.uid)
        if event == "DELETED":
            if run is not None:
                run.gone()
        elif run is not None:
            run.observe(pod)
        else:
            run = self._runs[pod.metadata.uid] = PodRun(self._node, pod)
            self._group.create_task(self._run(run), name=f"pod {pod.metadata.namespace}/{pod.metadata.name}")

    async def _run(self, run: PodRun) -> None:
        try:
            await run.run()
        finally:
            self._node.events.forget(run.uid)
            del self._runs[run.uid]
