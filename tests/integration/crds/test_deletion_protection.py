"""The admission policy beside the CRDs: a protected RemTenant is deleted only when its name is confirmed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rem_local.cluster import LocalCluster
from rem_local.kube import Kube, KubeError, Resource
from rem_local.testing import fresh_namespace

pytestmark = pytest.mark.cluster

POLICY = Path(__file__).parents[3] / "crds" / "policies" / "deletion-protection.yaml"
TENANTS = Resource("rem.dev", "v1alpha1", "remtenants", "RemTenant")
SECONDS = 20


def _tenant(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "rem.dev/v1alpha1",
        "kind": "RemTenant",
        "metadata": {"name": name},
        "spec": {"database": {"storage": {"size": "1Gi"}}} | spec,
    }


@pytest_asyncio.fixture(loop_scope="session")
async def protected(cluster: LocalCluster) -> AsyncIterator[str]:
    """A namespace with a protected tenant `acme`, the policy being in force."""
    await cluster.kubectl("apply", "-f", str(POLICY))
    async with fresh_namespace(cluster.kube, "protected") as namespace:
        await _wait_in_force(cluster.kube, namespace)
        await cluster.kube.create(TENANTS, namespace, _tenant("acme", deletionProtection=True))
        yield namespace
        for tenant in await cluster.kube.list(TENANTS, namespace):
            await cluster.kube.merge(
                TENANTS, namespace, tenant["metadata"]["name"], {"spec": {"deletionProtection": False}}
            )
    await cluster.kubectl("delete", "--wait=false", "-f", str(POLICY))


async def _wait_in_force(kube: Kube, namespace: str) -> None:
    """The API server takes up a new policy within about a second."""
    async with asyncio.timeout(SECONDS):
        while True:
            await kube.apply(TENANTS, namespace, "probe", _tenant("probe", deletionProtection=True), manager="test")
            try:
                await kube.delete(TENANTS, namespace, "probe")
            except KubeError:
                return
            await asyncio.sleep(0.1)


async def test_deleting_is_refused_with_the_command_that_confirms(cluster: LocalCluster, protected: str) -> None:
    with pytest.raises(KubeError, match=r"rem.dev/confirm-delete=acme") as refused:
        await cluster.kube.delete(TENANTS, protected, "acme")

    assert refused.value.status == 403


async def test_another_name_does_not_confirm(cluster: LocalCluster, protected: str) -> None:
    await cluster.kubectl("annotate", "rt", "acme", "-n", protected, "rem.dev/confirm-delete=beta")

    with pytest.raises(KubeError, match="is protected from deletion"):
        await cluster.kube.delete(TENANTS, protected, "acme")


async def test_the_command_of_the_refusal_confirms(cluster: LocalCluster, protected: str) -> None:
    await cluster.kubectl("annotate", "rt", "acme", "rem.dev/confirm-delete=acme", "-n", protected)

    await cluster.kube.delete(TENANTS, protected, "acme")

    assert await cluster.kube.get(TENANTS, protected, "acme") is None


async def test_without_protection_nothing_is_asked(cluster: LocalCluster, protected: str) -> None:
    await cluster.kube.create(TENANTS, protected, _tenant("open"))

    await cluster.kube.delete(TENANTS, protected, "open")

    assert await cluster.kube.get(TENANTS, protected, "open") is None


async def test_a_namespace_still_goes(cluster: LocalCluster, protected: str) -> None:
    await cluster.kubectl("create", "namespace", f"{protected}-gone")
    await cluster.kube.create(TENANTS, f"{protected}-gone", _tenant("acme", deletionProtection=True))

    await cluster.kubectl("delete", "namespace", f"{protected}-gone", f"--timeout={SECONDS}s")

    listed = json.loads(await cluster.kubectl("get", "namespaces", "-o", "json"))
    assert f"{protected}-gone" not in {item["metadata"]["name"] for item in listed["items"]}
