"""The Node object and its Lease.

Owns: telling the cluster that this node is here, ready and alive. Must not be in it: pods.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
from datetime import UTC, datetime
from typing import Any

from rem_local.kube import LEASES, NODES, Kube, KubeError
from rem_local.node.reporting import FIELD_MANAGER
from rem_local.node.scope import timestamp

_log = logging.getLogger(__name__)
_LEASE_NAMESPACE = "kube-node-lease"
_LEASE_SECONDS = 40
_RENEW_SECONDS = 10.0
_RETRY_SECONDS = 1.0
# Requests are for real nodes; here every process shares the host, and none may stay Pending because a laptop has
# fewer processors than a production database asks for.
CAPACITY = {"cpu": "256", "memory": "1Ti", "ephemeral-storage": "1Ti", "pods": "500"}
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")


async def register(kube: Kube, *, name: str, address: str) -> str:
    """Create or refresh the Node, Ready and without taints; its uid."""
    try:
        # Ready from the first moment: the controller-manager would taint a node that it has seen without a status.
        node = await kube.create(NODES, None, {**_node(name), "status": _status(name, address)})
    except KubeError as error:
        if error.status != 409:
            raise
        node = await kube.apply(NODES, None, name, _node(name), manager=FIELD_MANAGER)
        status = {"metadata": {"name": name}, "status": _status(name, address)}
        await kube.apply(NODES, None, name, status, manager=FIELD_MANAGER, subresource="status")
    # Admission taints every new node as not ready.
    await kube.merge(NODES, None, name, {"spec": {"taints": None}})
    return str(node["metadata"]["uid"])


async def keep_lease(kube: Kube, *, name: str, uid: str) -> None:
    """Renew the Lease for ever, so that the controller-manager does not declare the node dead."""
    while True:
        try:
            await kube.apply(LEASES, _LEASE_NAMESPACE, name, _lease(name, uid), manager=FIELD_MANAGER)
        except KubeError as error:
            # The namespace comes a moment after the API server.
            _log.debug("lease not renewed: %s", error)
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            await asyncio.sleep(_RENEW_SECONDS)


def _node(name: str) -> dict[str, Any]:
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": _architecture(),
        "rem.dev/stand-in": "node",
    }
    about = "A stand-in: pods of known images run as processes of the host, without isolation."
    return {"metadata": {"name": name, "labels": labels, "annotations": {"rem.dev/about": about}}}


def _status(name: str, address: str) -> dict[str, Any]:
    return {
        "capacity": CAPACITY,
        "allocatable": CAPACITY,
        "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
        "conditions": [
            _condition("Ready", "True", "NodeReady", "the node runs pods as host processes"),
            *(_condition(kind, "False", f"No{kind}", "not measured by this node") for kind in _PRESSURES),
        ],
        "nodeInfo": _node_info(name),
    }


def _condition(kind: str, status: str, reason: str, message: str) -> dict[str, str]:
    now = timestamp()
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }


def _node_info(name: str) -> dict[str, str]:
    return {
        "architecture": _architecture(),
        "bootID": name,
        "containerRuntimeVersion": "processes://1",
        "kernelVersion": os.uname().release,
        "kubeProxyVersion": "",
        "kubeletVersion": "v1.36.3-rem-local",
        "machineID": name,
        "operatingSystem": "linux",
        "osImage": "host processes",
        "systemUUID": name,
    }


def _architecture() -> str:
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def _lease(name: str, uid: str) -> dict[str, Any]:
    owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid}
    return {
        "metadata": {"name": name, "namespace": _LEASE_NAMESPACE, "ownerReferences": [owner]},
        "spec": {
            "holderIdentity": name,
            "leaseDurationSeconds": _LEASE_SECONDS,
            "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        },
    }
