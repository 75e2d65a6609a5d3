"""The real operator as a process beside the whole cluster, with the roles that it ships, and what tests ask of both."""

from __future__ import annotations

import asyncio
import sysconfig
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rem_local import processes
from rem_local.cluster import LocalCluster
from rem_local.kube import Object, Resource
from rem_local.testing import fresh_namespace
from rem_operator.kube import resources

ROOT = Path(__file__).parents[3]
TENANTS = Resource("rem.dev", "v1alpha1", "remtenants", "RemTenant")
STORES = Resource("external-secrets.io", "v1", "secretstores", "SecretStore")
_HTTP_PORT = 18080


@dataclass
class Operator:
    """The operator's process: start it, kill it, start it again."""

    cluster: LocalCluster
    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: processes.Process | None = None

    async def start(self) -> None:
        token = await self.cluster.kube.request_token("rem-system", "rem-operator", expiration_seconds=7200)
        token_file = self.directory / "token"
        token_file.write_text(token)
        environment = {
            "PATH": f"{sysconfig.get_path('scripts')}:/usr/bin:/bin",
            "KUBE__SERVER": self.cluster.server,
            "KUBE__TOKEN_FILE": str(token_file),
            "KUBE__CA_FILE": str(self.cluster.ca_file),
            "HTTP__HOST": self.cluster.block.control_plane,
            "HTTP__PORT": str(_HTTP_PORT),
            **self.environment,
        }
        self.process = await processes.start(
            [str(Path(sysconfig.get_path("scripts")) / "rem-operator"), "run"],
            env=environment,
            log=self.directory / "operator.log",
        )

    async def kill(self) -> None:
        """SIGKILL: no goodbye."""
        if self.process is not None:
            await self.process.stop(grace_seconds=0)
            self.process = None

    async def stop(self) -> int:
        assert self.process is not None
        code = await self.process.stop(grace_seconds=30)
        self.process = None
        return code

    def log(self) -> str:
        return (self.directory / "operator.log").read_text()


class Tenants:
    """What tests do with tenants in one namespace."""

    def __init__(self, cluster: LocalCluster, namespace: str) -> None:
        self.cluster, self.kube, self.namespace = cluster, cluster.kube, namespace

    async def apply(self, name: str = "acme", *, annotations: dict[str, str] | None = None, **spec: Any) -> Object:
        """Apply a tenant as a platform team would; the spec is the smallest one plus what is given."""
        body = {
            "metadata": {"name": name, "namespace": self.namespace, "annotations": annotations or {}},
            "spec": {"database": {"storage": {"size": "1Gi"}}, "api": {"autoscaling": {"minReplicas": 1}}} | spec,
        }
        return await self.kube.apply(TENANTS, self.namespace, name, body, manager="platform-team")

    async def get(self, name: str = "acme") -> Object:
        found = await self.kube.get(TENANTS, self.namespace, name)
        assert found is not None
        return found

    async def child(self, resource: resources.Resource, name: str) -> Object | None:
        return await self.kube.get(_local(resource), self.namespace, name)

    async def children(self, tenant: str = "acme") -> dict[tuple[str, str], Object]:
        """Everything that carries the tenant's label, of every kind that the operator builds."""
        lists = await asyncio.gather(
            *(
                self.kube.list(_local(r), self.namespace, label_selector=f"rem.dev/tenant={tenant}")
                for r in resources.CHILDREN
            )
        )
        return {
            (resource.kind, item["metadata"]["name"]): item
            for resource, items in zip(resources.CHILDREN, lists, strict=True)
            for item in items
        }

    async def until_ready(self, name: str = "acme", *, seconds: float = 60) -> Object:
        return await self.until(lambda status: condition(status, "Ready") == "True", name=name, seconds=seconds)

    async def until_reason(self, reason: str, name: str = "acme", *, seconds: float = 30) -> Object:
        """Wait until Ready has this reason."""
        return await self.until(lambda status: reason_of(status, "Ready") == reason, name=name, seconds=seconds)

    async def until(self, holds: Callable[[Object], bool], *, name: str = "acme", seconds: float = 30) -> Object:
        """Wait until the status of the present generation fulfils something; the tenant then."""
        tenant: Object = {}

        async def fulfilled() -> bool:
            nonlocal tenant
            tenant = await self.get(name)
            status = tenant.get("status") or {}
            return status.get("observedGeneration") == tenant["metadata"]["generation"] and holds(status)

        await eventually(fulfilled, seconds=seconds, says=lambda: f"status is {tenant.get('status')}")
        return tenant

    async def settled(self, tenant: str = "acme", *, quiet_seconds: float = 2.0, seconds: float = 60) -> dict[Any, str]:
        """Wait until nothing of the tenant changes any more; resourceVersions by kind and name, the tenant included."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        before, since = await self.versions(tenant), loop.time()
        while loop.time() - since < quiet_seconds:
            assert loop.time() < deadline, "the tenant does not come to rest"
            await asyncio.sleep(0.25)
            now = await self.versions(tenant)
            if now != before:
                before, since = now, loop.time()
        return before

    async def versions(self, tenant: str = "acme") -> dict[Any, str]:
        found = {key: item["metadata"]["resourceVersion"] for key, item in (await self.children(tenant)).items()}
        return found | {("RemTenant", tenant): (await self.get(tenant))["metadata"]["resourceVersion"]}


def condition(status: Object, kind: str) -> str | None:
    return next((c["status"] for c in status.get("conditions") or () if c["type"] == kind), None)


def reason_of(status: Object, kind: str) -> str | None:
    return next((c["reason"] for c in status.get("conditions") or () if c["type"] == kind), None)


def _local(resource: resources.Resource) -> Resource:
    return Resource(resource.group, resource.version, resource.plural, resource.kind, resource.namespaced)


async def eventually(
    holds: Callable[[], Awaitable[bool]], *, seconds: float = 20, says: Callable[[], str] = lambda: ""
) -> None:
    """Poll until it holds; fails with what `says` says."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not await holds():
        assert loop.time() < deadline, f"did not happen within {seconds} s: {says()}"
        await asyncio.sleep(0.2)


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., Awaitable[None]]:
    return eventually


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def operator(platform: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Operator]:
    """The operator, running; who kills it starts it again."""
    await platform.kubectl("apply", "--server-side", "-k", ROOT / "manifests" / "operator")
    # The process of this fixture stands in for the pods of the Deployment, so that tests can kill it.
    await platform.kubectl("delete", "deployment", "rem-operator", "-n", "rem-system", "--wait=true")
    running = Operator(platform, tmp_path_factory.mktemp("operator"))
    await running.start()
    yield running
    await running.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def without_keda(tmp_path: Path) -> AsyncIterator[Tenants]:
    """A cluster of its own in which KEDA's CRDs are not installed, with the operator at work."""
    async with LocalCluster.start() as bare:
        await bare.install_crds(("cnpg", "external-secrets"))
        await bare.kubectl("apply", "--server-side", "-k", ROOT / "manifests" / "operator")
        own = Operator(bare, tmp_path)
        await own.start()
        try:
            async with fresh_namespace(bare.kube, "tenants") as name:
                yield Tenants(bare, name)
        finally:
            await own.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def tenants(platform: LocalCluster, operator: Operator, request: pytest.FixtureRequest) -> AsyncIterator[Tenants]:
    """A fresh namespace that enforces Pod Security restricted, with the operator at work."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    if operator.process is None:
        await operator.start()
    async with fresh_namespace(platform.kube, str(request.node.name), labels=labels) as name:
        yield Tenants(platform, name)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(platform: LocalCluster, operator: Operator, request: pytest.FixtureRequest) -> AsyncIterator[Tenants]:
    """One Ready tenant for all tests of a module that leave it as they found it."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    async with fresh_namespace(platform.kube, "running", labels=labels) as name:
        tenants = Tenants(platform, name)
        await store(tenants)
        await tenants.apply(**FULL)
        await tenants.until_ready()
        yield tenants


async def store(tenants: Tenants, *, value: str = "not-a-key") -> None:
    """The secret store of a tenant `acme`: External Secrets' provider for tests."""
    data = [{"key": f"{tenants.namespace}/acme/openai", "value": value}]
    body = {"metadata": {"name": "vault"}, "spec": {"provider": {"fake": {"data": data}}}}
    await tenants.kube.apply(STORES, tenants.namespace, "vault", body, manager="platform-team")


FULL: dict[str, Any] = {
    "secrets": {
        "storeRef": {"name": "vault"},
        "items": [{"name": "OPENAI_API_KEY", "key": "openai"}],
    },
    "objectStorage": {"bucket": "acme-files"},
    "fileProcessor": {"queue": {"url": "https://sqs.eu-central-1.amazonaws.com/111122223333/acme-files"}},
}
