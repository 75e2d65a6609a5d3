"""The apply engine with its real client against the real API server."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest_asyncio

from rem_local.cluster import LocalCluster
from rem_operator.kube.access import Access, access_by_kubeconfig
from rem_operator.kube.apply import Owner
from rem_operator.kube.client import KubeClient
from rem_operator.kube.index import Index
from rem_operator.kube.resources import CHILDREN, REM_TENANTS, Resource


@dataclass
class Bench:
    """A client with an index that is filled by lists, since the watch is tested on its own, and a tenant."""

    client: KubeClient
    index: Index
    owner: Owner

    @property
    def namespace(self) -> str:
        return self.owner.namespace

    async def own(self, name: str) -> Owner:
        """Another tenant. Children need a living owner, or the garbage collector takes them during the test."""
        tenant = await make_tenant(self.client, self.namespace, name)
        self.owner = Owner(name, self.namespace, tenant["metadata"]["uid"])
        return self.owner

    async def see(self) -> None:
        """What the watch would have brought by now."""
        for resource in CHILDREN:
            url = self.client.access.server + resource.path(self.namespace)
            headers = self.client.access.token.headers()
            async with self.client.session.get(
                url, params={"labelSelector": "rem.dev/tenant"}, headers=headers
            ) as answer:
                found = await answer.json()
            self.index.replace(resource, None, found["items"], version=found["metadata"]["resourceVersion"])

    async def forget(self) -> None:
        """Start with an empty memory, as after a restart of the operator."""
        self.index = known_index()
        await self.see()

    async def read(self, resource: Resource, name: str) -> dict[str, Any]:
        return await self.client.get(resource, self.namespace, name)

    async def edit(self, resource: Resource, name: str, *operations: tuple[str, str, Any]) -> None:
        """Somebody's hand edit, which the index has not seen."""
        patch = [{"op": op, "path": path, "value": value} for op, path, value in operations]
        url = self.client.access.server + resource.path(self.namespace, name)
        headers = {**self.client.access.token.headers(), "Content-Type": "application/json-patch+json"}
        async with self.client.session.patch(
            url, json=patch, params={"fieldManager": "hand"}, headers=headers
        ) as answer:
            assert answer.status == 200, await answer.text()

    async def create_foreign(self, resource: Resource, body: dict[str, Any]) -> dict[str, Any]:
        """Somebody else's object."""
        url = self.client.access.server + resource.path(self.namespace)
        headers = self.client.access.token.headers()
        async with self.client.session.post(url, json=body, params={"fieldManager": "hand"}, headers=headers) as answer:
            assert answer.status == 201, await answer.text()
            made: dict[str, Any] = await answer.json()
            return made

    async def versions(self) -> dict[str, str]:
        """The resourceVersion of every child, once the controllers have left them alone for a moment."""
        while True:
            before = await self._versions()
            await asyncio.sleep(0.5)
            if await self._versions() == before:
                return before

    async def _versions(self) -> dict[str, str]:
        found = {}
        for resource in CHILDREN:
            for one in await self.client.list(resource, self.namespace, label_selector="rem.dev/tenant"):
                found[f"{resource}/{one['metadata']['name']}"] = one["metadata"]["resourceVersion"]
        return found


def known_index() -> Index:
    index = Index()
    for resource in index.watched:
        index.set_served(resource, served=True)
    return index


@pytest_asyncio.fixture(loop_scope="session")
async def access(cluster: LocalCluster) -> Access:
    return access_by_kubeconfig(cluster.kubeconfig)


@pytest_asyncio.fixture(loop_scope="session")
async def bench(access: Access, namespace: str) -> AsyncIterator[Bench]:
    async with KubeClient.connect(access) as client:
        tenant = await make_tenant(client, namespace)
        yield Bench(client, known_index(), Owner("acme", namespace, tenant["metadata"]["uid"]))


async def make_tenant(client: KubeClient, namespace: str, name: str = "acme") -> dict[str, Any]:
    body = {
        "apiVersion": "rem.dev/v1alpha1",
        "kind": "RemTenant",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"database": {"storage": {"size": "1Gi"}}},
    }
    return await client.create(REM_TENANTS, namespace, body)
