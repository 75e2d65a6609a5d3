"""A fake API server on a real socket: answers what a scenario says, and remembers what it was asked."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest_asyncio
from aiohttp import web

from rem_operator.kube.access import Access, Token
from rem_operator.kube.client import KubeClient, Limits

Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]] | type[ConnectionResetError]


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass
class FakeApi:
    """`answers` are given in turn, the last one for ever; without any, every call is a failure of the test."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    server: str = ""

    def expect_no_call(self) -> None:
        assert self.asked == []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text else None
        self.asked.append(Asked(request.method, request.path, dict(request.query), body, dict(request.headers)))
        if not self.answers:
            return web.json_response({"message": "no call was expected"}, status=418)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, type):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status, payload, *rest = answer
        headers = rest[0] if rest else {}
        if isinstance(payload, str):
            return web.Response(text=payload, status=status, headers=headers)
        return web.json_response(payload, status=status, headers=headers)


@pytest_asyncio.fixture
async def api() -> AsyncIterator[FakeApi]:
    fake = FakeApi()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", fake.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.server = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


@pytest_asyncio.fixture
async def connect(api: FakeApi) -> AsyncIterator[Callable[..., KubeClient]]:
    """Makes clients of the fake API server; they are closed after the test."""
    clients: list[KubeClient] = []

    def make(token: Token | None = None, **limits: Any) -> KubeClient:
        access = Access(api.server, True, token or Token(value="t"))
        client = KubeClient.connect(access, limits=Limits(**{"backoff_seconds": 0.001, **limits}))
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()
