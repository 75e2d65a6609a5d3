"""The database is never silently replaced, and a re-created tenant finds its own again."""

from __future__ import annotations

from typing import Any

import pytest

from rem_local.kube import Resource

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="session")]

CLUSTERS = Resource("postgresql.cnpg.io", "v1", "clusters", "Cluster")
TENANTS = Resource("rem.dev", "v1alpha1", "remtenants", "RemTenant")
REINITIALIZE = "rem.dev/reinitialize-database"


async def test_a_lost_database_is_reported_and_not_replaced_until_somebody_says_so(tenants: Any, wait_for: Any) -> None:
    await tenants.apply()
    ready = await tenants.until_ready()
    lost = ready["status"]["database"]["systemID"]

    await tenants.kube.delete(CLUSTERS, tenants.namespace, "acme-db")
    missing = await tenants.until_reason("DatabaseMissing")
    message = next(c["message"] for c in missing["status"]["conditions"] if c["type"] == "Ready")
    assert lost in message
    assert f"{REINITIALIZE}=acme" in message
    assert any(c["type"] == "Stalled" and c["status"] == "True" for c in missing["status"]["conditions"])
    await tenants.settled(quiet_seconds=3)
    assert await tenants.kube.get(CLUSTERS, tenants.namespace, "acme-db") is None

    consent = {"metadata": {"annotations": {REINITIALIZE: "acme"}}}
    await tenants.kube.merge(TENANTS, tenants.namespace, "acme", consent)
    again = await tenants.until_ready(seconds=90)
    found = again["status"]["database"]["systemID"]
    assert found != lost
    assert again["status"]["handled"]["reinitialize-database"] == "acme"

    # One consent covers one loss: the annotation still stands there, as it would in Git.
    await tenants.settled()
    await tenants.kube.delete(CLUSTERS, tenants.namespace, "acme-db")
    used_up = await tenants.until_reason("DatabaseMissing")
    assert "already used" in next(c["message"] for c in used_up["status"]["conditions"] if c["type"] == "Ready")
    assert await tenants.kube.get(CLUSTERS, tenants.namespace, "acme-db") is None


async def test_deleting_a_tenant_keeps_its_database_and_a_new_tenant_adopts_it(tenants: Any, wait_for: Any) -> None:
    await tenants.apply()
    before = (await tenants.until_ready())["status"]["database"]["systemID"]
    children = await tenants.children()
    kept = {
        key: item["metadata"]["uid"] for key, item in children.items() if not item["metadata"].get("ownerReferences")
    }
    assert ("Cluster", "acme-db") in kept

    await tenants.kube.delete(TENANTS, tenants.namespace, "acme")

    async def only_data_is_left() -> bool:
        left = await tenants.children()
        return ("Deployment", "acme-api") not in left and ("ConfigMap", "acme-config") not in left

    await wait_for(only_data_is_left, seconds=30)
    left = await tenants.children()
    assert {key: left[key]["metadata"]["uid"] for key in kept} == kept

    await tenants.apply()
    after = (await tenants.until_ready(seconds=90))["status"]["database"]["systemID"]
    assert after == before
    adopted = await tenants.children()
    assert {key: adopted[key]["metadata"]["uid"] for key in kept} == kept
