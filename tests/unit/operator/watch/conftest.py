"""A small API server that lists and watches config maps, and can be made to misbehave."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest_asyncio
from aiohttp import web

PATH = "/api/v1/configmaps"
DISCOVERY = {
    "/api": {"versions": ["v1"]},
    "/apis": {"groups": []},
    "/api/v1": {
        "resources": [
            {"name": name, "kind": kind, "singularName": "", "namespaced": namespaced, "verbs": ["list", "watch"]}
            for name, kind, namespaced in [("configmaps", "ConfigMap", True), ("namespaces", "Namespace", False)]
        ]
    },
}


@dataclass
class WatchedApi:
    server: str = ""
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    version: int = 100
    lists: int = 0
    watches: int = 0
    refuse: int = 0
    """How many requests to answer with `refuse_with`."""
    refuse_with: int = 500
    expired_pages: int = 0
    """How many requests for a further page to answer with 410."""
    mute: bool = False
    """Accept watches and never send anything, not even headers."""
    tokens: list[str | None] = field(default_factory=list)
    streams: list[asyncio.Queue[Any]] = field(default_factory=list)
    selectors: list[str | None] = field(default_factory=list)

    def put(self, name: str, tenant: str = "acme") -> None:
        self.version += 1
        labels = {"rem.dev/tenant": tenant}
        metadata = {
            "name": name,
            "namespace": "ns",
            "uid": name,
            "resourceVersion": str(self.version),
            "labels": labels,
        }
        known = name in self.objects
        self.objects[name] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        self._send("MODIFIED" if known else "ADDED", self.objects[name])

    def delete(self, name: str, *, tell: bool = True) -> None:
        self.version += 1
        gone = self.objects.pop(name)
        gone = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self.version)}}
        if tell:
            self._send("DELETED", gone)

    def expire(self) -> None:
        """End every stream the way etcd's compaction does: the version is too old, list again."""
        self._send("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"})

    def break_off(self) -> None:
        """An error that kopf does not survive."""
        self._send("ERROR", {"kind": "Status", "code": 500, "reason": "InternalError"})

    def _send(self, kind: str, obj: dict[str, Any]) -> None:
        for stream in self.streams:
            stream.put_nowait({"type": kind, "object": obj})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path in DISCOVERY:
            return web.json_response(DISCOVERY[request.path])
        assert request.path == PATH, request.path
        self.tokens.append(request.headers.get("Authorization"))
        self.selectors.append(request.query.get("labelSelector"))
        if self.refuse:
            self.refuse -= 1
            return web.json_response({"kind": "Status", "message": "no"}, status=self.refuse_with)
        if "watch" in request.query:
            return await self._watch(request)
        return self._list(request)

    def _list(self, request: web.Request) -> web.Response:
        start = int(request.query.get("continue", "0"))
        if start and self.expired_pages:
            self.expired_pages -= 1
            return web.json_response({"kind": "Status", "code": 410, "reason": "Expired"}, status=410)
        self.lists += not start
        end = start + int(request.query["limit"])
        page, rest = [*self.objects.values()][start:end], len(self.objects) > end
        metadata = {"resourceVersion": str(self.version), "continue": str(end) if rest else ""}
        return web.json_response({"items": page, "metadata": metadata})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        self.watches += 1
        if self.mute:
            await asyncio.sleep(3600)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        stream: asyncio.Queue[Any] = asyncio.Queue()
        self.streams.append(stream)
        try:
            while True:
                event = await stream.get()
                await response.write(json.dumps(event).encode() + b"\n")
        finally:
            self.streams.remove(stream)


@pytest_asyncio.fixture
async def api() -> AsyncIterator[WatchedApi]:
    fake = WatchedApi()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", fake.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.server = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()
