"""PURE: what CloudNativePG says about a Cluster, from what is known of its server."""

from __future__ import annotations

from typing import Any

from rem_local.kube import Object
from rem_local.neighbours.cnpg.resources import CLUSTER_LABEL, HEALTHY, HIBERNATION, SETTING_UP, SUPPORTED_NOTE
from rem_local.neighbours.objects import condition, merge_conditions

_NOT_CONSISTENT = condition(
    "ConsistentSystemID", "False", "NotFound", "No instances are present in the cluster to report a system ID."
)


def wants_hibernation(cluster: Object) -> bool:
    """Whether the annotation asks for it."""
    return (cluster["metadata"].get("annotations") or {}).get(HIBERNATION) == "on"


def may_hibernate(cluster: Object) -> bool:
    """CloudNativePG lets a Cluster become healthy before it puts it to sleep."""
    status = cluster.get("status") or {}
    return status.get("phase") == HEALTHY or any(item["type"] == HIBERNATION for item in status.get("conditions") or ())


def setting_up(cluster: Object, *, reason: str, at: str) -> dict[str, Any]:
    """The status until the server takes connections."""
    conditions = [
        condition("Ready", "False", "ClusterIsNotReady", "Cluster Is Not Ready"),
        _NOT_CONSISTENT,
    ]
    return {
        "phase": SETTING_UP,
        "phaseReason": reason,
        "readyInstances": None,
        "instances": 1,
        "targetPrimary": f"{cluster['metadata']['name']}-1",
        **_common(cluster),
        "conditions": _merged(cluster, conditions, at=at),
    }


def healthy(cluster: Object, *, system_id: str, secret_version: str, at: str) -> dict[str, Any]:
    """The status of a running server; every instance that the spec asks for is said to be ready."""
    name = cluster["metadata"]["name"]
    instances = int(cluster["spec"].get("instances") or 1)
    live = cluster.get("status") or {}
    conditions = [
        condition(
            "ConsistentSystemID", "True", "Unique", "A single, unique system ID was found across reporting instances."
        ),
        condition("Ready", "True", "ClusterIsReady", "Cluster is Ready"),
    ]
    names = [f"{name}-{number}" for number in range(1, instances + 1)]
    return {
        "phase": HEALTHY,
        "phaseReason": SUPPORTED_NOTE,
        "instances": instances,
        "readyInstances": instances,
        "instanceNames": names,
        "instancesStatus": {"healthy": names},
        "latestGeneratedNode": instances,
        "pvcCount": instances,
        "currentPrimary": names[0],
        "targetPrimary": names[0],
        "currentPrimaryTimestamp": live.get("currentPrimaryTimestamp") or at,
        "targetPrimaryTimestamp": live.get("targetPrimaryTimestamp") or at,
        "timelineID": 1,
        "systemID": system_id,
        "secretsResourceVersion": {"applicationSecretVersion": secret_version},
        **_common(cluster),
        "conditions": _merged(cluster, conditions, at=at),
    }


def hibernated(cluster: Object, *, at: str) -> dict[str, Any]:
    """The status of a stopped server: still Ready and in healthy state, as seen on CloudNativePG 1.30."""
    conditions = [
        _NOT_CONSISTENT,
        condition("Ready", "True", "ClusterIsReady", "Cluster is Ready"),
        condition(HIBERNATION, "True", "Hibernated", "Cluster has been hibernated"),
    ]
    return {
        "phase": HEALTHY,
        "readyInstances": None,
        "instancesStatus": None,
        "conditions": _merged(cluster, conditions, at=at),
    }


def _common(cluster: Object) -> dict[str, Any]:
    name = cluster["metadata"]["name"]
    return {
        "image": cluster["spec"].get("imageName"),
        "writeService": f"{name}-rw",
        "readService": f"{name}-r",
        "selector": f"{CLUSTER_LABEL}={name},cnpg.io/podRole=instance",
        "cloudNativePGCommitHash": "stand-in",
    }


def _merged(cluster: Object, conditions: list[Object], *, at: str) -> list[Object]:
    return merge_conditions((cluster.get("status") or {}).get("conditions") or (), conditions, at=at)
