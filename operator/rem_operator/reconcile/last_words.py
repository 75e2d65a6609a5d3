"""What a failed schema Job said when it ended: the one thing that is read from the API server and not from the watch.

Pods are not watched: a tenant has many, and only a failed Job's last one is ever of interest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rem_operator.kube.client import KubeClient
from rem_operator.kube.resources import PODS
from rem_operator.reconcile.facts import TenantFacts
from rem_operator.reconcile.rollout import SchemaJobs, schema_failed


async def last_words(client: KubeClient, facts: TenantFacts, jobs: SchemaJobs) -> str | None:
    """The termination message of the failed Job's last pod; None when no Job failed or none of its pods is left."""
    if not schema_failed(jobs):
        return None
    pods = await client.list(PODS, facts.namespace, label_selector=f"batch.kubernetes.io/job-name={jobs.wanted}")
    said = [message for pod in sorted(pods, key=_created) if (message := _message(pod))]
    return said[-1] if said else None


def _created(pod: Mapping[str, Any]) -> str:
    created: str = pod["metadata"].get("creationTimestamp") or ""
    return created


def _message(pod: Mapping[str, Any]) -> str | None:
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        terminated = (container.get("state") or {}).get("terminated") or {}
        if terminated.get("message"):
            message: str = terminated["message"].strip()
            return message
    return None
