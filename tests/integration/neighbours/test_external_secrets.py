"""The stand-in for External Secrets against the real API server and the real kinds."""

from __future__ import annotations

from typing import Any

import pytest

from rem_local.kube import EVENTS, SECRETS, Kube, Object
from rem_local.neighbours.external_secrets.resources import CLUSTER_SECRET_STORES, EXTERNAL_SECRETS, SECRET_STORES

pytestmark = pytest.mark.cluster


@pytest.fixture
def kube(platform: Any) -> Kube:
    return platform.kube


def store_manifest(name: str, values: dict[str, str], *, kind: str = "SecretStore") -> Object:
    data = [{"key": key, "value": value} for key, value in values.items()]
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"provider": {"fake": {"data": data}}},
    }


def external_manifest(store: str, *, kind: str = "SecretStore", **spec: Any) -> Object:
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "acme-secrets"},
        "spec": {
            "refreshInterval": "1h",
            "secretStoreRef": {"kind": kind, "name": store},
            "target": {"template": {"metadata": {"labels": {"rem.dev/tenant": "acme"}}}},
            "data": [{"secretKey": "OPENAI_API_KEY", "remoteRef": {"key": "acme/openai"}}],
            **spec,
        },
    }


def is_synced(item: Object) -> bool:
    conditions = item.get("status", {}).get("conditions", ())
    return any(condition["reason"] == "SecretSynced" for condition in conditions)


async def test_a_secret_is_made_with_the_template_s_labels_and_goes_with_its_maker(
    kube: Kube, platform_namespace: str, eventually: Any, values_of: Any
) -> None:
    await kube.create(SECRET_STORES, platform_namespace, store_manifest("store", {"acme/openai": '{"key": "sk-1"}'}))
    data = [{"secretKey": "OPENAI_API_KEY", "remoteRef": {"key": "acme/openai", "property": "key"}}]
    await kube.create(EXTERNAL_SECRETS, platform_namespace, external_manifest("store", data=data))
    external = await eventually.get(EXTERNAL_SECRETS, platform_namespace, "acme-secrets", is_synced)
    assert external["status"]["binding"] == {"name": "acme-secrets"}
    assert external["status"]["refreshTime"]
    secret = await kube.get(SECRETS, platform_namespace, "acme-secrets")
    assert secret is not None
    assert values_of(secret) == {"OPENAI_API_KEY": "sk-1"}
    assert secret["metadata"]["labels"]["rem.dev/tenant"] == "acme"
    assert secret["metadata"]["ownerReferences"][0]["kind"] == "ExternalSecret"

    await kube.delete(EXTERNAL_SECRETS, platform_namespace, "acme-secrets")
    await eventually.gone(SECRETS, platform_namespace, "acme-secrets")


async def test_a_missing_store_is_an_error_until_it_is_there(
    kube: Kube, platform_namespace: str, eventually: Any, condition_of: Any
) -> None:
    store = f"store-{platform_namespace}"
    await kube.create(EXTERNAL_SECRETS, platform_namespace, external_manifest(store, kind="ClusterSecretStore"))
    failed = await eventually.get(
        EXTERNAL_SECRETS, platform_namespace, "acme-secrets", lambda item: condition_of(item, "Ready")
    )
    ready = condition_of(failed, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "SecretSyncedError")
    assert ready["message"] == "could not get secret data from provider"

    async def is_told() -> bool:
        events = await kube.list(EVENTS, platform_namespace)
        return any(f'could not get ClusterSecretStore "{store}"' in event["message"] for event in events)

    await eventually.so(is_told)
    body = store_manifest(store, {"acme/openai": "sk-1"}, kind="ClusterSecretStore")
    await kube.create(CLUSTER_SECRET_STORES, None, body)
    await eventually.get(EXTERNAL_SECRETS, platform_namespace, "acme-secrets", is_synced)
    await kube.delete(CLUSTER_SECRET_STORES, None, store)


async def test_a_missing_key_is_an_error(
    kube: Kube, platform_namespace: str, eventually: Any, condition_of: Any
) -> None:
    await kube.create(SECRET_STORES, platform_namespace, store_manifest("store", {"other": "x"}))
    await kube.create(EXTERNAL_SECRETS, platform_namespace, external_manifest("store"))
    await eventually.get(
        EXTERNAL_SECRETS,
        platform_namespace,
        "acme-secrets",
        lambda item: condition_of(item, "Ready").get("reason") == "SecretSyncedError",
    )


async def test_a_changed_store_is_seen_after_the_interval_and_a_forced_sync_at_once(
    kube: Kube, platform_namespace: str, eventually: Any, values_of: Any
) -> None:
    await kube.create(SECRET_STORES, platform_namespace, store_manifest("store", {"acme/openai": "sk-1"}))
    await kube.create(EXTERNAL_SECRETS, platform_namespace, external_manifest("store"))
    await eventually.get(EXTERNAL_SECRETS, platform_namespace, "acme-secrets", is_synced)
    change = {"spec": store_manifest("store", {"acme/openai": "sk-2"})["spec"]}
    await kube.merge(SECRET_STORES, platform_namespace, "store", change)
    await kube.merge(
        EXTERNAL_SECRETS, platform_namespace, "acme-secrets", {"metadata": {"annotations": {"force-sync": "1"}}}
    )
    await eventually.get(
        SECRETS, platform_namespace, "acme-secrets", lambda item: values_of(item) == {"OPENAI_API_KEY": "sk-2"}
    )
    await kube.merge(EXTERNAL_SECRETS, platform_namespace, "acme-secrets", {"spec": {"refreshInterval": "1s"}})
    change = {"spec": store_manifest("store", {"acme/openai": "sk-3"})["spec"]}
    await kube.merge(SECRET_STORES, platform_namespace, "store", change)
    await eventually.get(
        SECRETS, platform_namespace, "acme-secrets", lambda item: values_of(item) == {"OPENAI_API_KEY": "sk-3"}
    )


async def test_a_secret_that_is_deleted_or_edited_is_repaired(
    kube: Kube, platform_namespace: str, eventually: Any, values_of: Any
) -> None:
    await kube.create(SECRET_STORES, platform_namespace, store_manifest("store", {"acme/openai": "sk-1"}))
    await kube.create(EXTERNAL_SECRETS, platform_namespace, external_manifest("store"))
    await eventually.get(EXTERNAL_SECRETS, platform_namespace, "acme-secrets", is_synced)
    await kube.delete(SECRETS, platform_namespace, "acme-secrets")
    await eventually.get(SECRETS, platform_namespace, "acme-secrets", values_of)
    await kube.merge(SECRETS, platform_namespace, "acme-secrets", {"data": {"OPENAI_API_KEY": "eA==", "MORE": "eA=="}})
    await eventually.get(
        SECRETS, platform_namespace, "acme-secrets", lambda item: values_of(item)["OPENAI_API_KEY"] == "sk-1"
    )


async def test_a_store_of_another_provider_is_not_ready(
    kube: Kube, platform_namespace: str, eventually: Any, condition_of: Any
) -> None:
    aws = store_manifest("store", {})
    aws["spec"]["provider"] = {"aws": {"service": "SecretsManager", "region": "eu-central-1"}}
    await kube.create(SECRET_STORES, platform_namespace, aws)
    store = await eventually.get(
        SECRET_STORES, platform_namespace, "store", lambda item: condition_of(item, "Ready").get("status") == "False"
    )
    assert "the stand-in knows the provider fake only, not aws" in condition_of(store, "Ready")["message"]
