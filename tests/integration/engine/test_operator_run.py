"""The whole engine against the real API server: watch, queue, apply, probes, shutdown; the reconciler has ten lines."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from rem_local.cluster import LocalCluster
from rem_operator import engine
from rem_operator.children import Child
from rem_operator.deps import Deps
from rem_operator.kube.access import Access
from rem_operator.kube.apply import Owner, apply_children
from rem_operator.kube.client import KubeClient
from rem_operator.kube.errors import NotFound
from rem_operator.kube.resources import (
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    REM_TENANTS,
    SCALED_OBJECTS,
    SERVICE_ACCOUNTS,
)
from rem_operator.queue import Key, Result
from rem_operator.settings import Settings

pytestmark = pytest.mark.cluster


@dataclass
class Operator:
    """A running operator whose tenants each have one ConfigMap."""

    settings: Settings
    stop: asyncio.Event
    deps: list[Deps] = field(default_factory=list)
    runs: list[Key] = field(default_factory=list)
    linger_seconds: float = 0.0

    async def reconcile(self, deps: Deps, key: Key) -> Result:
        self.deps = [deps]
        self.runs.append(key)
        tenant = deps.index.get(REM_TENANTS, key.namespace, key.name)
        if tenant is None:
            return Result()
        await asyncio.sleep(self.linger_seconds)
        metadata = {"name": f"{key.name}-config", "labels": {"rem.dev/tenant": key.name}}
        child = Child({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}})
        await apply_children(deps.client, deps.index, Owner(key.name, key.namespace, tenant.uid), [child])
        return Result()

    async def ask(self, path: str) -> tuple[int, str]:
        url = f"http://{self.settings.http.host}:{self.settings.http.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.text()


@asynccontextmanager
async def running(cluster: LocalCluster, **settings: Any) -> AsyncIterator[Operator]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    chosen = Settings(
        **{
            "kube": {"kubeconfig": cluster.kubeconfig},
            "http": {"host": "127.0.0.1", "port": port},
            "watch": {"discovery_seconds": 0.5},
            **settings,
        }
    )
    operator = Operator(chosen, asyncio.Event())
    task = asyncio.create_task(engine.run(chosen, {"RemTenant": operator.reconcile}, stop=operator.stop))
    try:
        await eventually(lambda: _is_ready(operator, task))
        yield operator
    finally:
        operator.stop.set()
        await task


async def _is_ready(operator: Operator, task: asyncio.Task[None]) -> bool:
    if task.done():
        task.result()
    try:
        return (await operator.ask("/readyz"))[0] == 200
    except aiohttp.ClientConnectionError:
        return False


async def eventually(condition: Callable[[], Awaitable[Any]], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the conditions are of the cluster and have no event here
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def pytests_own_signals() -> AsyncIterator[None]:
    """The operator and kopf take SIGINT and SIGTERM for themselves."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        asyncio.get_running_loop().remove_signal_handler(number)
        signal.signal(number, handler)


@pytest_asyncio.fixture(loop_scope="session")
async def client(access: Access) -> AsyncIterator[KubeClient]:
    async with KubeClient.connect(access) as client:
        yield client


async def make_tenant(client: KubeClient, namespace: str, name: str = "acme") -> dict[str, Any]:
    body = {
        "apiVersion": "rem.dev/v1alpha1",
        "kind": "RemTenant",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"database": {"storage": {"size": "1Gi"}}},
    }
    return await client.create(REM_TENANTS, namespace, body)


async def config_map(client: KubeClient, namespace: str, name: str = "acme-config") -> dict[str, Any] | None:
    try:
        return await client.get(CONFIG_MAPS, namespace, name)
    except NotFound:
        return None


async def test_from_tenant_to_child_and_back(cluster: LocalCluster, client: KubeClient, namespace: str) -> None:
    async with running(cluster) as operator:
        tenant = await make_tenant(client, namespace)
        await eventually(lambda: config_map(client, namespace))

        made = await config_map(client, namespace)
        assert made is not None
        await client.delete(CONFIG_MAPS, namespace, "acme-config", uid=made["metadata"]["uid"])
        await eventually(lambda: config_map(client, namespace))

        edit = [{"op": "replace", "path": "/data/a", "value": "edited"}]
        await client.patch(CONFIG_MAPS, namespace, "acme-config", edit)

        async def repaired() -> bool:
            now = await config_map(client, namespace)
            return now is not None and now["data"] == {"a": "1"}

        await eventually(repaired)
        assert (await operator.ask("/healthz"))[0] == 200
        status, metrics = await operator.ask("/metrics")
        assert status == 200
        assert 'rem_operator_reconciles_total{kind="RemTenant",result="success"}' in metrics
        assert "rem_operator_queue_depth 0.0" in metrics
        assert 'rem_operator_watch_age_seconds{resource="configmaps"}' in metrics

        # What kopf's own handlers would have left behind.
        now = await client.get(REM_TENANTS, namespace, "acme")
        assert "finalizers" not in now["metadata"]
        assert not now["metadata"].get("annotations")
        assert now["metadata"]["resourceVersion"] == tenant["metadata"]["resourceVersion"]

        await client.delete(REM_TENANTS, namespace, "acme", uid=tenant["metadata"]["uid"])
        await eventually(lambda: _now(operator.deps[0].index.get(REM_TENANTS, namespace, "acme") is None))


async def test_edits_made_while_the_operator_was_down_are_repaired(
    cluster: LocalCluster, client: KubeClient, namespace: str
) -> None:
    await make_tenant(client, namespace)
    async with running(cluster):
        await eventually(lambda: config_map(client, namespace))
    edit = [{"op": "replace", "path": "/data/a", "value": "edited"}]
    await client.patch(CONFIG_MAPS, namespace, "acme-config", edit)
    async with running(cluster):

        async def repaired() -> bool:
            now = await config_map(client, namespace)
            return now is not None and now["data"] == {"a": "1"}

        await eventually(repaired)


async def test_a_kind_that_goes_and_comes_back_is_noticed(
    cluster: LocalCluster, client: KubeClient, namespace: str
) -> None:
    definition = await client.get(CUSTOM_RESOURCE_DEFINITIONS, None, "scaledobjects.keda.sh")
    await make_tenant(client, namespace)
    async with running(cluster) as operator:
        await eventually(lambda: config_map(client, namespace))
        index = operator.deps[0].index
        assert index.served(SCALED_OBJECTS)
        uid = definition["metadata"]["uid"]
        await client.delete(CUSTOM_RESOURCE_DEFINITIONS, None, "scaledobjects.keda.sh", uid=uid)
        try:
            await eventually(lambda: _now(not index.served(SCALED_OBJECTS)))
            operator.runs.clear()
        finally:
            await _recreate(client, definition)
        await eventually(lambda: _now(index.synced(SCALED_OBJECTS)))
        await eventually(lambda: _now(Key("RemTenant", namespace, "acme") in operator.runs))
        assert (await operator.ask("/healthz"))[0] == 200


async def _now(value: bool) -> bool:
    return value


async def _recreate(client: KubeClient, definition: dict[str, Any]) -> None:
    metadata = {"name": definition["metadata"]["name"], "annotations": definition["metadata"].get("annotations", {})}
    body = {**definition, "metadata": metadata}
    body.pop("status", None)

    async def free() -> bool:
        try:
            await client.create(CUSTOM_RESOURCE_DEFINITIONS, None, body)
        except Exception as error:
            if getattr(error, "reason", "") != "AlreadyExists":
                raise
            return False
        return True

    await eventually(free)


async def test_an_operator_of_one_namespace_minds_no_other(
    cluster: LocalCluster, client: KubeClient, namespace: str
) -> None:
    await make_tenant(client, namespace)
    await make_tenant(client, "default", "elsewhere")
    try:
        async with running(cluster, watch={"namespaces": [namespace]}) as operator:
            await eventually(lambda: config_map(client, namespace))
            assert {key.namespace for key in operator.runs} == {namespace}
            assert operator.deps[0].index.of_kind(SERVICE_ACCOUNTS, "default") == []
    finally:
        elsewhere = await client.get(REM_TENANTS, "default", "elsewhere")
        await client.delete(REM_TENANTS, "default", "elsewhere", uid=elsewhere["metadata"]["uid"])


async def test_sigterm_lets_a_running_reconcile_finish(
    cluster: LocalCluster, client: KubeClient, namespace: str
) -> None:
    async with running(cluster) as operator:
        operator.linger_seconds = 1.0
        await make_tenant(client, namespace)
        await eventually(lambda: _now(namespace in {key.namespace for key in operator.runs}))
        assert await config_map(client, namespace) is None
        os.kill(os.getpid(), signal.SIGTERM)
    assert await config_map(client, namespace) is not None
