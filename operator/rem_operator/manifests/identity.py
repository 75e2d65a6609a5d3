"""Who the tenant's pods are: ServiceAccounts, and what the API may read from the API server.

The ServiceAccounts' names are load-bearing: trust policies of cloud roles name them. The database's own is made by
CNPG (see `database.py`).
"""

from __future__ import annotations

from typing import Any

from rem_crds.handoff import Component
from rem_crds.v1alpha1.access import Role
from rem_operator.children import Child
from rem_operator.manifests.inputs import TenantInputs
from rem_operator.manifests.labels import labels_of
from rem_operator.names import ANNOTATION_ROLE_ARN, name_of_api, name_of_worker


def identity_children(t: TenantInputs) -> list[Child]:
    """ServiceAccounts of API and worker, Role and RoleBinding of the API."""
    identity = t.spec.identity
    return [
        Child(_service_account(t, name_of_api(t.name), component="api", role=identity.api)),
        Child(_service_account(t, name_of_worker(t.name), component=None, role=identity.worker)),
        Child(_role(t)),
        Child(_role_binding(t)),
    ]


def role_annotations(role: Role | None) -> dict[str, str]:
    """The annotation that gives a ServiceAccount a cloud role; nothing without one (Pod Identity needs none)."""
    return {} if role is None else {ANNOTATION_ROLE_ARN: role.role_arn}


def _service_account(t: TenantInputs, name: str, *, component: Component | None, role: Role | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": t.namespace, "labels": labels_of(t.name, component)}
    if role is not None:
        metadata["annotations"] = role_annotations(role)
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata,
        # Only the API talks to the API server; its pod asks for a token by itself.
        "automountServiceAccountToken": False,
    }


def _role(t: TenantInputs) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": name_of_api(t.name), "namespace": t.namespace, "labels": labels_of(t.name, "api")},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}],
    }


def _role_binding(t: TenantInputs) -> dict[str, Any]:
    name = name_of_api(t.name)
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": t.namespace, "labels": labels_of(t.name, "api")},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": t.namespace}],
    }
