"""The API resources that the operator reads or writes, with their REST paths.

Owns the list of what is watched as a child. Must not hold behaviour beyond naming: no requests, no manifests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the API: `group` is empty for the core group, `plural` is what stands in the URL."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As in a manifest's `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_path(self) -> str:
        """The path of the group and version, where the API server lists what it serves."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    @property
    def builtin(self) -> bool:
        """Whether every API server serves it; else it comes with a CustomResourceDefinition."""
        return "." not in self.group or self.group.endswith(".k8s.io")

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of a collection, of an object in it, or of a subresource of that."""
        parts = [self.group_path]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part is not None]
        return "/".join(parts)

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


SECRETS = Resource("", "v1", "secrets", "Secret")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SERVICES = Resource("", "v1", "services", "Service")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
PODS = Resource("", "v1", "pods", "Pod")
EVENTS = Resource("", "v1", "events", "Event")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
JOBS = Resource("batch", "v1", "jobs", "Job")
CRON_JOBS = Resource("batch", "v1", "cronjobs", "CronJob")
HORIZONTAL_POD_AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
POD_DISRUPTION_BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
NETWORK_POLICIES = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
STORAGE_CLASSES = Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False)
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
CUSTOM_RESOURCE_DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)

CLUSTERS = Resource("postgresql.cnpg.io", "v1", "clusters", "Cluster")
DATABASES = Resource("postgresql.cnpg.io", "v1", "databases", "Database")
DATABASE_ROLES = Resource("postgresql.cnpg.io", "v1", "databaseroles", "DatabaseRole")

EXTERNAL_SECRETS = Resource("external-secrets.io", "v1", "externalsecrets", "ExternalSecret")
SECRET_STORES = Resource("external-secrets.io", "v1", "secretstores", "SecretStore")
CLUSTER_SECRET_STORES = Resource(
    "external-secrets.io", "v1", "clustersecretstores", "ClusterSecretStore", namespaced=False
)

SCALED_OBJECTS = Resource("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject")
TRIGGER_AUTHENTICATIONS = Resource("keda.sh", "v1alpha1", "triggerauthentications", "TriggerAuthentication")

REM_TENANTS = Resource("rem.dev", "v1alpha1", "remtenants", "RemTenant")
REM_AGENTS = Resource("rem.dev", "v1alpha1", "remagents", "RemAgent")
DREAM_CYCLES = Resource("rem.dev", "v1alpha1", "dreamcycles", "DreamCycle")

KINDS_OF_OURS = (REM_TENANTS, REM_AGENTS, DREAM_CYCLES)
"""The three kinds that the operator reconciles."""

REFERENCED = (SECRET_STORES, CLUSTER_SECRET_STORES, STORAGE_CLASSES)
"""What a tenant may name and does not own; watched without a selector: few, and without a label of ours."""

CHILDREN = (
    SECRETS,
    CONFIG_MAPS,
    SERVICES,
    SERVICE_ACCOUNTS,
    DEPLOYMENTS,
    JOBS,
    HORIZONTAL_POD_AUTOSCALERS,
    POD_DISRUPTION_BUDGETS,
    NETWORK_POLICIES,
    ROLES,
    ROLE_BINDINGS,
    CLUSTERS,
    DATABASES,
    DATABASE_ROLES,
    EXTERNAL_SECRETS,
    SCALED_OBJECTS,
    TRIGGER_AUTHENTICATIONS,
)
"""What the operator builds for a tenant; watched with a selector on our label."""

DATA = frozenset({CLUSTERS, DATABASES, DATABASE_ROLES})
"""Kinds that hold a tenant's data. The engine never deletes one, whatever its labels and owners say."""

WATCHED = (*KINDS_OF_OURS, *CHILDREN, *REFERENCED)

_BY_KIND = {
    (r.api_version, r.kind): r
    for r in (*WATCHED, PODS, EVENTS, NAMESPACES, CRON_JOBS, LEASES, CUSTOM_RESOURCE_DEFINITIONS)
}


def resource_of(manifest: Mapping[str, Any]) -> Resource:
    """The resource of a manifest's apiVersion and kind; KeyError for one that the operator does not know."""
    return _BY_KIND[manifest["apiVersion"], manifest["kind"]]
