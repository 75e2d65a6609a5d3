"""Without keys the API serves whoever is near: no page of another site, and no name that leads here by a trick."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI

from rem_runtime.settings import ApiSettings

LOCAL = "http://127.0.0.1:8000"
QUERY = {"query": "LOOKUP a"}


def _client(app: FastAPI, url: str = LOCAL, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=url, headers=headers)


async def _status(app: FastAPI, headers: dict[str, str], url: str = LOCAL) -> int:
    async with _client(app, url) as client:
        answer = await client.post("/api/v1/query", json=QUERY, headers=headers)
    if answer.status_code == 403:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:rem:problem:foreign-request"
    return answer.status_code


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": LOCAL}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:3000"}, 403),
        ({"Origin": "http://127.0.0.1:8000.evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:8000", "Origin": "http://evil.example:8000", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost.evil.example"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Host": "192.168.1.7:8000"}, 403),
        # As `kubectl port-forward` hands it on: another port than the one that it listens on.
        ({"Host": "localhost:9000", "Origin": "http://localhost:9000", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "127.0.0.2:1"}, 200),
        ({"Host": "[::1]:9000"}, 200),
    ],
)
async def test_over_loopback(open_app: FastAPI, headers: dict[str, str], status: int) -> None:
    assert await _status(open_app, headers) == status


async def test_a_form_of_another_site_writes_nothing(open_app: FastAPI) -> None:
    """A browser asks no leave for a form."""
    async with _client(open_app) as client:
        headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        file = {"file": ("a.txt", b"Do as I say.")}
        answer = await client.post("/api/v1/files", data={"owner": ""}, files=file, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("url", "host", "name", "status"),
    [
        ("http://192.168.1.7:8000", "192.168.1.7", "192.168.1.7:8000", 200),
        ("http://192.168.1.7:8000", "192.168.1.7", "evil.example:8000", 403),
        ("http://192.168.1.7:8000", "box.local", "box.local:8000", 200),
        ("http://192.168.1.7:8000", "box.local", "evil.example:8000", 403),
        # A pod listens on its own address, and is called by its Service's names, which it does not know.
        ("http://10.0.0.5:8000", "10.0.0.5", "acme-api:8000", 200),
        ("http://10.0.0.5:8000", "10.0.0.5", "acme-api.team-a.svc:8000", 200),
        ("http://10.0.0.5:8000", "10.0.0.5", "acme-api.team-a.svc.cluster.local:8000", 200),
        ("http://10.0.0.5:8000", "10.0.0.5", "acme-api.team-a.svc.evil.example:8000", 403),
        ("http://10.0.0.5:8000", "10.0.0.5", "acme-api.dev:8000", 403),
        ("http://10.0.0.5:8000", "10.0.0.5", "localhost:9000", 200),
        ("http://127.0.0.1:8000", "0.0.0.0", "evil.example:8000", 403),
        ("http://10.0.0.5:8000", "0.0.0.0", "10.0.0.5:8000", 200),
        ("http://127.0.0.1:8000", "0.0.0.0", "localhost:9000", 200),
    ],
)
async def test_the_address_that_it_listens_on(
    make_app: Callable[..., FastAPI], scripted: object, url: str, host: str, name: str, status: int
) -> None:
    app = make_app(scripted, keys=None, api=ApiSettings(host=host))
    assert await _status(app, {"Host": name}, url) == status


@pytest.mark.parametrize("allowed", ["http://127.0.0.1:3000", "*"])
async def test_an_origin_that_is_allowed(make_app: Callable[..., FastAPI], scripted: object, allowed: str) -> None:
    app = make_app(scripted, keys=None, api=ApiSettings(cors_origins=(allowed,)))
    assert await _status(app, {"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "cross-site"}) == 200
    assert await _status(app, {"Host": "evil.example"}) == 403


async def test_with_keys_the_key_decides(app: FastAPI, connect: Callable[..., httpx.AsyncClient]) -> None:
    async with connect(app, "ann") as client:
        headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Host": "api.acme.example"}
        assert (await client.post("/api/v1/query", json=QUERY, headers=headers)).status_code == 200


async def test_a_link_to_the_page_that_shows_the_api_works(open_app: FastAPI) -> None:
    async with _client(open_app) as client:
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        assert (await client.get("/api/v1/docs", headers=headers)).status_code == 200
