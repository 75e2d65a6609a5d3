"""PURE: the objects that CloudNativePG makes for a Cluster, as this stand-in makes them.

The difference that matters: `host` in the application's Secret is an address, because nothing here resolves the names
of Services.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote, urlencode

from rem_local.kube import Object
from rem_local.neighbours.cnpg.resources import CLUSTER_LABEL, POSTGRES_PORT, RELOAD_LABEL
from rem_local.neighbours.objects import STAND_IN_LABEL, owner_reference


def application_secret_name(cluster: Object) -> str:
    """The Secret with the owner's credentials: the user's own, else `<cluster>-app`."""
    own = initdb_of(cluster).get("secret") or {}
    return str(own.get("name") or f"{cluster['metadata']['name']}-app")


def initdb_of(cluster: Object) -> dict[str, Any]:
    """`bootstrap.initdb` with the defaults of CloudNativePG."""
    given = dict(((cluster["spec"].get("bootstrap") or {}).get("initdb")) or {})
    database = given.get("database") or "app"
    return {**given, "database": database, "owner": given.get("owner") or database}


def application_secret(cluster: Object, *, host: str, password: str) -> Object:
    """The Secret `<cluster>-app` with all keys of the real one."""
    initdb = initdb_of(cluster)
    user, database = str(initdb["owner"]), str(initdb["database"])
    address = f"{host}:{POSTGRES_PORT}"
    uri = f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@{address}/{quote(database, safe='')}"
    query = urlencode({"password": password, "user": user})
    jdbc = f"jdbc:postgresql://{address}/{quote(database, safe='')}?{query}"
    data = {
        "username": user,
        "user": user,
        "password": password,
        "dbname": database,
        "host": host,
        "port": str(POSTGRES_PORT),
        "pgpass": f"{host}:{POSTGRES_PORT}:{database}:{user}:{password}\n",
        "uri": uri,
        "jdbc-uri": jdbc,
        "fqdn-uri": uri,
        "fqdn-jdbc-uri": jdbc,
    }
    metadata = _metadata(cluster, f"{cluster['metadata']['name']}-app")
    metadata["labels"] |= {RELOAD_LABEL: "true", "cnpg.io/userType": "app"}
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}
    return {"metadata": metadata, "type": "kubernetes.io/basic-auth", "data": encoded}


def service_account(cluster: Object) -> Object:
    """The ServiceAccount of the instances, with what `serviceAccountTemplate` adds."""
    metadata = _metadata(cluster, cluster["metadata"]["name"])
    template = (cluster["spec"].get("serviceAccountTemplate") or {}).get("metadata") or {}
    metadata["labels"] |= template.get("labels") or {}
    metadata["annotations"] |= template.get("annotations") or {}
    return {"metadata": metadata}


def services(cluster: Object) -> list[Object]:
    """The Services -rw, -ro and -r; they select pods that do not exist here."""
    roles = {"rw": {"cnpg.io/instanceRole": "primary"}, "ro": {"cnpg.io/instanceRole": "replica"}, "r": {}}
    return [
        {
            "metadata": _metadata(cluster, f"{cluster['metadata']['name']}-{suffix}"),
            "spec": {
                "type": "ClusterIP",
                "selector": {CLUSTER_LABEL: cluster["metadata"]["name"], "cnpg.io/podRole": "instance", **role},
                "ports": [{"name": "postgres", "port": POSTGRES_PORT, "protocol": "TCP", "targetPort": POSTGRES_PORT}],
            },
        }
        for suffix, role in roles.items()
    ]


def claim(cluster: Object) -> Object:
    """The volume claim of the first instance: made only to wait, for a StorageClass that is not there."""
    storage = cluster["spec"].get("storage") or {}
    return {
        "metadata": _metadata(cluster, f"{cluster['metadata']['name']}-1"),
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": storage.get("size") or "1Gi"}},
            "storageClassName": storage_class_of(cluster),
        },
    }


def storage_class_of(cluster: Object) -> str | None:
    """The StorageClass that the Cluster names, None for the default one."""
    storage = cluster["spec"].get("storage") or {}
    template = storage.get("pvcTemplate") or {}
    name = storage.get("storageClass") or template.get("storageClassName")
    return str(name) if name else None


def _metadata(cluster: Object, name: str) -> dict[str, Any]:
    inherited = cluster["spec"].get("inheritedMetadata") or {}
    labels = {
        **(inherited.get("labels") or {}),
        CLUSTER_LABEL: cluster["metadata"]["name"],
        "app.kubernetes.io/managed-by": "cloudnative-pg",
        STAND_IN_LABEL: "true",
    }
    return {
        "name": name,
        "namespace": cluster["metadata"]["namespace"],
        "labels": labels,
        "annotations": dict(inherited.get("annotations") or {}),
        "ownerReferences": [owner_reference(cluster)],
    }
