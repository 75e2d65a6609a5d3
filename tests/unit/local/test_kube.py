"""The thin client, against the real API server; and its watch against one that misbehaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from rem_local.certificates import make_certificates
from rem_local.cluster import LocalCluster
from rem_local.kube import CONFIGMAPS, NAMESPACES, PODS, SERVICE_ACCOUNTS, Kube, KubeError, Object, Resource

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _configmap(name: str, **data: str) -> Object:
    return {"metadata": {"name": name, "labels": {"test": "yes"}}, "data": data}


async def _take(events: AsyncIterator[tuple[str, Object]], count: int) -> list[tuple[str, str]]:
    async with asyncio.timeout(20):
        return [(kind, item["metadata"]["name"]) for kind, item in [await anext(events) for _ in range(count)]]


def test_paths() -> None:
    crontab = Resource("stable.example.com", "v1", "crontabs", "CronTab")
    assert crontab.path("a", "b", "status") == "/apis/stable.example.com/v1/namespaces/a/crontabs/b/status"
    assert crontab.path() == "/apis/stable.example.com/v1/crontabs"
    assert PODS.path("a") == "/api/v1/namespaces/a/pods"
    assert NAMESPACES.path(None, "a") == "/api/v1/namespaces/a"


async def test_a_client_that_is_not_open_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await Kube("https://127.0.0.1:1", "token", tmp_path).list(PODS)


@pytest.mark.cluster
async def test_life_of_an_object(cluster: LocalCluster, namespace: str) -> None:
    kube = cluster.kube
    assert await kube.get(CONFIGMAPS, namespace, "a") is None
    assert await kube.merge(CONFIGMAPS, namespace, "a", {"data": {}}) is None
    created = await kube.create(CONFIGMAPS, namespace, _configmap("a", x="1"))
    with pytest.raises(KubeError) as caught:
        await kube.create(CONFIGMAPS, namespace, _configmap("a"))
    assert (caught.value.status, caught.value.reason) == (409, "AlreadyExists")
    merged = await kube.merge(CONFIGMAPS, namespace, "a", {"data": {"y": "2"}})
    assert merged is not None
    assert merged["data"] == {"x": "1", "y": "2"}
    applied = await kube.apply(CONFIGMAPS, namespace, "a", {"data": {"x": "3"}}, manager="me")
    assert applied["data"]["x"] == "3"
    assert "me" in {entry["manager"] for entry in applied["metadata"]["managedFields"]}
    await kube.delete(CONFIGMAPS, namespace, "a", uid="another")
    assert await kube.get(CONFIGMAPS, namespace, "a") is not None
    await kube.delete(CONFIGMAPS, namespace, "a", uid=created["metadata"]["uid"])
    assert await kube.get(CONFIGMAPS, namespace, "a") is None
    await kube.delete(CONFIGMAPS, namespace, "a")


@pytest.mark.cluster
async def test_lists_are_selected_and_complete(cluster: LocalCluster, namespace: str) -> None:
    kube = cluster.kube
    bodies = [_configmap(f"a{number}", x="1") for number in range(20)]
    await asyncio.gather(*(kube.create(CONFIGMAPS, namespace, body) for body in bodies))
    found = await kube.list(CONFIGMAPS, namespace, label_selector="test=yes")
    assert {item["metadata"]["name"] for item in found} == {f"a{number}" for number in range(20)}
    assert {(item["apiVersion"], item["kind"]) for item in found} == {("v1", "ConfigMap")}
    assert len(await kube.list(CONFIGMAPS, namespace, field_selector="metadata.name=a1")) == 1
    assert len(await kube.list(CONFIGMAPS)) > 20


@pytest.mark.cluster
async def test_a_token_is_somebody(cluster: LocalCluster, namespace: str) -> None:
    token = await cluster.kube.request_token(namespace, "default")
    async with Kube(cluster.server, token, cluster.ca_file) as kube:
        with pytest.raises(KubeError, match=f"system:serviceaccount:{namespace}:default") as caught:
            await kube.list(SERVICE_ACCOUNTS, namespace)
    assert caught.value.status == 403


@pytest.mark.cluster
async def test_watch_tells_what_is_there_and_what_happens(cluster: LocalCluster, namespace: str) -> None:
    kube = cluster.kube
    await kube.create(CONFIGMAPS, namespace, _configmap("a", x="1"))
    events = kube.watch(CONFIGMAPS, namespace, label_selector="test=yes")
    assert await _take(events, 1) == [("ADDED", "a")]
    await kube.create(CONFIGMAPS, namespace, _configmap("big", x="1" * 400_000))
    await kube.merge(CONFIGMAPS, namespace, "a", {"data": {"x": "2"}})
    await kube.delete(CONFIGMAPS, namespace, "a")
    assert await _take(events, 3) == [("ADDED", "big"), ("MODIFIED", "a"), ("DELETED", "a")]


@pytest.mark.cluster
async def test_watch_waits_for_a_kind_that_is_not_there_yet(cluster: LocalCluster) -> None:
    crontabs = Resource("stable.example.com", "v1", "crontabs", "CronTab")
    events = cluster.kube.watch(crontabs)
    first = asyncio.ensure_future(_take(events, 1))
    schema = {"openAPIV3Schema": {"type": "object"}}
    names = {"plural": "crontabs", "singular": "crontab", "kind": "CronTab"}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": crontabs.group, "scope": "Namespaced", "names": names, "versions": [version]}
    crds = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False)
    await cluster.kube.create(crds, None, {"metadata": {"name": "crontabs.stable.example.com"}, "spec": spec})
    async with asyncio.timeout(20):
        while not first.done():
            body = {"metadata": {"name": "nightly"}}
            try:
                await cluster.kube.apply(crontabs, "default", "nightly", body, manager="test")
            except KubeError as error:
                assert error.status == 404  # noqa: PT017 - only until the kind is served
            await asyncio.wait([first], timeout=0.2)
    assert first.result() == [("ADDED", "nightly")]
    await cluster.kube.delete(crds, None, "crontabs.stable.example.com")


@asynccontextmanager
async def _server(handler: Handler, directory: Path) -> AsyncIterator[Kube]:
    """A plain HTTP server in the API server's place."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address, port = runner.addresses[0][:2]
    try:
        async with Kube(f"http://{address}:{port}", "token", make_certificates(directory, address).ca_file) as kube:
            yield kube
    finally:
        await runner.cleanup()


def _item(name: str, version: int, uid: str | None = None) -> Object:
    return {"metadata": {"name": name, "namespace": "x", "uid": uid or name, "resourceVersion": str(version)}}


class _Script:
    """Answers lists and watches from prepared lists; a watch that has no script left stays silent."""

    def __init__(self, lists: list[Any], watches: list[Any]) -> None:
        self.lists, self.watches = lists, watches
        self.watched_from: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            status, items = self.lists.pop(0)
            if status != 200:
                return web.json_response({"reason": "Test", "message": "no"}, status=status)
            return web.json_response({"metadata": {"resourceVersion": "10"}, "items": items})
        self.watched_from.append(request.query["resourceVersion"])
        status, events = self.watches.pop(0) if self.watches else (200, None)
        if status != 200:
            return web.json_response({"reason": "Test", "message": "no"}, status=status)
        response = web.StreamResponse()
        await response.prepare(request)
        for event in events or ():
            await response.write(json.dumps(event).encode() + b"\n")
        if events is None:
            await asyncio.Event().wait()
        return response


async def test_watch_repairs_an_expired_version_with_the_difference(tmp_path: Path) -> None:
    gone = {"type": "ERROR", "object": {"code": 410, "reason": "Expired"}}
    before = [_item("kept", 1), _item("changed", 2), _item("gone", 3), _item("again", 4, "old")]
    after = [_item("kept", 1), _item("changed", 5), _item("again", 6, "new"), _item("new", 7)]
    script = _Script([(200, before), (200, after)], [(200, [gone])])
    async with _server(script.answer, tmp_path) as kube:
        events = kube.watch(CONFIGMAPS)
        assert len(await _take(events, 4)) == 4
        assert await _take(events, 5) == [
            ("DELETED", "gone"),
            ("MODIFIED", "changed"),
            ("DELETED", "again"),
            ("ADDED", "again"),
            ("ADDED", "new"),
        ]


async def test_watch_reconnects_where_it_was(tmp_path: Path) -> None:
    bookmark = {"type": "BOOKMARK", "object": _item("", 42)}
    added = {"type": "ADDED", "object": _item("a", 43)}
    script = _Script([(500, []), (200, [])], [(200, [bookmark]), (503, []), (200, [added]), (200, None)])
    async with _server(script.answer, tmp_path) as kube:
        assert await _take(kube.watch(CONFIGMAPS), 1) == [("ADDED", "a")]
    assert script.watched_from == ["10", "42", "42"]


async def test_watch_does_not_hide_what_it_may_not_see(tmp_path: Path) -> None:
    async with _server(_Script([(403, [])], []).answer, tmp_path) as kube:
        with pytest.raises(KubeError, match="403"):
            await _take(kube.watch(CONFIGMAPS), 1)
