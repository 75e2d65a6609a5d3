"""Uploads: a form in, a document out; bounded, and saying why where it cannot be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from rem_runtime.api.auth.keys import KeyRing
from rem_runtime.memory.store import Memory
from rem_runtime.settings import ApiSettings

pytestmark = pytest.mark.postgres

AsUser = Callable[[str], httpx.AsyncClient]
HTML = b"<html><head><title>Airfield</title></head><body><h1>Airfield</h1><p>The mooring mast is new.</p></body></html>"


async def test_a_file_is_read_and_found(as_user: AsUser) -> None:
    ann = as_user("ann")
    fields = {"uri": "sites/airfield.html", "timestamp": "2026-05-04T09:00:00Z", "metadata": '{"source": "web"}'}
    made = await ann.post("/api/v1/files", data=fields, files={"file": ("x.html", HTML, "text/html")})
    assert made.status_code == 201, made.text
    result = made.json()
    assert (result["uri"], result["label"], result["owner"], result["created"]) == (
        "sites/airfield.html", "Airfield", "ann", True,
    )  # fmt: skip
    assert made.headers["location"] == f"/api/v1/files/{result['id']}"
    file = (await ann.get(made.headers["location"])).json()
    assert (file["state"], file["uri"], file["size_bytes"]) == ("stored", "sites/airfield.html", len(HTML))
    document = (await ann.get(f"/api/v1/resources/{result['resource_id']}")).json()
    assert "mooring mast" in document["content"]
    assert (document["timestamp"], document["metadata"]["source"]) == ("2026-05-04T09:00:00Z", "web")
    answer = (await ann.post("/api/v1/query", json={"query": "SEARCH mooring"})).json()
    assert [hit["label"] for hit in answer["results"]] == ["Airfield"]
    again = await ann.post("/api/v1/files", data=fields, files={"file": ("x.html", HTML, "text/html")})
    assert (again.status_code, again.json()["unchanged"], "location" in again.headers) == (200, True, False)


async def test_without_a_uri_the_name_is_one(as_user: AsUser) -> None:
    ann = as_user("ann")
    made = await ann.post("/api/v1/files", files={"file": ("größe 1.txt", "Länge".encode())})
    assert (made.status_code, made.json()["uri"]) == (201, "größe 1.txt")
    nameless = await ann.post("/api/v1/files", data={"metadata": "{}"}, files={"file": (None, b"text")})
    assert nameless.status_code == 422


async def test_whose_it_is(as_user: AsUser) -> None:
    file = {"file": ("a.txt", b"some text")}
    assert (await as_user("ann").post("/api/v1/files", data={"owner": ""}, files=file)).status_code == 403
    assert (await as_user("ann").post("/api/v1/files", data={"owner": "bea"}, files=file)).status_code == 403
    shared = await as_user("admin").post("/api/v1/files", data={"owner": ""}, files=file)
    assert (shared.status_code, shared.json()["owner"]) == (201, "")
    hers = await as_user("admin").post("/api/v1/files", data={"owner": "bea"}, files=file)
    assert (hers.status_code, hers.json()["owner"]) == (201, "bea")
    own = await as_user("admin").post("/api/v1/files", files=file)
    assert own.json()["owner"] == "root"
    assert [item["user_id"] for item in (await as_user("ann").get("/api/v1/files")).json()["items"]] == [None]


async def test_what_cannot_be_read_says_why_and_stays_as_failed(as_user: AsUser) -> None:
    ann = as_user("ann")
    response = await ann.post("/api/v1/files", files={"file": ("deck.pdf", b"%PDF-1.7 but not really")})
    problem = response.json()
    assert (response.status_code, problem["type"]) == (422, "urn:rem:problem:unreadable-file")
    file = (await ann.get(f"/api/v1/files/{problem['file_id']}")).json()
    assert (file["state"], file["reason"]) == ("failed", problem["detail"])


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": "[]"},
        {"metadata": "{"},
        {"metadata": '{"a":' * 200 + "1" + "}" * 200},
        {"timestamp": "yesterday"},
        {"uri": "u" * 1025},
        {"owner": "u" * 201},
    ],
    ids=lambda fields: next(iter(fields)),
)
async def test_odd_fields(as_user: AsUser, fields: dict[str, str]) -> None:
    response = await as_user("admin").post("/api/v1/files", data=fields, files={"file": ("a.txt", b"text")})
    assert response.status_code == 422, response.text


@pytest.fixture
def small_client(memory: Memory, make_app: Any, keys_file: Any, connect: Any) -> httpx.AsyncClient:
    api = ApiSettings(max_body_bytes=2048, max_file_bytes=100_000)
    app: FastAPI = make_app(memory, keys=KeyRing(keys_file), api=api)
    return connect(app, "ann")


async def test_a_file_may_be_larger_than_another_body(small_client: httpx.AsyncClient) -> None:
    async with small_client as client:
        text = b"All work and no play. " * 4000
        made = await client.post("/api/v1/files", files={"file": ("long.txt", text)})
        assert made.status_code == 201, made.text
        for path in ("/api/v1/files/", "/api/v1/resources"):
            refused = await client.post(path, files={"file": ("long.txt", text)})
            assert refused.status_code == 413, path
            assert "2048" in refused.json()["detail"]


async def test_what_is_too_large_is_not_read_to_its_end(small_client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        for _ in range(1000):
            sent += 65_536
            yield b"x" * 65_536

    async with small_client as client:
        headers = {"content-type": "multipart/form-data; boundary=x"}
        response = await client.post("/api/v1/files", content=endless(), headers=headers)
        assert (response.status_code, response.json()["type"]) == (413, "urn:rem:problem:too-large")
        assert sent < 1_000_000
        declared = await client.post("/api/v1/files", content=b"", headers=headers | {"content-length": "10000000000"})
        assert declared.status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing of the kind",
        b"--x\r\n\r\n",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\ncut',
        b'--x\r\nContent-Disposition: form-data; name="uri"\r\n\r\n' + b"u" * 600_000 + b"\r\n--x--\r\n",
        b"".join(b'--x\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n1\r\n' % n for n in range(50))
        + b"--x--\r\n",
        b"".join(
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="%d"\r\n\r\n1\r\n' % n for n in range(5)
        )
        + b"--x--\r\n",
    ],
    ids=["empty", "no form", "no part", "cut", "long field", "many fields", "many files"],
)
# Starlette leaves the spooled file of a part without an end to the collector, which closes it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_broken_forms(as_user: AsUser, body: bytes) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = await as_user("ann").post("/api/v1/files", content=body, headers=headers)
    assert response.status_code in {400, 422}, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert (await as_user("ann").get("/api/v1/files")).json()["items"] == []


async def test_few_at_once_lie_in_memory(served: FastAPI, as_user: AsUser, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most = 0, 0
    memory: Memory = served.state.memory
    ingest = memory.ingest_file

    async def counting(*arguments: Any) -> Any:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            await asyncio.sleep(0.01)
            return await ingest(*arguments)
        finally:
            at_once -= 1

    monkeypatch.setattr(memory, "ingest_file", counting)
    uploads = [as_user("ann").post("/api/v1/files", files={"file": (f"{n}.txt", b"text %d" % n)}) for n in range(8)]
    assert {response.status_code for response in await asyncio.gather(*uploads)} == {201}
    assert 1 <= most <= 2
