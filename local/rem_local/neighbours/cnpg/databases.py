"""Reconciles a Database: the database, its owner, extensions and schemas, inside the Cluster's server.

As the real one it does so once per generation. Where that one waits 30 s before it looks again, this one waits 1 s.
"""

from __future__ import annotations

from typing import Any

import asyncpg

from rem_local.kube import Kube, Object
from rem_local.neighbours.cnpg import sql
from rem_local.neighbours.cnpg.instances import Instance, Instances
from rem_local.neighbours.cnpg.resources import CLUSTER_DELETED, CLUSTERS, DATABASE_FINALIZER, DATABASES
from rem_local.neighbours.objects import set_finalizer, write_status

_RETRY_SECONDS = 1.0
_NOT_STOOD_IN = ("fdws", "servers")
_EXTENSION = """
SELECT e.extversion AS version, n.nspname AS schema
FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = $1
"""
_SCHEMA_OWNER = """
SELECT r.rolname FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner WHERE n.nspname = $1
"""


class NotStoodInError(Exception):
    """The stand-in does not do this: try it on a real cluster."""


class DatabaseReconciler:
    """`reconcile` is the whole interface."""

    def __init__(self, kube: Kube, instances: Instances) -> None:
        self._kube = kube
        self._instances = instances
        self._applied_in: dict[str, str] = {}  # Database uid → Cluster uid: a new Cluster of the same name is empty

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Bring one Database to its spec, once its Cluster takes connections."""
        database = await self._kube.get(DATABASES, namespace, name)
        if database is None:
            return None
        cluster = await self._kube.get(CLUSTERS, namespace, database["spec"]["cluster"]["name"])
        if cluster is None:
            await self._let_go(database)
            return None
        metadata, status = database["metadata"], database.get("status") or {}
        deleting = bool(metadata.get("deletionTimestamp"))
        same_cluster = self._applied_in.get(metadata["uid"], cluster["metadata"]["uid"]) == cluster["metadata"]["uid"]
        if not deleting and same_cluster and status.get("observedGeneration") == metadata["generation"]:
            return None
        instance = self._instances.running(namespace, cluster)
        if instance is None:
            return _RETRY_SECONDS
        if deleting:
            await self._delete(instance, database)
            return None
        await set_finalizer(self._kube, DATABASES, database, DATABASE_FINALIZER, present=True)
        return await self._bring(instance, database)

    async def _bring(self, instance: Instance, database: Object) -> float | None:
        objects: dict[str, Any] = {"extensions": [], "schemas": []}
        try:
            await self._refuse_second(database)
            await _bring_database(instance, database["spec"])
            if database["spec"].get("ensure") != "absent":
                objects = await _bring_objects(instance, database["spec"])
            failed = [item for items in objects.values() for item in items if not item["applied"]]
            message = "; ".join(f"{item['name']}: {item['message']}" for item in failed) or None
        except (asyncpg.PostgresError, OSError, NotStoodInError) as error:
            message = f"reconciliation error: {error}"
        desired: dict[str, Any] = {"applied": message is None, "message": message}
        desired |= {kind: items or None for kind, items in objects.items()}
        if message is None:
            desired["observedGeneration"] = database["metadata"]["generation"]
            self._applied_in[database["metadata"]["uid"]] = instance.cluster_uid
        await write_status(self._kube, DATABASES, database, desired)
        return None if message is None else _RETRY_SECONDS

    async def _refuse_second(self, database: Object) -> None:
        spec, metadata = database["spec"], database["metadata"]
        for other in await self._kube.list(DATABASES, metadata["namespace"]):
            managed = bool((other.get("status") or {}).get("observedGeneration"))
            same = other["spec"]["cluster"] == spec["cluster"] and other["spec"]["name"] == spec["name"]
            if managed and same and other["metadata"]["name"] != metadata["name"]:
                raise NotStoodInError(
                    f"database {spec['name']!r} is already managed by Database object {other['metadata']['name']!r}"
                )

    async def _delete(self, instance: Instance, database: Object) -> None:
        if database["spec"].get("databaseReclaimPolicy") == "delete":
            async with instance.connect() as connection:
                await connection.execute(f"DROP DATABASE IF EXISTS {sql.identifier(database['spec']['name'])}")
        await set_finalizer(self._kube, DATABASES, database, DATABASE_FINALIZER, present=False)

    async def _let_go(self, database: Object) -> None:
        """The Cluster is gone: say so and block nothing; a Database that came before its Cluster is left alone."""
        known = DATABASE_FINALIZER in (database["metadata"].get("finalizers") or ())
        if known:
            desired = {"applied": False, "message": CLUSTER_DELETED, "observedGeneration": None}
            await write_status(self._kube, DATABASES, database, desired)
            fresh = await self._kube.get(DATABASES, database["metadata"]["namespace"], database["metadata"]["name"])
            if fresh is not None:
                await set_finalizer(self._kube, DATABASES, fresh, DATABASE_FINALIZER, present=False)


async def _bring_database(instance: Instance, spec: dict[str, Any]) -> None:
    unsupported = [name for name in _NOT_STOOD_IN if spec.get(name)]
    if unsupported:
        raise NotStoodInError(f"spec.{unsupported[0]}: {NotStoodInError.__doc__}")
    async with instance.connect() as connection:
        if spec.get("ensure") == "absent":
            await connection.execute(f"DROP DATABASE IF EXISTS {sql.identifier(spec['name'])}")
            return
        exists = await connection.fetchval("SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", spec["name"])
        for statement in sql.alter_database(spec) if exists else [sql.create_database(spec)]:
            await connection.execute(statement)


async def _bring_objects(instance: Instance, spec: dict[str, Any]) -> dict[str, list[Object]]:
    found: dict[str, list[Object]] = {"schemas": [], "extensions": []}
    async with instance.connect(spec["name"]) as connection:
        for schema in spec.get("schemas") or ():
            owner = await connection.fetchval(_SCHEMA_OWNER, schema["name"])
            found["schemas"].append(await _run(connection, schema["name"], sql.change_schema(schema, owner)))
        for extension in spec.get("extensions") or ():
            installed = await connection.fetchrow(_EXTENSION, extension["name"])
            statements = sql.change_extension(extension, installed)
            found["extensions"].append(await _run(connection, extension["name"], statements))
    return found


async def _run(connection: asyncpg.Connection, name: str, statements: list[str]) -> Object:
    try:
        for statement in statements:
            await connection.execute(statement)
    except asyncpg.PostgresError as error:
        return {"name": name, "applied": False, "message": str(error)}
    return {"name": name, "applied": True}
