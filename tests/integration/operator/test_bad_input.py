"""What cannot be satisfied is said, with the fix, and the last good children stay."""

from __future__ import annotations

from typing import Any

import pytest

from rem_local.kube import SERVICES, KubeError, Resource

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="session")]

STORES = Resource("external-secrets.io", "v1", "secretstores", "SecretStore")
AGENTS = Resource("rem.dev", "v1alpha1", "remagents", "RemAgent")
DREAMS = Resource("rem.dev", "v1alpha1", "dreamcycles", "DreamCycle")
STORE = {"storeRef": {"name": "vault"}, "items": [{"name": "OPENAI_API_KEY", "key": "openai"}]}


def _message(tenant: dict[str, Any], kind: str = "Ready") -> str:
    message: str = next(c["message"] for c in tenant["status"]["conditions"] if c["type"] == kind)
    return message


def _is(tenant: dict[str, Any], kind: str) -> bool:
    return any(c["type"] == kind and c["status"] == "True" for c in tenant["status"]["conditions"])


async def test_an_invalid_tenant_never_reaches_the_operator(tenants: Any) -> None:
    with pytest.raises(KubeError, match="minReplicas"):
        await tenants.apply(api={"autoscaling": {"minReplicas": 5, "maxReplicas": 2}})


async def test_a_missing_secret_store(tenants: Any, wait_for: Any) -> None:
    await tenants.apply(secrets=STORE)
    waiting = await tenants.until_reason("WaitingForSecretStore")
    assert "SecretStore vault does not exist" in _message(waiting)
    assert _is(waiting, "Reconciling")
    assert not _is(waiting, "Stalled")

    data = [{"key": f"{tenants.namespace}/acme/openai", "value": "not-a-key"}]
    body = {"metadata": {"name": "vault"}, "spec": {"provider": {"fake": {"data": data}}}}
    await tenants.kube.apply(STORES, tenants.namespace, "vault", body, manager="platform-team")
    await tenants.until_ready(seconds=90)


async def test_an_unknown_storage_class(tenants: Any) -> None:
    await tenants.apply(database={"storage": {"size": "1Gi", "storageClassName": "no-such-class"}})
    waiting = await tenants.until_reason("WaitingForStorageClass")
    assert "no-such-class" in _message(waiting)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"identity": {"api": {"roleArn": "arn:aws:iam::111122223333:role/admin"}}}, "POLICY__ROLE_PATTERN"),
        ({"images": {"runtime": "ghcr.io/somebody/else:1.0"}}, "POLICY__ALLOWED_IMAGE_REPOSITORIES"),
    ],
    ids=["role", "image"],
)
async def test_what_the_settings_do_not_allow(tenants: Any, spec: dict[str, Any], says: str) -> None:
    await tenants.apply()
    await tenants.until_reason("WaitingForDatabase")
    before = set(await tenants.children())
    await tenants.apply(**spec)
    refused = await tenants.until_reason("ForbiddenByPolicy")
    assert says in _message(refused)
    assert _is(refused, "Stalled")
    assert before <= set(await tenants.children())


async def test_a_field_that_is_not_reconciled_yet_is_named(tenants: Any) -> None:
    await tenants.apply(operatingMode="Suspended", limits={"requestsPerMinute": 10})
    refused = await tenants.until_reason("NotYetSupported")
    assert "spec.operatingMode: Suspended" in _message(refused)
    assert "spec.limits" in _message(refused)
    assert _is(refused, "Stalled")
    assert await tenants.children() == {}


async def test_somebody_elses_object_is_not_touched(tenants: Any) -> None:
    theirs = {
        "metadata": {"name": "acme-api", "namespace": tenants.namespace, "labels": {"app": "theirs"}},
        "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 80}]},
    }
    made = await tenants.kube.apply(SERVICES, tenants.namespace, "acme-api", theirs, manager="somebody")
    await tenants.apply()
    conflict = await tenants.until_reason("NameConflict")
    assert "Service acme-api" in _message(conflict)
    now = await tenants.kube.get(SERVICES, tenants.namespace, "acme-api")
    assert now == made

    await tenants.kube.delete(SERVICES, tenants.namespace, "acme-api")
    await tenants.kube.merge(
        Resource("rem.dev", "v1alpha1", "remtenants", "RemTenant"),
        tenants.namespace,
        "acme",
        {"metadata": {"annotations": {"rem.dev/reconcile-requested-at": "2026-01-01T00:00:00Z"}}},
    )
    ready = await tenants.until_ready(seconds=90)
    assert ready["status"]["handled"]["reconcile-requested-at"] == "2026-01-01T00:00:00Z"


async def test_agents_and_dreams_say_that_nothing_happens_yet(tenants: Any, wait_for: Any) -> None:
    schema = {"type": "object", "description": "You answer.", "properties": {"answer": {"type": "string"}}}
    agent = {"metadata": {"name": "helper"}, "spec": {"tenantRef": {"name": "acme"}, "schema": schema}}
    dream = {"metadata": {"name": "nightly"}, "spec": {"tenantRef": {"name": "acme"}, "schedule": "0 3 * * *"}}
    await tenants.kube.apply(AGENTS, tenants.namespace, "helper", agent, manager="author")
    await tenants.kube.apply(DREAMS, tenants.namespace, "nightly", dream, manager="author")

    for resource, name in ((AGENTS, "helper"), (DREAMS, "nightly")):

        async def told(resource: Resource = resource, name: str = name) -> bool:
            found = await tenants.kube.get(resource, tenants.namespace, name)
            conditions = (found.get("status") or {}).get("conditions") or ()
            return [(c["type"], c["status"], c["reason"]) for c in conditions] == [
                ("Ready", "Unknown", "NotYetReconciled")
            ]

        await wait_for(told)
