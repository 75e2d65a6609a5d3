"""The name of every child, and the labels and annotations of neighbours that we depend on.

Load-bearing: what stands here is stored in clusters, in trust policies and in Git; changing a line orphans objects.
What both sides know (API group, our own labels, the pods' environment) is in `rem_crds.handoff`; kinds and plurals as
Kubernetes serves them are in `kube/resources.py`; nothing here builds an object. A tenant's name has at most 40
characters, so that a Cluster's stays within 50, a CronJob's within 52 and a label within 63.
"""

from __future__ import annotations

from typing import Final

# Neighbours' labels and annotations that we write or select by.
LABEL_CNPG_CLUSTER: Final = "cnpg.io/cluster"
"""On every pod that CNPG makes for a Cluster: instances, their initdb and join Jobs, poolers."""
LABEL_CNPG_RELOAD: Final = "cnpg.io/reload"
"""On a Secret of a role: CNPG changes the role's password as soon as the Secret changes."""
LABEL_NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
"""On every namespace, set by the API server; nobody can give it to another one."""
ANNOTATION_ROLE_ARN: Final = "eks.amazonaws.com/role-arn"
ANNOTATION_PAUSED_REPLICAS: Final = "autoscaling.keda.sh/paused-replicas"


def name_of_cluster(tenant: str) -> str:
    """CNPG Cluster, and with it CNPG's ServiceAccount."""
    return f"{tenant}-db"


def name_of_owner_secret(tenant: str) -> str:
    """Secret that CNPG makes for the owner role; it also carries host, port and dbname."""
    return f"{name_of_cluster(tenant)}-app"


def name_of_database(tenant: str) -> str:
    """CNPG Database."""
    return f"{tenant}-db-rem"


def name_of_app_role(tenant: str) -> str:
    """CNPG DatabaseRole of rem_app, and its basic-auth Secret."""
    return f"{tenant}-db-role-app"


def name_of_sql_role(tenant: str) -> str:
    """CNPG DatabaseRole of rem_sql, and its basic-auth Secret."""
    return f"{tenant}-db-role-sql"


def name_of_secrets(tenant: str) -> str:
    """ExternalSecret, and the Secret that it fills."""
    return f"{tenant}-secrets"


def name_of_config(tenant: str) -> str:
    """ConfigMap of the settings that are not secret."""
    return f"{tenant}-config"


def name_of_api(tenant: str) -> str:
    """Deployment, Service, HPA, PDB, ServiceAccount, Role, RoleBinding and NetworkPolicy of the API."""
    return f"{tenant}-api"


def name_of_api_key(tenant: str) -> str:
    """Secret with the API keys, made once."""
    return f"{tenant}-api-key"


def name_of_worker(tenant: str) -> str:
    """ServiceAccount of the file worker, the schema Job and dreams."""
    return f"{tenant}-worker"


def name_of_files(tenant: str) -> str:
    """Deployment, ScaledObject, TriggerAuthentication and NetworkPolicy of the file worker."""
    return f"{tenant}-files"


def name_of_schema(tenant: str) -> str:
    """NetworkPolicy of schema Jobs; a Job adds `-<8 hex>`."""
    return f"{tenant}-schema"


def name_of_dream(tenant: str) -> str:
    """NetworkPolicy of dreams."""
    return f"{tenant}-dream"
