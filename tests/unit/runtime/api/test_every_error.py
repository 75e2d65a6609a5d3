"""Every route, every way to be wrong: always a problem of RFC 9457, with the status that the description promises."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from rem_runtime.api import entities, files, messages, moments, query, resources, sessions, users
from rem_runtime.api.auth.keys import KeyRing
from rem_runtime.memory.embedding import Embedder
from rem_runtime.memory.pool import open_pool
from rem_runtime.memory.store import Memory
from rem_runtime.settings import ApiSettings

NOBODYS = "00000000-0000-7000-8000-000000000000"
MERGE = "application/merge-patch+json"
LIMIT = 65_536


def routes() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """From the description, so that a new route is asked too."""
    app = FastAPI()
    for part in (entities, files, messages, moments, query, resources, sessions, users):
        app.include_router(part.router)
    for path, methods in app.openapi()["paths"].items():
        for method, described in methods.items():
            yield method.upper(), path, described


ROUTES = list(routes())
IDS = [f"{method} {path.removeprefix('/api/v1/')}" for method, path, _ in ROUTES]
every_route = pytest.mark.parametrize(("method", "path", "described"), ROUTES, ids=IDS)


@pytest.fixture
def small_app(memory: Memory, make_app: Callable[..., FastAPI], keys_file: Any) -> FastAPI:
    """The real application, which takes small bodies only."""
    api = ApiSettings(max_body_bytes=LIMIT, max_file_bytes=LIMIT)
    return make_app(memory, keys=KeyRing(keys_file), api=api)


def media_of(described: dict[str, Any]) -> str | None:
    return next(iter(described.get("requestBody", {}).get("content", {})), None)


def good_body(described: dict[str, Any]) -> Any:
    content = next(iter(described["requestBody"]["content"].values()))
    return next(iter(content["examples"].values()))["value"]


def filled(path: str, value: str = NOBODYS) -> str:
    return re.sub(r"\{\w+\}", value, path)


def wrong_requests(method: str, path: str, described: dict[str, Any]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Requests with the right key that are wrong in one way each: the status, the problem's kind, what is sent."""
    media = media_of(described)
    url = filled(path)
    names = {parameter["name"] for parameter in described.get("parameters", [])}
    if "{" in path and not path.endswith("{user}"):
        yield 422, "invalid-request", {"url": filled(path, "not-a-uuid")}
    if path.endswith("{user}") and method == "DELETE":
        yield 422, "invalid-input", {"url": filled(path, "ann")}
    if "limit" in names:
        yield 422, "invalid-request", {"url": url, "params": {"limit": "0"}}
        yield 422, "invalid-request", {"url": url, "params": {"nothing": "x"}}
        known = "{session_id}" not in path  # an unknown session comes first
        yield (422, "invalid-input", {"url": url, "params": {"cursor": "odd"}}) if known else (
            404, "not-found", {"url": url, "params": {"cursor": "odd"}}
        )  # fmt: skip
    if "purge" in names:
        yield 422, "invalid-request", {"url": url, "params": {"purge": "perhaps"}}
    for name in names & {"If-Match", "If-None-Match"}:
        content = {"json": {}, "headers": {"content-type": MERGE, name: "3"}} if media else {"headers": {name: "3"}}
        yield 400, "invalid-header", {"url": url, **content}
    if media == "multipart/form-data":
        yield 415, "unsupported-media-type", {"url": url, "json": {}}
        yield 422, "invalid-request", {"url": url, "files": {"other": b"x"}}
        headers = {"content-type": "multipart/form-data"}
        yield 400, "invalid-body", {"url": url, "content": b"x", "headers": headers}
        yield 413, "too-large", {"url": url, "files": {"file": b"x" * (LIMIT + 300_000)}}
        yield 422, "unreadable-file", {"url": url, "files": {"file": ("x.pdf", b"%PDF-1.7 broken")}}
    elif media:
        kind = {"content-type": media}
        yield 400, "invalid-json", {"url": url, "content": b"{", "headers": kind}
        yield 422, "invalid-request", {"url": url, "content": b"[]", "headers": kind}
        yield 422, "invalid-request", {"url": url, "content": b"", "headers": kind}
        yield 422, "invalid-request", {"url": url, "content": b'{"nothing": 1}', "headers": kind}
        yield 413, "too-large", {"url": url, "content": b" " * (LIMIT + 1), "headers": kind}
        for other in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            yield 415, "unsupported-media-type", {"url": url, "content": b"{}", "headers": {"content-type": other}}
    if "{" in path and not (path.endswith("{user}") and method == "DELETE"):
        body = {"json": good_body(described), "headers": {"content-type": media}} if media else {}
        yield 404, "not-found", {"url": url, **body}


def check(answer: httpx.Response, status: int, kind: str, about: str) -> None:
    assert answer.status_code == status, f"{about}: {answer.status_code} {answer.text[:300]}"
    assert answer.headers["content-type"] == "application/problem+json", about
    problem = answer.json()
    assert (problem["type"], problem["status"]) == (f"urn:rem:problem:{kind}", status), f"{about}: {problem}"
    assert problem["title"], about
    assert problem["detail"], about


@pytest.mark.postgres
async def test_wrong_requests(small_app: FastAPI, connect: Callable[..., httpx.AsyncClient]) -> None:
    """All routes in one test: they change nothing, so one database serves them all."""
    provoked: set[int] = set()
    async with connect(small_app, "ann") as client:
        for method, path, described in ROUTES:
            for status, kind, request in wrong_requests(method, path, described):
                answer = await client.request(method, **request)
                check(answer, status, kind, f"{method} {request}"[:300])
                assert str(status) in described["responses"], (
                    f"{method} {path} does not say that it may answer {status}"
                )
                provoked.add(status)
                if status == 415:
                    header = "accept-patch" if method == "PATCH" else "accept-post"
                    assert answer.headers[header] == media_of(described)
    # 409 and 412 need something stored, and are in test_records.py.
    assert provoked == {400, 404, 413, 415, 422}


@every_route
async def test_who_may_not(
    app: FastAPI, connect: Callable[..., httpx.AsyncClient], method: str, path: str, described: dict[str, Any]
) -> None:
    url = filled(path)
    async with connect(app) as client:
        answer = await client.request(method, url)
        check(answer, 401, "unauthorized", f"{method} {path}")
        assert answer.headers["www-authenticate"]
    reads = method == "GET" or path.endswith("/query")
    async with connect(app, "writer" if reads else "reader") as client:
        media = media_of(described)
        body: dict[str, Any] = {}
        if media == "multipart/form-data":
            body = {"files": {"file": b"x"}}
        elif media:
            body = {"json": good_body(described), "headers": {"content-type": media}}
        check(await client.request(method, url, **body), 403, "missing-scope", f"{method} {path}")
    async with connect(app, "ann", x_tenant_id="other") as client:
        check(await client.request(method, url), 403, "wrong-tenant", f"{method} {path}")


@every_route
async def test_a_method_that_is_none(
    app: FastAPI, connect: Callable[..., httpx.AsyncClient], method: str, path: str, described: dict[str, Any]
) -> None:
    async with connect(app, "ann") as client:
        for other in ("PUT", "BREW", "HEAD"):
            answer = await client.request(other, filled(path))
            if other == "HEAD":
                assert answer.status_code == 405
            else:
                check(answer, 405, "method-not-allowed", f"{other} {path}")
            assert method in answer.headers["allow"].split(", ")
        check(await client.request(method, filled(path) + "/"), *no_path(method, path), f"{method} {path}/")


def no_path(method: str, path: str) -> tuple[int, str]:
    """A user's id may hold a slash, so a path below a user is a user's, for DELETE alone."""
    if not path.endswith("{user}") and not path.endswith("/users"):
        return 404, "no-such-path"
    return (422, "invalid-input") if method == "DELETE" else (405, "method-not-allowed")


@every_route
async def test_a_database_that_is_away(
    make_app: Callable[..., FastAPI],
    connect: Callable[..., httpx.AsyncClient],
    embedder: Embedder,
    free_port: int,
    method: str,
    path: str,
    described: dict[str, Any],
) -> None:
    media = media_of(described)
    body: dict[str, Any] = {}
    if media == "multipart/form-data":
        body = {"files": {"file": b"some text"}}
    elif media:
        body = {"json": good_body(described), "headers": {"content-type": media}}
    pool = await open_pool(min_size=0, max_size=2, host="127.0.0.1", port=free_port, user="rem_app", database="rem")
    try:
        app = make_app(Memory(pool, embedder), keys=None)
        async with connect(app, x_user_id="ann") as client:
            answer = await client.request(method, filled(path), **body)
    finally:
        pool.terminate()
    check(answer, 503, "database-unavailable", f"{method} {path}")
    assert answer.headers["retry-after"]
    assert str(free_port) not in answer.text
