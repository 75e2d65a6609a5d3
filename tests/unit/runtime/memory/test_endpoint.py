"""An embedder behind HTTP: a server on loopback answers as scripted, well and badly."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import asyncpg
import numpy as np
import pytest
import pytest_asyncio

from rem_runtime.memory.embedding import MiniLM
from rem_runtime.memory.embedding.endpoint import Endpoint, EndpointEmbedder
from rem_runtime.memory.errors import EmbedderError, EmbedderUnavailable
from rem_runtime.memory.ingest import Document
from rem_runtime.memory.retrieval import search
from rem_runtime.memory.store import Memory

from .conftest import ADMIN
from .endpoint_server import Answer, Server, rows, serving, vector_of

KEY = "key of the endpoint"
TEXT = "what nobody may log"


def data(content: object) -> Answer:
    return 200, {}, json.dumps({"data": content})


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def embed(server: Server) -> AsyncIterator[EndpointEmbedder]:
    embedder = EndpointEmbedder(endpoint(server))
    yield embedder
    await embedder.close()


def endpoint(server: Server, **changes: Any) -> Endpoint:
    known: dict[str, Any] = {"model": "m", "dimensions": 4, "api_key": KEY, "batch": 3, "first_pause_seconds": 0.02}
    return Endpoint(server.url, **{**known, **changes})


async def test_texts_go_in_batches_and_come_back_in_order_as_unit_vectors(
    server: Server, embed: EndpointEmbedder
) -> None:
    texts = ["x" * number for number in range(1, 8)]
    vectors = await embed.embed(texts)
    assert [len(request["input"]) for request in server.requests] == [3, 3, 1]
    assert server.paths[0] == "POST /v1/embeddings HTTP/1.1"
    assert {headers["authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
    assert server.requests[0].keys() == {"model", "input", "encoding_format"}
    expected = np.array([vector_of(text) for text in texts], np.float32)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)
    assert (await embed.embed([])).shape == (0, 4)


async def test_without_a_key_none_is_sent_and_shorter_vectors_are_asked_for_on_wish(server: Server) -> None:
    embedder = EndpointEmbedder(endpoint(server, api_key="", shorten=True))
    await embedder.embed(["a"])
    assert "authorization" not in server.headers[0]
    assert server.requests[0]["dimensions"] == 4
    await embedder.close()


async def test_a_text_is_cut_at_the_window(server: Server) -> None:
    embedder = EndpointEmbedder(endpoint(server, max_tokens=32))
    await embedder.embed(["abc " * 100, "short"])
    sent = server.requests[0]["input"]
    assert sent == [("abc " * 30).strip(), "short"]
    await embedder.close()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
async def test_not_now_is_tried_again(server: Server, embed: EndpointEmbedder, status: int) -> None:
    server.script = [(status, {}, "busy")] * 3
    assert (await embed.embed(["a"])).shape == (1, 4)
    assert len(server.requests) == 4


@pytest.mark.parametrize("kind", ["seconds", "date"])
async def test_it_waits_as_long_as_it_is_told(server: Server, embed: EndpointEmbedder, kind: str) -> None:
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    server.script = [(429, {"Retry-After": "1" if kind == "seconds" else format_datetime(later, usegmt=True)}, "")]
    started = time.monotonic()
    await embed.embed(["a"])
    assert 0.9 <= time.monotonic() - started < 4
    assert len(server.requests) == 2


async def test_longer_than_anybody_waits_is_given_up_at_once(server: Server, embed: EndpointEmbedder) -> None:
    server.script = [(429, {"Retry-After": "3600"}, "")]
    with pytest.raises(EmbedderUnavailable, match="429"):
        await embed.embed(["a"])
    assert len(server.requests) == 1


async def test_attempts_end(server: Server, embed: EndpointEmbedder) -> None:
    server.script = [(503, {}, "")] * 9
    with pytest.raises(EmbedderUnavailable, match="503"):
        await embed.embed(["a"])
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("status", "kind"), [(400, EmbedderError), (401, EmbedderUnavailable), (302, EmbedderUnavailable)]
)
async def test_a_refusal_is_not_tried_again_and_repeats_neither_the_key_nor_the_text(
    server: Server, embed: EndpointEmbedder, status: int, kind: type[EmbedderError]
) -> None:
    said = {"error": {"message": f"{KEY}: {TEXT}", "type": f"{TEXT}!", "code": "invalid_thing"}}
    server.script = [(status, {"Location": server.url}, json.dumps(said))]
    with pytest.raises(EmbedderError) as caught:
        await embed.embed([TEXT])
    assert type(caught.value) is kind
    assert f"{status} (invalid_thing)" in str(caught.value)
    assert KEY not in str(caught.value)
    assert TEXT not in str(caught.value)
    assert len(server.requests) == 1
    assert KEY not in repr(endpoint(server))


BAD = {
    "too few": [],
    "too many": rows(["a", "b"]),
    "another index": [{"index": 1, "embedding": [1.0, 0, 0, 0]}],
    "other dimensions": [{"index": 0, "embedding": [1.0, 0, 0]}],
    "NaN": [{"index": 0, "embedding": [1.0, float("nan"), 0, 0]}],
    "infinity": [{"index": 0, "embedding": [1.0, float("inf"), 0, 0]}],
    "overflow": [{"index": 0, "embedding": [1e200, 1e200, 0, 0]}],
    "zero": [{"index": 0, "embedding": [0, 0, 0, 0]}],
    "words": [{"index": 0, "embedding": ["a", "b", "c", "d"]}],
    "nested": [{"index": 0, "embedding": [[1], [2], [3], [4]]}],
    "null": [{"index": 0, "embedding": None}],
    "no index": [{"embedding": [1.0, 0, 0, 0]}],
    "no list": "x",
}


@pytest.mark.parametrize("bad", BAD)
async def test_what_is_no_vector_is_not_stored(server: Server, embed: EndpointEmbedder, bad: str) -> None:
    server.script = [data(BAD[bad])]
    with pytest.raises(EmbedderError):
        await embed.embed(["a"])
    assert len(server.requests) == 1


@pytest.mark.parametrize("content", ["", "<html>", "[]", '{"data": {}}', "null"])
async def test_nor_what_is_no_answer(server: Server, embed: EndpointEmbedder, content: str) -> None:
    server.script = [(200, {}, content)]
    with pytest.raises(EmbedderError):
        await embed.embed(["a"])


async def test_a_slow_one_is_not_waited_for(server: Server) -> None:
    embedder = EndpointEmbedder(endpoint(server, timeout_seconds=0.1, attempts=2))
    server.pause_seconds = 5
    started = time.monotonic()
    with pytest.raises(EmbedderUnavailable, match="Timeout"):
        await embedder.embed(["a"])
    assert time.monotonic() - started < 2
    await embedder.close()


async def test_nobody_there(server: Server) -> None:
    embedder = EndpointEmbedder(Endpoint("http://127.0.0.1:1/v1", "m", 4, first_pause_seconds=0.01))
    with pytest.raises(EmbedderUnavailable, match="cannot be reached"):
        await embedder.embed(["a"])
    await embedder.close()


@pytest.mark.parametrize(
    "text",
    [
        "The quick brown fox jumps over the lazy dog, and over TIDB-142 on 2026-11-22.",
        "def f(x: int) -> dict[str, Any]:\n    return {'a': x ** 2}  # 0x7fda2ebc1b10",
        "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
        "Привет, мир! Данные переносятся.",
        "数据库迁移在星期二完成。",
        "café naïve Ångström señor ß œuvre",
        "a" * 500,
        "  \n\n\t ",
        "",
    ],
)
def test_tokens_are_counted_high_and_cover_the_text(embedder: MiniLM, text: str) -> None:
    counted = EndpointEmbedder(Endpoint("http://127.0.0.1:1", "m", 4)).token_ends(text)
    assert len(counted) >= len(embedder.token_ends(text))
    assert counted == sorted(set(counted))
    assert not text or counted[-1] == len(text)


@pytest.mark.postgres
async def test_a_memory_over_it(
    server: Server, embedder: MiniLM, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes do not wait; the queue is drained over HTTP; without the endpoint SEARCH goes by words."""
    texts: list[str] = []

    def from_minilm(body: dict[str, Any]) -> Answer:
        texts.extend(body["input"])
        vectors = [embedder._run(text).tolist() for text in body["input"]]
        return data([{"index": number, "embedding": vector} for number, vector in enumerate(vectors)])

    remote = EndpointEmbedder(endpoint(server, model=embedder.model, dimensions=embedder.dimensions, batch=64))
    memory = Memory(pool, remote, tenant="acme")
    await memory.ingest(Document(uri="a.md", content="# Note\n\nAn elephant.", media_type="text/markdown"), ADMIN)
    assert not server.requests
    server.script = [(401, {}, "")]
    assert (await memory.drain.once()).failed == 1
    assert "401" in await pool.fetchval("select error from job")
    await pool.execute("update job set run_after = now()")
    server.script = [from_minilm] * 2
    assert (await memory.drain.once()).vectors == 1
    assert texts == ["Note\n# Note\n\nAn elephant."]
    answer = await memory.query("SEARCH elephant", ADMIN)
    assert [hit.label for hit in answer.results] == ["Note"]
    assert texts[1:] == ["elephant"]
    server.script = [(401, {}, "")] * 2
    answer = await memory.query("SEARCH elephant", ADMIN)
    assert [hit.label for hit in answer.results] == ["Note"]
    assert any("by words alone" in note for note in answer.notes)
    with pytest.raises(EmbedderUnavailable):
        await memory.query("SEARCH elephant MODE dense", ADMIN)
    server.script = [(400, {}, "")]
    assert (await memory.query("SEARCH elephant", ADMIN)).results
    monkeypatch.setattr(search, "EMBED_SECONDS", 0.2)
    server.pause_seconds, started = 9, time.monotonic()
    assert (await memory.query("SEARCH elephant", ADMIN)).results
    assert time.monotonic() - started < 3
    await remote.close()
