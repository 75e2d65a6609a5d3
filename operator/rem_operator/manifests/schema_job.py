"""The Job that brings the database's schema to what an image needs.

A Job's pod template cannot change, so its name holds a hash of the template: of the image, the Secret that it logs in
with, and where it runs. Which Jobs are kept and when the next one may run is decided by the reconciler.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from rem_crds import handoff
from rem_operator.children import Child
from rem_operator.manifests.inputs import TenantInputs
from rem_operator.manifests.labels import labels_of
from rem_operator.manifests.pods import (
    container_security,
    literal_env,
    placement,
    pod_security,
    postgres_env,
    scratch_env,
    scratch_mount,
    scratch_volume,
    settings_from,
)
from rem_operator.names import name_of_schema, name_of_worker

# Ten seconds, doubled each time: about ten minutes of a database that comes and goes.
_BACKOFF_LIMIT: Final = 6
_HASH_LENGTH: Final = 8
_CONTAINER: Final = "schema"
# CPU is what the migration waits for least; building an index takes the database's memory, not the Job's.
_RESOURCES: Final = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}}


def schema_children(t: TenantInputs, *, image: str, dsn_hash: str = "") -> list[Child]:
    """The schema Job of an image. `dsn_hash` stands for the content of CNPG's Secret: a new database is a new Job."""
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": schema_job_name(t, image, dsn_hash=dsn_hash),
            "namespace": t.namespace,
            "labels": labels_of(t.name, "schema"),
        },
        # No ttlSecondsAfterFinished: that it is there and complete is how one knows that the schema is.
        "spec": {
            "backoffLimit": _BACKOFF_LIMIT,
            "completions": 1,
            "parallelism": 1,
            # Two of them at once would wait for each other's locks.
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": [_gives_up()]},
            "template": _template(t, image),
        },
    }
    return [Child(manifest)]


def schema_job_name(t: TenantInputs, image: str, *, dsn_hash: str = "") -> str:
    """Name of the schema Job of an image."""
    text = json.dumps([_template(t, image), dsn_hash], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name_of_schema(t.name)}-{digest}"


def _gives_up() -> dict[str, Any]:
    """The Job fails at once when the runtime says that another try would end the same way."""
    codes = {"containerName": _CONTAINER, "operator": "In", "values": list(handoff.EXIT_CODES_FINAL)}
    return {"action": "FailJob", "onExitCodes": codes}


def _template(t: TenantInputs, image: str) -> dict[str, Any]:
    return {
        "metadata": {"labels": labels_of(t.name, "schema")},
        "spec": {
            # Never, not OnFailure: with that, the Job controller deletes the last pod, and what it said with it.
            "restartPolicy": "Never",
            "serviceAccountName": name_of_worker(t.name),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": pod_security(),
            "containers": [_container(t, image)],
            "volumes": [scratch_volume()],
            **placement(t.spec.api.scheduling),
        },
    }


def _container(t: TenantInputs, image: str) -> dict[str, Any]:
    path = handoff.TERMINATION_MESSAGE_PATH
    return {
        "name": _CONTAINER,
        "image": image,
        "args": list(handoff.ARGS_SCHEMA),
        "envFrom": settings_from(t, with_secrets=False),
        "env": [
            *postgres_env(t, as_owner=True),
            literal_env(handoff.ENV_TERMINATION_MESSAGE_FILE, path),
            *scratch_env(),
        ],
        "resources": {kind: dict(amounts) for kind, amounts in _RESOURCES.items()},
        "securityContext": container_security(),
        "terminationMessagePath": path,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [scratch_mount()],
    }
