"""The stand-in for CloudNativePG against the real API server and the real kinds."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from rem_local.kube import PERSISTENT_VOLUME_CLAIMS, SECRETS, SERVICE_ACCOUNTS, SERVICES, Kube, Object
from rem_local.neighbours.cnpg.resources import (
    CLUSTER_DELETED,
    CLUSTERS,
    DATABASE_ROLES,
    DATABASES,
    HEALTHY,
    SETTING_UP,
    STORAGE_CLASSES,
)

pytestmark = [pytest.mark.cluster, pytest.mark.postgres]

_APPLICATION_KEYS = {"username", "user", "password", "dbname", "host", "port", "pgpass"} | {
    "uri",
    "jdbc-uri",
    "fqdn-uri",
    "fqdn-jdbc-uri",
}
_SET_CONFIG = "pg_catalog.set_config(text, text, boolean)"


def cluster_manifest(namespace: str, **spec: Any) -> Object:
    return {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": "acme-db", "namespace": namespace},
        "spec": {
            "instances": 3,
            "storage": {"size": "1Gi"},
            "inheritedMetadata": {"labels": {"rem.dev/tenant": "acme"}},
            "serviceAccountTemplate": {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": "arn:x"}}},
            "postgresql": {"parameters": {"work_mem": "7MB"}},
            "bootstrap": {
                "initdb": {
                    "database": "rem",
                    "owner": "rem_owner",
                    "localeProvider": "builtin",
                    "builtinLocale": "C.UTF-8",
                    "postInitApplicationSQL": [
                        f"REVOKE EXECUTE ON FUNCTION {_SET_CONFIG} FROM PUBLIC",
                        f"GRANT EXECUTE ON FUNCTION {_SET_CONFIG} TO rem_owner WITH GRANT OPTION",
                    ],
                }
            },
            **spec,
        },
    }


def database_manifest(namespace: str, **spec: Any) -> Object:
    return {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Database",
        "metadata": {"name": "acme-db-rem", "namespace": namespace},
        "spec": {
            "cluster": {"name": "acme-db"},
            "name": "rem",
            "owner": "rem_owner",
            "extensions": [{"name": "vector"}, {"name": "pg_trgm"}, {"name": "btree_gist"}],
            **spec,
        },
    }


def role_manifest(namespace: str, **spec: Any) -> Object:
    return {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "DatabaseRole",
        "metadata": {"name": "acme-db-role-app", "namespace": namespace},
        "spec": {
            "cluster": {"name": "acme-db"},
            "name": "rem_app",
            "login": True,
            "inherit": False,
            "passwordSecret": {"name": "acme-db-role-app"},
            **spec,
        },
    }


def password_manifest(password: str, *, username: str = "rem_app") -> Object:
    data = {"username": username, "password": password}
    return {
        "metadata": {"name": "acme-db-role-app", "labels": {"cnpg.io/reload": "true"}},
        "type": "kubernetes.io/basic-auth",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


async def query(dsn: str, statement: str) -> Any:
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


@pytest.fixture
def kube(platform: Any) -> Kube:
    return platform.kube


@pytest.fixture
async def healthy(kube: Kube, eventually: Any, platform_namespace: str) -> Object:
    """A healthy Cluster."""
    await kube.create(CLUSTERS, platform_namespace, cluster_manifest(platform_namespace))
    return await eventually.get(
        CLUSTERS, platform_namespace, "acme-db", lambda item: item.get("status", {}).get("phase") == HEALTHY
    )


async def test_a_cluster_becomes_healthy_and_says_what_the_real_one_says(
    kube: Kube,
    healthy: Object,
    platform_namespace: str,
    condition_of: Any,
    values_of: Callable[[Object], dict[str, str]],
) -> None:
    status = healthy["status"]
    assert (status["instances"], status["readyInstances"]) == (3, 3)
    assert status["currentPrimary"] == status["targetPrimary"] == "acme-db-1"
    assert status["instanceNames"] == ["acme-db-1", "acme-db-2", "acme-db-3"]
    assert condition_of(healthy, "Ready")["status"] == "True"
    assert condition_of(healthy, "ConsistentSystemID")["status"] == "True"
    assert "stand-in" in status["phaseReason"]

    secret = await kube.get(SECRETS, platform_namespace, "acme-db-app")
    assert secret is not None
    assert secret["type"] == "kubernetes.io/basic-auth"
    assert secret["metadata"]["labels"]["rem.dev/tenant"] == "acme"
    assert secret["metadata"]["labels"]["rem.dev/stand-in"] == "true"
    values = values_of(secret)
    assert set(values) == _APPLICATION_KEYS
    assert (values["user"], values["dbname"], values["port"]) == ("rem_owner", "rem", "5432")
    assert await query(values["uri"], "SELECT current_user::text") == "rem_owner"
    assert await query(values["uri"], "SHOW work_mem") == "7MB"
    assert await query(values["uri"], "SELECT lower('ÄÖ')") == "äö"

    account = await kube.get(SERVICE_ACCOUNTS, platform_namespace, "acme-db")
    assert account is not None
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": "arn:x"}
    for suffix in ("rw", "ro", "r"):
        assert await kube.get(SERVICES, platform_namespace, f"acme-db-{suffix}") is not None


async def test_nothing_is_written_while_nothing_changes(
    kube: Kube, healthy: Object, platform_namespace: str, eventually: Any
) -> None:
    touched = await kube.merge(CLUSTERS, platform_namespace, "acme-db", {"metadata": {"annotations": {"a": "b"}}})
    assert touched is not None
    await kube.create(DATABASES, platform_namespace, database_manifest(platform_namespace))
    await eventually.get(
        DATABASES, platform_namespace, "acme-db-rem", lambda item: item.get("status", {}).get("applied")
    )
    live = await kube.get(CLUSTERS, platform_namespace, "acme-db")
    assert live is not None
    assert live["metadata"]["resourceVersion"] == touched["metadata"]["resourceVersion"]


async def test_a_database_gets_its_extensions(
    kube: Kube, healthy: Object, platform_namespace: str, eventually: Any, values_of: Any
) -> None:
    await kube.create(DATABASES, platform_namespace, database_manifest(platform_namespace))
    database = await eventually.get(
        DATABASES, platform_namespace, "acme-db-rem", lambda item: item.get("status", {}).get("applied")
    )
    assert database["status"]["observedGeneration"] == database["metadata"]["generation"]
    assert database["metadata"]["finalizers"] == ["cnpg.io/deleteDatabase"]
    assert [item["applied"] for item in database["status"]["extensions"]] == [True, True, True]
    secret = await kube.get(SECRETS, platform_namespace, "acme-db-app")
    names = await query(values_of(secret)["uri"], "SELECT array_agg(extname) FROM pg_extension")
    assert {"vector", "pg_trgm", "btree_gist"} <= set(names)

    await kube.delete(DATABASES, platform_namespace, "acme-db-rem")
    await eventually.gone(DATABASES, platform_namespace, "acme-db-rem")
    assert await query(values_of(secret)["uri"], "SELECT 1") == 1  # the reclaim policy is retain


async def test_a_database_says_why_it_is_not_applied(
    kube: Kube, healthy: Object, platform_namespace: str, eventually: Any
) -> None:
    wrong = database_manifest(platform_namespace, extensions=[{"name": "vector", "version": "0.0.1"}])
    await kube.create(DATABASES, platform_namespace, wrong)
    database = await eventually.get(
        DATABASES, platform_namespace, "acme-db-rem", lambda item: item.get("status", {}).get("applied") is False
    )
    assert 'no installation script nor update path for version "0.0.1"' in database["status"]["message"]
    await kube.merge(DATABASES, platform_namespace, "acme-db-rem", {"spec": {"extensions": [{"name": "vector"}]}})
    fixed = await eventually.get(
        DATABASES, platform_namespace, "acme-db-rem", lambda item: item["status"].get("applied")
    )
    assert not fixed["status"].get("message")


async def test_a_role_logs_in_with_its_password_also_after_it_changed(
    kube: Kube, healthy: Object, platform_namespace: str, eventually: Any, values_of: Any
) -> None:
    await kube.create(DATABASE_ROLES, platform_namespace, role_manifest(platform_namespace))
    waiting = await eventually.get(
        DATABASE_ROLES, platform_namespace, "acme-db-role-app", lambda item: item.get("status", {}).get("message")
    )
    assert waiting["status"]["message"] == 'secrets "acme-db-role-app" not found'
    secret = await kube.get(SECRETS, platform_namespace, "acme-db-app")
    host = values_of(secret)["host"]

    for password in ("first", "it's the \\second"):
        await kube.apply(SECRETS, platform_namespace, "acme-db-role-app", password_manifest(password), manager="test")

        async def logs_in(password: str = password) -> bool:
            try:
                connection = await asyncpg.connect(
                    host=host, port=5432, user="rem_app", password=password, database="rem", timeout=5
                )
            except asyncpg.InvalidPasswordError:
                return False
            await connection.close()
            return True

        await eventually.so(logs_in)
    role = await eventually.get(
        DATABASE_ROLES, platform_namespace, "acme-db-role-app", lambda item: item["status"].get("applied")
    )
    assert role["status"]["observedGeneration"] == role["metadata"]["generation"]
    owner = values_of(secret)["uri"]
    assert await query(owner, "SELECT rolinherit FROM pg_roles WHERE rolname = 'rem_app'") is False


async def test_a_role_refuses_a_secret_of_somebody_else(
    kube: Kube, healthy: Object, platform_namespace: str, eventually: Any
) -> None:
    body = {**password_manifest("x", username="rem_sql"), "apiVersion": "v1", "kind": "Secret"}
    await kube.create(SECRETS, platform_namespace, body)
    await kube.create(DATABASE_ROLES, platform_namespace, role_manifest(platform_namespace))
    role = await eventually.get(
        DATABASE_ROLES, platform_namespace, "acme-db-role-app", lambda item: item.get("status", {}).get("message")
    )
    assert role["status"]["applied"] is False
    assert "wrong username 'rem_sql' in secret, expected 'rem_app'" in role["status"]["message"]


async def test_hibernation_stops_the_server_and_brings_it_back_with_its_data(
    kube: Kube, healthy: Object, platform_namespace: str, eventually: Any, condition_of: Any, values_of: Any
) -> None:
    uri = values_of(await kube.get(SECRETS, platform_namespace, "acme-db-app"))["uri"]
    await query(uri, "CREATE TABLE kept AS SELECT 42 AS answer")
    await kube.merge(
        CLUSTERS, platform_namespace, "acme-db", {"metadata": {"annotations": {"cnpg.io/hibernation": "on"}}}
    )
    asleep = await eventually.get(
        CLUSTERS,
        platform_namespace,
        "acme-db",
        lambda item: condition_of(item, "cnpg.io/hibernation").get("status") == "True",
    )
    assert condition_of(asleep, "Ready")["status"] == "True"
    assert condition_of(asleep, "ConsistentSystemID")["status"] == "False"
    assert asleep["status"]["phase"] == HEALTHY
    assert "readyInstances" not in asleep["status"]
    assert asleep["status"]["systemID"] == healthy["status"]["systemID"]
    with pytest.raises(OSError, match="Connect call failed"):
        await query(uri, "SELECT 1")

    await kube.merge(
        CLUSTERS, platform_namespace, "acme-db", {"metadata": {"annotations": {"cnpg.io/hibernation": None}}}
    )
    awake = await eventually.get(
        CLUSTERS, platform_namespace, "acme-db", lambda item: item["status"].get("readyInstances") == 3
    )
    assert condition_of(awake, "cnpg.io/hibernation") == {}
    assert await query(uri, "SELECT answer FROM kept") == 42


async def test_a_deleted_application_secret_comes_back_with_another_password(
    kube: Kube, healthy: Object, platform_namespace: str, eventually: Any, values_of: Any
) -> None:
    before = await kube.get(SECRETS, platform_namespace, "acme-db-app")
    await kube.delete(SECRETS, platform_namespace, "acme-db-app")
    after = await eventually.get(
        SECRETS, platform_namespace, "acme-db-app", lambda item: item["metadata"]["uid"] != before["metadata"]["uid"]
    )
    assert values_of(after)["password"] != values_of(before)["password"]

    async def logs_in() -> bool:
        try:
            return bool(await query(values_of(after)["uri"], "SELECT 1") == 1)
        except asyncpg.InvalidPasswordError:
            return False

    await eventually.so(logs_in)


async def test_an_unknown_storage_class_keeps_it_waiting_until_there_is_one(
    kube: Kube, platform_namespace: str, eventually: Any, condition_of: Any
) -> None:
    storage = {"size": "1Gi", "storageClass": f"fast-{platform_namespace}"}
    await kube.create(CLUSTERS, platform_namespace, cluster_manifest(platform_namespace, storage=storage))
    waiting = await eventually.get(
        CLUSTERS, platform_namespace, "acme-db", lambda item: item.get("status", {}).get("phase") == SETTING_UP
    )
    assert condition_of(waiting, "Ready")["status"] == "False"
    claim = await eventually.get(
        PERSISTENT_VOLUME_CLAIMS,
        platform_namespace,
        "acme-db-1",
        lambda item: item.get("status", {}).get("phase") == "Pending",
    )
    assert claim["spec"]["storageClassName"] == storage["storageClass"]

    body = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": storage["storageClass"]},
        "provisioner": "example.com/none",
    }
    await kube.create(STORAGE_CLASSES, None, body)
    await eventually.get(CLUSTERS, platform_namespace, "acme-db", lambda item: item["status"]["phase"] == HEALTHY)
    await eventually.gone(PERSISTENT_VOLUME_CLAIMS, platform_namespace, "acme-db-1")


async def test_a_bootstrap_that_fails_says_why(kube: Kube, platform_namespace: str, eventually: Any) -> None:
    bootstrap = {"initdb": {"database": "rem", "owner": "rem_owner", "postInitApplicationSQL": ["SELECT nonsense"]}}
    await kube.create(CLUSTERS, platform_namespace, cluster_manifest(platform_namespace, bootstrap=bootstrap))
    await eventually.get(
        CLUSTERS,
        platform_namespace,
        "acme-db",
        lambda item: 'column "nonsense" does not exist' in item.get("status", {}).get("phaseReason", ""),
    )


async def test_deleting_a_cluster_takes_everything_with_it_and_a_new_one_is_empty(
    kube: Kube, healthy: Object, platform_namespace: str, eventually: Any, values_of: Any
) -> None:
    await kube.create(DATABASES, platform_namespace, database_manifest(platform_namespace))
    await eventually.get(
        DATABASES, platform_namespace, "acme-db-rem", lambda item: item.get("status", {}).get("applied")
    )
    uri = values_of(await kube.get(SECRETS, platform_namespace, "acme-db-app"))["uri"]
    await query(uri, "CREATE TABLE lost ()")
    await kube.delete(CLUSTERS, platform_namespace, "acme-db")
    await eventually.gone(SECRETS, platform_namespace, "acme-db-app")
    await eventually.gone(SERVICE_ACCOUNTS, platform_namespace, "acme-db")
    database = await eventually.get(
        DATABASES, platform_namespace, "acme-db-rem", lambda item: item["status"].get("applied") is False
    )
    assert database["status"]["message"] == CLUSTER_DELETED

    await kube.create(CLUSTERS, platform_namespace, cluster_manifest(platform_namespace))
    again = await eventually.get(
        CLUSTERS, platform_namespace, "acme-db", lambda item: item.get("status", {}).get("phase") == HEALTHY
    )
    assert again["status"]["systemID"] != healthy["status"]["systemID"]
    await eventually.get(DATABASES, platform_namespace, "acme-db-rem", lambda item: item["status"].get("applied"))
    fresh = values_of(await kube.get(SECRETS, platform_namespace, "acme-db-app"))["uri"]
    assert await query(fresh, "SELECT to_regclass('lost')::text") is None
    assert await query(fresh, "SELECT count(*) FROM pg_extension WHERE extname = 'vector'") == 1
