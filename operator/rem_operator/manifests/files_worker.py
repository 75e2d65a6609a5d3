"""The file worker: Deployment, and KEDA's ScaledObject and TriggerAuthentication for its queue.

`replicas` belongs to KEDA and is never written. A tenant's role is never given to KEDA: the queue's length is asked for
with KEDA's own identity, or with the tenant's credentials from a Secret.
"""

from __future__ import annotations

from typing import Any, Final

from rem_crds import handoff
from rem_crds.v1alpha1.effective import EffectiveFileProcessor
from rem_operator.children import Child
from rem_operator.manifests.inputs import TenantInputs
from rem_operator.manifests.labels import labels_of, pod_labels, selector_of, without_reserved
from rem_operator.manifests.pods import (
    cloud_env,
    container_security,
    http_probe,
    merged_env,
    placement,
    pod_ip_env,
    pod_security,
    postgres_env,
    resource_requirements,
    scratch_env,
    scratch_mount,
    scratch_volume,
    settings_from,
)
from rem_operator.names import ANNOTATION_PAUSED_REPLICAS, name_of_files, name_of_worker

# On SIGTERM a worker finishes its file or gives the message back.
_GRACE_SECONDS: Final = 120
_REVISIONS: Final = 3


def files_children(t: TenantInputs, *, image: str, rollout_hash: str, suspended: bool = False) -> list[Child]:
    """Everything of the file worker; nothing when none is configured. Suspended means that KEDA holds it at zero."""
    worker = t.spec.file_processor
    if worker is None:
        return []
    return [
        Child(_deployment(t, worker, image=image, rollout_hash=rollout_hash)),
        Child(_trigger_authentication(t)),
        Child(_scaled_object(t, worker, suspended=suspended)),
    ]


def _metadata(t: TenantInputs) -> dict[str, Any]:
    return {"name": name_of_files(t.name), "namespace": t.namespace, "labels": labels_of(t.name, "files")}


def _deployment(t: TenantInputs, worker: EffectiveFileProcessor, *, image: str, rollout_hash: str) -> dict[str, Any]:
    annotations = without_reserved(worker.pod_annotations)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(t),
        "spec": {
            "revisionHistoryLimit": _REVISIONS,
            "selector": {"matchLabels": selector_of(t.name, "files")},
            "template": {
                "metadata": {
                    "labels": pod_labels(t.name, "files", extra=worker.pod_labels),
                    "annotations": {**annotations, handoff.ANNOTATION_ROLLOUT_HASH: rollout_hash},
                },
                "spec": {
                    "serviceAccountName": name_of_worker(t.name),
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": _GRACE_SECONDS,
                    "securityContext": pod_security(),
                    "containers": [_container(t, worker, image)],
                    "volumes": [scratch_volume()],
                    **placement(worker.scheduling),
                },
            },
        },
    }


def _container(t: TenantInputs, worker: EffectiveFileProcessor, image: str) -> dict[str, Any]:
    port = handoff.PORT_METRICS_NAME
    env = [
        *postgres_env(t, as_owner=False),
        *pod_ip_env(handoff.ENV_METRICS_HOST),
        *cloud_env(t),
        *scratch_env(),
    ]
    return {
        "name": "files",
        "image": image,
        "args": list(handoff.ARGS_FILES),
        "ports": [{"name": port, "containerPort": handoff.PORT_METRICS, "protocol": "TCP"}],
        "envFrom": settings_from(t, with_secrets=True),
        "env": merged_env(worker.env, env),
        "resources": resource_requirements(worker.resources),
        "securityContext": container_security(),
        "startupProbe": http_probe(handoff.PATH_WORKER_LIVE, port, period_seconds=2, failures=60),
        "readinessProbe": http_probe(handoff.PATH_WORKER_READY, port, period_seconds=10, failures=3),
        "livenessProbe": http_probe(handoff.PATH_WORKER_LIVE, port, period_seconds=10, failures=3),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [scratch_mount()],
    }


def _trigger_authentication(t: TenantInputs) -> dict[str, Any]:
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "TriggerAuthentication",
        "metadata": _metadata(t),
        "spec": _authentication(t),
    }


def _authentication(t: TenantInputs) -> dict[str, Any]:
    secret = t.spec.identity.credentials_secret_ref
    if secret is None:
        return {"podIdentity": {"provider": "aws", "identityOwner": "keda"}}
    parameters = {"awsAccessKeyID": "AWS_ACCESS_KEY_ID", "awsSecretAccessKey": "AWS_SECRET_ACCESS_KEY"}
    return {
        "secretTargetRef": [
            {"parameter": parameter, "name": secret.name, "key": key} for parameter, key in parameters.items()
        ]
    }


def _scaled_object(t: TenantInputs, worker: EffectiveFileProcessor, *, suspended: bool) -> dict[str, Any]:
    metadata = _metadata(t)
    if suspended:
        metadata["annotations"] = {ANNOTATION_PAUSED_REPLICAS: "0"}
    scaling, name = worker.scaling, name_of_files(t.name)
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata,
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicaCount": scaling.min_replicas,
            "maxReplicaCount": scaling.max_replicas,
            "pollingInterval": scaling.polling_interval_seconds,
            "cooldownPeriod": scaling.cooldown_seconds,
            "triggers": [
                {"type": "aws-sqs-queue", "authenticationRef": {"name": name}, "metadata": _trigger(worker)},
            ],
        },
    }


def _trigger(worker: EffectiveFileProcessor) -> dict[str, str]:
    """What KEDA's SQS scaler asks; every value is a string."""
    queue = worker.queue
    endpoint = {"awsEndpoint": queue.endpoint} if queue.endpoint else {}
    return {
        "queueURL": queue.url,
        "awsRegion": queue.region,
        "queueLength": str(worker.scaling.queue_length),
        **endpoint,
    }
