"""What the tenant's own pods have in common: the security profile, the environment, placement and volumes.

Everything meets Pod Security *restricted*. What differs between API, worker and schema Job is in their own modules;
the names of variables and paths are in `rem_crds.handoff`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rem_crds import handoff
from rem_crds.v1alpha1.effective import EffectiveResources, EffectiveScheduling
from rem_crds.v1alpha1.workload import EnvVar, is_reserved_variable
from rem_operator.manifests.inputs import TenantInputs
from rem_operator.names import (
    name_of_app_role,
    name_of_config,
    name_of_owner_secret,
    name_of_secrets,
    name_of_sql_role,
)

# User and group of the runtime image; numeric, or the kubelet cannot tell that it is not root.
_RUNTIME_USER: Final = 65532
_SECRET_FILE_MODE: Final = 0o440  # the group is fsGroup
_SCRATCH_LIMIT: Final = "2Gi"
_SCRATCH_PATH: Final = "/tmp"  # noqa: S108 - a volume of the pod's own, the only place that it can write to


def pod_security() -> dict[str, Any]:
    """Security context of a pod."""
    return {
        "runAsNonRoot": True,
        "runAsUser": _RUNTIME_USER,
        "runAsGroup": _RUNTIME_USER,
        "fsGroup": _RUNTIME_USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> dict[str, Any]:
    """Security context of a container."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def placement(scheduling: EffectiveScheduling) -> dict[str, Any]:
    """Where a pod may run, as fields of its spec; absent fields are left out."""
    wanted = {
        "nodeSelector": dict(scheduling.node_selector),
        "tolerations": [one.model_dump(mode="json", exclude_none=True) for one in scheduling.tolerations],
        "affinity": scheduling.affinity.model_dump(mode="json", exclude_none=True) if scheduling.affinity else {},
        "priorityClassName": scheduling.priority_class_name,
    }
    return {field: value for field, value in wanted.items() if value}


def resource_requirements(resources: EffectiveResources) -> dict[str, Any]:
    """Requests and limits of a container."""
    limits = {"limits": dict(resources.limits)} if resources.limits else {}
    return {"requests": dict(resources.requests), **limits}


def settings_from(t: TenantInputs, *, with_secrets: bool) -> list[dict[str, Any]]:
    """`envFrom` of a container. The later source wins, so a secret cannot replace a setting."""
    secrets = [{"secretRef": {"name": name_of_secrets(t.name)}}] if with_secrets and t.spec.secrets else []
    return [*secrets, {"configMapRef": {"name": name_of_config(t.name)}}]


def postgres_env(t: TenantInputs, *, as_owner: bool) -> list[dict[str, Any]]:
    """How a pod finds and enters the database: as its owner for the schema, else as the role that sees rows only."""
    owner_secret = name_of_owner_secret(t.name)
    login_secret = owner_secret if as_owner else name_of_app_role(t.name)
    return [
        _from_secret(handoff.ENV_POSTGRES_HOST, owner_secret, "host"),
        _from_secret(handoff.ENV_POSTGRES_PORT, owner_secret, "port"),
        _from_secret(handoff.ENV_POSTGRES_DATABASE, owner_secret, "dbname"),
        _from_secret(handoff.ENV_POSTGRES_USER, login_secret, "username"),
        _from_secret(handoff.ENV_POSTGRES_PASSWORD, login_secret, "password"),
    ]


def sql_login_env(t: TenantInputs) -> list[dict[str, Any]]:
    """How the API enters the database for SQL mode: a login that reads views alone."""
    secret = name_of_sql_role(t.name)
    return [
        _from_secret(handoff.ENV_POSTGRES_SQL_USER, secret, "username"),
        _from_secret(handoff.ENV_POSTGRES_SQL_PASSWORD, secret, "password"),
    ]


def cloud_env(t: TenantInputs) -> list[dict[str, Any]]:
    """Cloud credentials from a Secret, where there is no cloud identity; else nothing."""
    secret = t.spec.identity.credentials_secret_ref
    if secret is None:
        return []
    return [_from_secret(name, secret.name, name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]


def pod_ip_env(*names: str) -> list[dict[str, Any]]:
    """Variables that hold the pod's own address, which its servers listen on."""
    return [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}} for name in names]


def literal_env(name: str, value: str) -> dict[str, Any]:
    """A variable with a fixed value."""
    return {"name": name, "value": value}


def merged_env(given: Sequence[EnvVar], ours: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tenant's variables, then ours. Names of ours and of settings are left out, as `env` wins over `envFrom`."""
    taken = {one["name"] for one in ours}
    theirs = [
        literal_env(one.name, one.value)
        for one in given
        if one.name not in taken and not is_reserved_variable(one.name)
    ]
    return [*theirs, *ours]


def scratch_env() -> list[dict[str, Any]]:
    """Names the scratch directory for libraries that want one."""
    return [literal_env("TMPDIR", _SCRATCH_PATH)]


def scratch_volume() -> dict[str, Any]:
    """A directory of the pod's own, since the root file system cannot be written."""
    return {"name": "scratch", "emptyDir": {"sizeLimit": _SCRATCH_LIMIT}}


def scratch_mount() -> dict[str, Any]:
    """Where the scratch volume is mounted."""
    return {"name": "scratch", "mountPath": _SCRATCH_PATH}


def secret_volume(name: str, secret: str, key: str) -> dict[str, Any]:
    """One key of a Secret as a file, readable for the runtime's group."""
    return {
        "name": name,
        "secret": {
            "secretName": secret,
            "items": [{"key": key, "path": key}],
            "defaultMode": _SECRET_FILE_MODE,
        },
    }


def http_probe(path: str, port: str, *, period_seconds: int, failures: int, timeout_seconds: int = 3) -> dict[str, Any]:
    """A probe over HTTP; `failures` in a row count."""
    return {
        "httpGet": {"path": path, "port": port, "scheme": "HTTP"},
        "periodSeconds": period_seconds,
        "timeoutSeconds": timeout_seconds,
        "failureThreshold": failures,
    }


def _from_secret(name: str, secret: str, key: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
