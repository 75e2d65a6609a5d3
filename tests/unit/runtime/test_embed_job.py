"""`rem-runtime embed migrate|retry` as a Job runs them: the new model's settings, the owner's login, exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from rem_runtime.cli import main
from rem_runtime.memory.schema import EmbeddingModel, apply_schema
from rem_runtime.settings import get_settings

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(120)]

DIMENSIONS = 8
NEW = {"EMBEDDING__PROVIDER": "openai", "EMBEDDING__MODEL": "new", "EMBEDDING__DIMENSIONS": str(DIMENSIONS)}

Run = Callable[..., Awaitable[tuple[int, list[dict[str, Any]]]]]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest_asyncio.fixture(loop_scope="session")
async def endpoint() -> AsyncIterator[str]:
    """A server on loopback whose vectors are the texts' letters, counted."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode().lower():
                length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
                texts = json.loads(await reader.readexactly(length))["input"]
                rows = [
                    {"index": index, "embedding": [1 + text.count(letter) for letter in "aeioustr"]}
                    for index, text in enumerate(texts)
                ]
                body = json.dumps({"data": rows}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


@pytest_asyncio.fixture(loop_scope="session")
async def owner(database: Any) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.owner_dsn)
    yield connection
    await connection.close()


@pytest.fixture
def run(database: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    async def run_embed(action: str, **variables: str) -> tuple[int, list[dict[str, Any]]]:
        get_settings.cache_clear()
        for name, value in {
            "POSTGRES__HOST": database.host,
            "POSTGRES__PORT": str(database.port),
            "POSTGRES__DATABASE": database.name,
            "POSTGRES__USER": "rem_owner",
            "POSTGRES__PASSWORD": "rem_owner",
            "POSTGRES__WAIT_SECONDS": "5",
            **variables,
        }.items():
            monkeypatch.setenv(name, value)
        code = await asyncio.to_thread(main, ["embed", action])
        return code, [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    return run_embed


async def test_a_database_moves_to_the_model_of_the_settings(
    run: Run, owner: asyncpg.Connection, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rem_runtime.memory.schema.model_switch.GRACE_SECONDS", 0.0)
    await apply_schema(owner, app_role="rem_app", sql_role="rem_sql")
    node = await owner.fetchval(
        "insert into node (kind, key, label, fuzzy_text) values ('entity', 'a', 'A', 'a') returning id"
    )
    await owner.execute(
        "insert into chunk (node_id, ord, text, at, owner, kind) "
        "select $1, n, 'text ' || n, now(), '', 'entity' from generate_series(1, 300) n",
        node,
    )
    code, logged = await run("migrate", **NEW, EMBEDDING__BASE_URL=endpoint)
    assert code == 0, logged
    assert logged[-1]["message"] == "embeddings migrated"
    assert (logged[-1]["made"], logged[-1]["queued"]) == (300, 0)
    assert await owner.fetchval("select count(*) from embedding where vector_dims(v) = $1", DIMENSIONS) == 300
    report = await apply_schema(
        owner, app_role="rem_app", sql_role="rem_sql", embedding=EmbeddingModel("new", DIMENSIONS)
    )
    assert report.unchanged
    code, logged = await run("migrate", **NEW, EMBEDDING__BASE_URL=endpoint)
    assert (code, logged[-1]["message"]) == (0, "model is active already")


async def test_nobody_there_changes_nothing_and_says_so(run: Run, owner: asyncpg.Connection) -> None:
    await apply_schema(owner, app_role="rem_app", sql_role="rem_sql")
    code, logged = await run("migrate", **NEW, EMBEDDING__BASE_URL="http://127.0.0.1:1/v1")
    assert (code, "cannot be reached" in logged[-1]["reason"]) == (1, True)
    code, logged = await run("migrate", **NEW, EMBEDDING__BASE_URL="")
    assert (code, "EMBEDDING__BASE_URL" in logged[-1]["reason"]) == (2, True)
    assert await owner.fetchval("select count(*) from embedding_model") == 1


async def test_what_was_given_up_is_queued_again(run: Run, owner: asyncpg.Connection) -> None:
    await apply_schema(owner, app_role="rem_app", sql_role="rem_sql")
    await owner.execute("insert into job (kind, state, attempts, error) values ('embed', 'failed', 8, 'refused')")
    code, logged = await run("retry")
    assert (code, logged[-1]["message"], logged[-1]["jobs"]) == (0, "queued again", 1)
    assert await owner.fetchval("select state from job") == "pending"
