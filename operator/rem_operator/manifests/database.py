"""The tenant's PostgreSQL: CNPG Cluster, Database, the two DatabaseRoles and their Secrets.

All of it is data: no owner reference, so that it outlives the RemTenant. Whether a Cluster may be made at all
(`DatabaseMissing`) is decided by the reconciler, not here.
"""

from __future__ import annotations

from typing import Any, Final

from rem_crds import handoff
from rem_crds.initdb import post_init_application_sql
from rem_crds.v1alpha1.effective import EffectiveScheduling
from rem_operator.children import Child
from rem_operator.manifests.connections import PARAMETER, max_connections
from rem_operator.manifests.identity import role_annotations
from rem_operator.manifests.inputs import TenantInputs
from rem_operator.manifests.labels import labels_of, selector_of
from rem_operator.manifests.pods import placement, resource_requirements
from rem_operator.names import (
    LABEL_CNPG_RELOAD,
    name_of_app_role,
    name_of_cluster,
    name_of_database,
    name_of_sql_role,
)

_CNPG: Final = "postgresql.cnpg.io/v1"
# CNPG's name of the extension image; the extension itself is called `vector`.
_PGVECTOR: Final = "pgvector"


def database_children(t: TenantInputs) -> list[Child]:
    """Cluster first, then what lives in it."""
    app, sql = name_of_app_role(t.name), name_of_sql_role(t.name)
    passwords = t.credentials
    return [
        Child(_cluster(t), owned=False),
        Child(_role_secret(t, app, handoff.ROLE_APP, passwords.app_password), owned=False, generated=True),
        Child(_role_secret(t, sql, handoff.ROLE_SQL, passwords.sql_password), owned=False, generated=True),
        Child(_database(t), owned=False),
        Child(_role(t, app, handoff.ROLE_APP, "rows of the memory, for API and workers"), owned=False),
        Child(_role(t, sql, handoff.ROLE_SQL, "reads the views of SQL mode"), owned=False),
    ]


def _metadata(t: TenantInputs, name: str) -> dict[str, Any]:
    return {"name": name, "namespace": t.namespace, "labels": labels_of(t.name, "database")}


def _cluster(t: TenantInputs) -> dict[str, Any]:
    database = t.spec.database
    spec: dict[str, Any] = {
        "instances": database.instances,
        "imageName": t.spec.images.postgres or t.settings.images.postgres,
        "storage": _storage(t),
        "resources": resource_requirements(database.resources),
        # CNPG's budget would keep the only instance on its node for ever.
        "enablePDB": database.instances > 1,
        # CNPG's own Secrets, Services and pods get the label, or the operator would not see them. Not more than that:
        # `managed-by` there is CNPG's.
        "inheritedMetadata": {"labels": selector_of(t.name, "database")},
        "bootstrap": {"initdb": _initdb()},
        "postgresql": _postgresql(t),
    }
    if t.spec.identity.database is not None:
        spec["serviceAccountTemplate"] = {"metadata": {"annotations": role_annotations(t.spec.identity.database)}}
    spec |= _cluster_placement(database.scheduling)
    return {
        "apiVersion": _CNPG,
        "kind": "Cluster",
        "metadata": _metadata(t, name_of_cluster(t.name)),
        "spec": spec,
    }


def _storage(t: TenantInputs) -> dict[str, Any]:
    storage = t.spec.database.storage
    storage_class = {"storageClass": storage.storage_class_name} if storage.storage_class_name else {}
    return {"size": storage.size, **storage_class}


def _initdb() -> dict[str, Any]:
    return {
        "database": handoff.DATABASE_NAME,
        "owner": handoff.ROLE_OWNER,
        "encoding": "UTF8",
        # Cannot be changed later. PostgreSQL's own C.UTF-8 sorts by code point and does not move under indexes when
        # the image's C library does; pg_trgm takes its letters from LC_CTYPE, and under C it sees ASCII only.
        "localeProvider": "builtin",
        "builtinLocale": "C.UTF-8",
        "localeCType": "C.UTF-8",
        "dataChecksums": True,
        "postInitApplicationSQL": post_init_application_sql(),
    }


def _postgresql(t: TenantInputs) -> dict[str, Any]:
    parameters = {PARAMETER: str(max_connections(t.spec)), **t.spec.database.parameters}
    image = _pgvector_image(t)
    extensions = {"extensions": [{"name": _PGVECTOR, "image": {"reference": image}}]} if image else {}
    return {"parameters": parameters, **extensions}


def _pgvector_image(t: TenantInputs) -> str:
    """The extension image; empty when the PostgreSQL image contains pgvector, as one of the tenant's own must."""
    images = t.spec.images
    if images.pgvector is not None:
        return images.pgvector
    return "" if images.postgres is not None else t.settings.images.pgvector


def _cluster_placement(scheduling: EffectiveScheduling) -> dict[str, Any]:
    """A pod's placement in the words of CNPG, which keeps its own anti-affinity and adds the tenant's to it."""
    wanted = placement(scheduling)
    affinity = wanted.pop("affinity", {})
    priority = wanted.pop("priorityClassName", None)
    renamed = {
        "nodeAffinity": affinity.get("nodeAffinity"),
        "additionalPodAffinity": affinity.get("podAffinity"),
        "additionalPodAntiAffinity": affinity.get("podAntiAffinity"),
    }
    fields = {**wanted, **{name: value for name, value in renamed.items() if value}}
    return {**({"affinity": fields} if fields else {}), **({"priorityClassName": priority} if priority else {})}


def _database(t: TenantInputs) -> dict[str, Any]:
    return {
        "apiVersion": _CNPG,
        "kind": "Database",
        "metadata": _metadata(t, name_of_database(t.name)),
        "spec": {
            "cluster": {"name": name_of_cluster(t.name)},
            "name": handoff.DATABASE_NAME,
            "owner": handoff.ROLE_OWNER,
            "databaseReclaimPolicy": "retain",
            "extensions": [{"name": extension} for extension in handoff.EXTENSIONS],
        },
    }


def _role(t: TenantInputs, name: str, role: str, comment: str) -> dict[str, Any]:
    return {
        "apiVersion": _CNPG,
        "kind": "DatabaseRole",
        "metadata": _metadata(t, name),
        "spec": {
            "cluster": {"name": name_of_cluster(t.name)},
            "name": role,
            "comment": comment,
            "login": True,
            "inherit": False,
            "passwordSecret": {"name": name},
            "databaseRoleReclaimPolicy": "retain",
        },
    }


def _role_secret(t: TenantInputs, name: str, role: str, password: str) -> dict[str, Any]:
    metadata = _metadata(t, name)
    metadata["labels"] |= {LABEL_CNPG_RELOAD: "true"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "kubernetes.io/basic-auth",
        "stringData": {"username": role, "password": password},
    }
