"""Reconciles a DatabaseRole: a role and its password inside the Cluster's server.

As the real one it runs once per generation, and again when its password Secret changes *if* that carries the label
cnpg.io/reload. Where the real one waits 30 s before it looks again, this one waits 1 s.
"""

from __future__ import annotations

import base64
from typing import Any

import asyncpg

from rem_local.kube import SECRETS, Kube, Object
from rem_local.neighbours.cnpg import sql
from rem_local.neighbours.cnpg.instances import Instance, Instances
from rem_local.neighbours.cnpg.resources import (
    CLUSTER_DELETED,
    CLUSTERS,
    DATABASE_ROLES,
    RELOAD_LABEL,
    ROLE_FINALIZER,
)
from rem_local.neighbours.objects import condition, merge_conditions, now, set_finalizer, write_status

_RETRY_SECONDS = 1.0
_MEMBERSHIPS = """
SELECT g.rolname FROM pg_catalog.pg_auth_members m
JOIN pg_catalog.pg_roles g ON g.oid = m.roleid JOIN pg_catalog.pg_roles r ON r.oid = m.member WHERE r.rolname = $1
"""


class PasswordError(Exception):
    """The password Secret is missing or does not fit the role."""


class RoleReconciler:
    """`reconcile` is the whole interface."""

    def __init__(self, kube: Kube, instances: Instances) -> None:
        self._kube = kube
        self._instances = instances
        self._applied_in: dict[str, str] = {}  # DatabaseRole uid → Cluster uid: a new one of the same name has no roles

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Bring one role to its spec and password, once its Cluster takes connections."""
        role = await self._kube.get(DATABASE_ROLES, namespace, name)
        if role is None:
            return None
        cluster = await self._kube.get(CLUSTERS, namespace, role["spec"]["cluster"]["name"])
        if cluster is None:
            await self._let_go(role)
            return None
        deleting = bool(role["metadata"].get("deletionTimestamp"))
        secret = await self._password_secret(role)
        if not deleting and self._is_applied(role, cluster, secret):
            return None
        instance = self._instances.running(namespace, cluster)
        if instance is None:
            return _RETRY_SECONDS
        if deleting:
            await self._delete(instance, role)
            return None
        await set_finalizer(self._kube, DATABASE_ROLES, role, ROLE_FINALIZER, present=True)
        return await self._bring(instance, role, secret)

    def _is_applied(self, role: Object, cluster: Object, secret: Object | None) -> bool:
        metadata, status = role["metadata"], role.get("status") or {}
        if self._applied_in.get(metadata["uid"], cluster["metadata"]["uid"]) != cluster["metadata"]["uid"]:
            return False
        if status.get("observedGeneration") != metadata["generation"]:
            return False
        watched = secret is not None and RELOAD_LABEL in (secret["metadata"].get("labels") or {})
        return not watched or status.get("secretResourceVersion") == _version(secret)

    async def _bring(self, instance: Instance, role: Object, secret: Object | None) -> float | None:
        message = None
        try:
            password = _password_of(role["spec"], secret)
            await _bring_role(instance, role["spec"], password)
        except (asyncpg.PostgresError, OSError, PasswordError) as error:
            message = str(error)
        desired: dict[str, Any] = {"applied": message is None, "message": message}
        if message is None:
            desired["observedGeneration"] = role["metadata"]["generation"]
            desired["secretResourceVersion"] = _version(secret)
            desired["conditions"] = self._conditions(role, secret)
            self._applied_in[role["metadata"]["uid"]] = instance.cluster_uid
        await write_status(self._kube, DATABASE_ROLES, role, desired)
        return None if message is None else _RETRY_SECONDS

    def _conditions(self, role: Object, secret: Object | None) -> list[Object] | None:
        if secret is None:
            return None
        seen = condition("PasswordSecretChange", "True", "SecretResourceVersionChange", str(_version(secret)))
        return merge_conditions((role.get("status") or {}).get("conditions") or (), [seen], at=now())

    async def _password_secret(self, role: Object) -> Object | None:
        name = (role["spec"].get("passwordSecret") or {}).get("name")
        return await self._kube.get(SECRETS, role["metadata"]["namespace"], name) if name else None

    async def _delete(self, instance: Instance, role: Object) -> None:
        if role["spec"].get("databaseRoleReclaimPolicy") == "delete":
            async with instance.connect() as connection:
                await connection.execute(f"DROP ROLE IF EXISTS {sql.identifier(role['spec']['name'])}")
        await set_finalizer(self._kube, DATABASE_ROLES, role, ROLE_FINALIZER, present=False)

    async def _let_go(self, role: Object) -> None:
        """The Cluster is gone: say so and block nothing; a role that came before its Cluster is left alone."""
        if ROLE_FINALIZER not in (role["metadata"].get("finalizers") or ()):
            return
        desired = {"applied": False, "message": CLUSTER_DELETED, "observedGeneration": None}
        await write_status(self._kube, DATABASE_ROLES, role, desired)
        fresh = await self._kube.get(DATABASE_ROLES, role["metadata"]["namespace"], role["metadata"]["name"])
        if fresh is not None:
            await set_finalizer(self._kube, DATABASE_ROLES, fresh, ROLE_FINALIZER, present=False)


def _password_of(spec: dict[str, Any], secret: Object | None) -> str | None:
    wanted = (spec.get("passwordSecret") or {}).get("name")
    if not wanted:
        return None
    if secret is None:
        raise PasswordError(f'secrets "{wanted}" not found')
    data = {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}
    if missing := {"username", "password"} - set(data):
        raise PasswordError(f"while getting the role password: missing key {sorted(missing)[0]!r} in secret {wanted!r}")
    if data["username"] != spec["name"]:
        raise PasswordError(
            f"while getting the role password: wrong username {data['username']!r} in secret, expected {spec['name']!r}"
        )
    return data["password"]


async def _bring_role(instance: Instance, spec: dict[str, Any], password: str | None) -> None:
    async with instance.connect() as connection, connection.transaction():
        exists = await connection.fetchval("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1", spec["name"])
        for statement in sql.change_role(spec, exists=bool(exists), password=password):
            await connection.execute(statement)
        present = {row["rolname"] for row in await connection.fetch(_MEMBERSHIPS, spec["name"])}
        wanted = set(spec.get("inRoles") or ())
        for statement in sql.change_memberships(spec["name"], wanted=wanted, present=present):
            await connection.execute(statement)


def _version(secret: Object | None) -> str | None:
    return str(secret["metadata"]["resourceVersion"]) if secret is not None else None
