"""Uploads: a form in, a document out; bounded, and saying why where it cannot be read."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from rem_runtime.api.auth.keys import KeyRing
from rem_runtime.memory.ingest import FileInput
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
    read = memory.read_file

    async def counting(*arguments: Any) -> Any:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            await asyncio.sleep(0.01)
            return await read(*arguments)
        finally:
            at_once -= 1

    monkeypatch.setattr(memory, "read_file", counting)
    uploads = [as_user("ann").post("/api/v1/files", files={"file": (f"{n}.txt", b"text %d" % n)}) for n in range(8)]
    assert {response.status_code for response in await asyncio.gather(*uploads)} == {201}
    assert 1 <= most <= 2


class Held:
    """Holds back whoever comes with a word, until it is opened; counts who is there."""

    def __init__(self, word: str) -> None:
        self._word = word
        self.there = 0
        self.open = asyncio.Event()
        self._came = asyncio.Condition()

    async def pass_by(self, texts: list[str]) -> None:
        if any(self._word in text for text in texts):
            async with self._came:
                self.there += 1
                self._came.notify_all()
            await self.open.wait()

    async def until(self, there: int) -> None:
        async with asyncio.timeout(20), self._came:
            await self._came.wait_for(lambda: self.there >= there)


@pytest.fixture
def embedding(served: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Held:
    held = Held("LONG")
    embedder = served.state.memory._embedder
    embed = embedder.embed

    async def slow(texts: list[str]) -> Any:
        await held.pass_by(texts)
        return await embed(texts)

    monkeypatch.setattr(embedder, "embed", slow)
    return held


def upload(client: httpx.AsyncClient, uri: str, text: str) -> asyncio.Task[httpx.Response]:
    return asyncio.create_task(client.post("/api/v1/files", files={"file": (uri, text.encode())}))


async def test_who_embeds_for_minutes_holds_up_nobody_else(as_user: AsUser, embedding: Held) -> None:
    long = [upload(as_user("ann"), f"{number}.txt", f"LONG text {number}") for number in range(4)]
    await embedding.until(2)
    async with asyncio.timeout(20):
        assert (await upload(as_user("bob"), "b.txt", "short")).status_code == 201
    # Of one user no more are under way: what they hold in memory is bounded.
    assert embedding.there == 2
    embedding.open.set()
    assert [response.status_code for response in await asyncio.gather(*long)] == [201] * 4


async def test_who_reads_for_long_holds_up_nobody_else(
    served: FastAPI, as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held("LONG")
    readers = served.state.memory._readers
    read = readers.read_file

    async def slow(data: bytes, **fields: Any) -> Any:
        await held.pass_by([data.decode()])
        return await read(data, **fields)

    monkeypatch.setattr(readers, "read_file", slow)
    long = [upload(as_user("ann"), f"{number}.txt", f"LONG text {number}") for number in range(4)]
    await held.until(1)
    async with asyncio.timeout(20):
        assert (await upload(as_user("bob"), "b.txt", "short")).status_code == 201
    assert held.there == 1
    held.open.set()
    assert [response.status_code for response in await asyncio.gather(*long)] == [201] * 4


async def test_few_texts_lie_in_memory(as_user: AsUser, embedding: Held) -> None:
    long = [upload(as_user(f"user{number}"), "a.txt", f"LONG text {number}") for number in range(9)]
    await embedding.until(6)
    await asyncio.sleep(0.5)
    assert embedding.there == 6
    embedding.open.set()
    assert [response.status_code for response in await asyncio.gather(*long)] == [201] * 9


async def test_the_bytes_are_gone_when_they_were_read(as_user: AsUser, embedding: Held) -> None:
    data = b"LONG text " + b"\xf0\x9f\x8e\x88" * 3 + b" of bytes"
    sent = asyncio.create_task(as_user("ann").post("/api/v1/files", files={"file": ("a.txt", data)}))
    await embedding.until(1)
    gc.collect()
    held = [one for one in gc.get_objects() if isinstance(one, FileInput) and one.data == data]
    embedding.open.set()
    assert (await sent).status_code == 201
    assert held == []


async def test_a_file_that_is_deleted_on_its_way_is_404(as_user: AsUser, embedding: Held) -> None:
    ann = as_user("ann")
    sent = upload(ann, "a.txt", "LONG secret")
    await embedding.until(1)
    [file] = (await ann.get("/api/v1/files")).json()["items"]
    assert (await ann.delete(f"/api/v1/files/{file['id']}")).status_code == 200
    embedding.open.set()
    response = await sent
    assert (response.status_code, response.json()["type"]) == (404, "urn:rem:problem:not-found")
    assert (await ann.get("/api/v1/resources")).json()["items"] == []


async def test_a_file_that_is_replaced_on_its_way_is_409(as_user: AsUser, embedding: Held) -> None:
    ann = as_user("ann")
    sent = upload(ann, "a.txt", "LONG and old")
    await embedding.until(1)
    newer = await upload(ann, "a.txt", "new")
    assert newer.status_code == 201
    embedding.open.set()
    response = await sent
    assert (response.status_code, response.json()["type"]) == (409, "urn:rem:problem:conflict")
    assert (await ann.get(f"/api/v1/resources/{newer.json()['resource_id']}")).json()["content"] == "new"
    [file] = (await ann.get("/api/v1/files")).json()["items"]
    assert (file["state"], file["size_bytes"]) == ("stored", 3)


async def test_too_many_that_wait_for_the_reader_are_503(as_user: AsUser, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: Any) -> Any:
        opened.wait(20)
        return {"reason": "it was only asked"}

    opened = threading.Event()
    monkeypatch.setattr("rem_runtime.memory.ingest.readers.process.ReaderPool._ask_child", slow)
    body = {"media_type": "application/json", "content": "{}"}
    ann = [
        asyncio.create_task(as_user("ann").post("/api/v1/resources", json={"uri": f"{number}", **body}))
        for number in range(20)
    ]
    done, _ = await asyncio.wait(ann, timeout=20, return_when=asyncio.FIRST_COMPLETED)
    refused = next(iter(done)).result()
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:rem:problem:busy")
    assert int(refused.headers["retry-after"]) > 0
    # Neither another's document of that kind is refused, nor does anybody's text wait.
    bob = asyncio.create_task(as_user("bob").post("/api/v1/resources", json={"uri": "b", **body}))
    async with asyncio.timeout(20):
        text = await as_user("bob").post("/api/v1/resources", json={"uri": "t", "content": "hello"})
    assert text.status_code == 201
    opened.set()
    assert (await bob).status_code == 422
    assert sorted(response.status_code for response in await asyncio.gather(*ann)) == [422] * 17 + [503] * 3
