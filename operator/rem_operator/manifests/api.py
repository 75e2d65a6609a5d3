"""The API: Deployment, Service, HorizontalPodAutoscaler and PodDisruptionBudget.

`replicas` belongs to the HPA and is written only to suspend. Which image runs and when the pods roll is handed in.
"""

from __future__ import annotations

from typing import Any, Final

from rem_crds import handoff
from rem_operator.children import Child
from rem_operator.manifests.inputs import TenantInputs
from rem_operator.manifests.labels import labels_of, pod_labels, selector_of, without_reserved
from rem_operator.manifests.pods import (
    cloud_env,
    container_security,
    http_probe,
    literal_env,
    merged_env,
    placement,
    pod_ip_env,
    pod_security,
    postgres_env,
    resource_requirements,
    scratch_env,
    scratch_mount,
    scratch_volume,
    secret_volume,
    settings_from,
    sql_login_env,
)
from rem_operator.names import name_of_api, name_of_api_key

_KEYS_VOLUME: Final = "api-key"
# Until every node has taken the pod out of its Service, requests still arrive.
_PRE_STOP_SECONDS: Final = 5
# Streams that are running when the pod has to go get this long, the pause included.
_GRACE_SECONDS: Final = 60
# A short quiet spell does not take pods away that the next question needs.
_SCALE_DOWN_SECONDS: Final = 300
_REVISIONS: Final = 3


def api_children(t: TenantInputs, *, image: str, rollout_hash: str, suspended: bool = False) -> list[Child]:
    """Everything that serves the API. Suspended means no pods; the HPA then switches itself off."""
    return [
        Child(_deployment(t, image=image, rollout_hash=rollout_hash, suspended=suspended)),
        Child(_service(t)),
        Child(_autoscaler(t)),
        Child(_disruption_budget(t)),
    ]


def _metadata(t: TenantInputs) -> dict[str, Any]:
    return {"name": name_of_api(t.name), "namespace": t.namespace, "labels": labels_of(t.name, "api")}


def _deployment(t: TenantInputs, *, image: str, rollout_hash: str, suspended: bool) -> dict[str, Any]:
    annotations = without_reserved(t.spec.api.pod_annotations)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(t),
        "spec": {
            **({"replicas": 0} if suspended else {}),
            "revisionHistoryLimit": _REVISIONS,
            "selector": {"matchLabels": selector_of(t.name, "api")},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
            "template": {
                "metadata": {
                    "labels": pod_labels(t.name, "api", extra=t.spec.api.pod_labels),
                    "annotations": {**annotations, handoff.ANNOTATION_ROLLOUT_HASH: rollout_hash},
                },
                "spec": _pod(t, image),
            },
        },
    }


def _pod(t: TenantInputs, image: str) -> dict[str, Any]:
    keys = [secret_volume(_KEYS_VOLUME, name_of_api_key(t.name), handoff.API_KEY_FILE)] if _has_keys(t) else []
    return {
        "serviceAccountName": name_of_api(t.name),
        # The only pod that talks to the API server: it watches the ConfigMaps of agents.
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "securityContext": pod_security(),
        "containers": [_container(t, image)],
        "volumes": [scratch_volume(), *keys],
        **placement(t.spec.api.scheduling),
    }


def _container(t: TenantInputs, image: str) -> dict[str, Any]:
    port, live, ready = handoff.PORT_API_NAME, handoff.PATH_API_LIVE, handoff.PATH_API_READY
    return {
        "name": "api",
        "image": image,
        "args": list(handoff.ARGS_API),
        "ports": [
            {"name": port, "containerPort": handoff.PORT_API, "protocol": "TCP"},
            {"name": handoff.PORT_METRICS_NAME, "containerPort": handoff.PORT_METRICS, "protocol": "TCP"},
        ],
        "envFrom": settings_from(t, with_secrets=True),
        "env": merged_env(t.spec.api.env, _env(t)),
        "resources": resource_requirements(t.spec.api.resources),
        "securityContext": container_security(),
        "startupProbe": http_probe(live, port, period_seconds=2, failures=60),
        "readinessProbe": http_probe(ready, port, period_seconds=5, failures=3),
        "livenessProbe": http_probe(live, port, period_seconds=10, failures=3),
        "lifecycle": {"preStop": {"sleep": {"seconds": _PRE_STOP_SECONDS}}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [scratch_mount(), *_key_mounts(t)],
    }


def _env(t: TenantInputs) -> list[dict[str, Any]]:
    keys = [literal_env(handoff.ENV_AUTH_KEYS_FILE, handoff.API_KEY_FILE_PATH)] if _has_keys(t) else []
    return [
        *postgres_env(t, as_owner=False),
        *sql_login_env(t),
        *pod_ip_env(handoff.ENV_API_HOST, handoff.ENV_METRICS_HOST),
        *keys,
        *cloud_env(t),
        *scratch_env(),
    ]


def _has_keys(t: TenantInputs) -> bool:
    return t.spec.api.auth.mode == "ApiKey"


def _key_mounts(t: TenantInputs) -> list[dict[str, Any]]:
    # The whole directory and no subPath: a file that is mounted by subPath never changes.
    mount = {"name": _KEYS_VOLUME, "mountPath": handoff.API_KEY_DIRECTORY, "readOnly": True}
    return [mount] if _has_keys(t) else []


def _service(t: TenantInputs) -> dict[str, Any]:
    port = {
        "name": handoff.PORT_API_NAME,
        "port": handoff.PORT_API,
        "targetPort": handoff.PORT_API_NAME,
        "protocol": "TCP",
        "appProtocol": "http",
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(t),
        "spec": {"type": "ClusterIP", "selector": selector_of(t.name, "api"), "ports": [port]},
    }


def _autoscaler(t: TenantInputs) -> dict[str, Any]:
    wanted = t.spec.api.autoscaling
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": wanted.target_cpu_percent}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _metadata(t),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name_of_api(t.name)},
            "minReplicas": wanted.min_replicas,
            "maxReplicas": wanted.max_replicas,
            "metrics": [{"type": "Resource", "resource": cpu}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": _SCALE_DOWN_SECONDS}},
        },
    }


def _disruption_budget(t: TenantInputs) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(t),
        "spec": {
            "selector": {"matchLabels": selector_of(t.name, "api")},
            # Not minAvailable: with one replica it would hold a node for ever.
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
