"""Uploads against deletions, against each other, and against what fails: the File node and the document agree."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from rem_runtime.memory.caller import Caller
from rem_runtime.memory.errors import Conflict, EmbedderUnavailable, InvalidInput, NotFound, UnreadableFile
from rem_runtime.memory.ingest import FileInput
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, ANN

pytestmark = pytest.mark.postgres

ROOT = Caller.of("root", {"read", "write", "admin"})
URI = "race/a.txt"
NODES = """
select kind, data ->> 'state' as state, (data ->> 'size_bytes')::int as size from node
where deleted_at is null order by kind
"""


class Gate:
    """Holds back the uploads whose bytes begin with SLOW: before they are read, or before they are embedded."""

    def __init__(self) -> None:
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def pass_by(self, slow: bool) -> None:
        if slow:
            self.reached.set()
            await self.open.wait()


@pytest.fixture(params=["read", "embedded"])
def gate(request: pytest.FixtureRequest, memory: Memory, monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    read, embed = memory._readers.read_file, memory._embedder.embed

    async def slow_read(data: bytes, **fields: Any) -> Any:
        await gate.pass_by(data.startswith(b"SLOW"))
        return await read(data, **fields)

    async def slow_embed(texts: list[str]) -> Any:
        await gate.pass_by(any("SLOW" in text for text in texts))
        return await embed(texts)

    if request.param == "read":
        monkeypatch.setattr(memory._readers, "read_file", slow_read)
    else:
        monkeypatch.setattr(memory._embedder, "embed", slow_embed)
    return gate


Start = Callable[[bytes], Awaitable["asyncio.Task[Any]"]]


@pytest.fixture
def start(memory: Memory, gate: Gate) -> Start:
    """Begins an upload of Ann's and returns while it is held back."""

    async def begin(data: bytes) -> asyncio.Task[Any]:
        task = asyncio.create_task(memory.ingest_file(FileInput(URI, data), ANN))
        await asyncio.wait_for(gate.reached.wait(), 10)
        return task

    return begin


async def left_of(pool: asyncpg.Pool) -> dict[str, int]:
    tables = ("node", "chunk", "posting", "name", "embedding")
    return {table: await pool.fetchval(f"select count(*) from {table}") for table in tables}


async def state_of(pool: asyncpg.Pool) -> tuple[str, str]:
    row = await pool.fetchrow("select data from node where kind = 'file' and deleted_at is null")
    return row["data"]["state"], row["data"].get("reason", "")


async def test_a_forgotten_user_stays_forgotten(start: Start, gate: Gate, memory: Memory, pool: asyncpg.Pool) -> None:
    upload = await start(b"SLOW secret beta")
    await memory.forget_user("ann", ROOT)
    gate.open.set()
    with pytest.raises(NotFound, match="deleted while it was read"):
        await upload
    assert set((await left_of(pool)).values()) == {0}


async def test_a_deleted_file_has_no_document(start: Start, gate: Gate, memory: Memory, pool: asyncpg.Pool) -> None:
    upload = await start(b"SLOW secret alpha")
    file_id = await pool.fetchval("select id from node where kind = 'file'")
    await memory.delete(ANN, kind="file", thing_id=file_id)
    again = await memory.ingest_file(FileInput("other.txt", b"another"), ANN)
    gate.open.set()
    with pytest.raises(NotFound, match="deleted while it was read"):
        await upload
    assert await pool.fetchval("select array_agg(id) from node where kind = 'resource'") == [again.resource_id]


async def test_the_same_bytes_after_a_deletion_are_another_file(
    start: Start, gate: Gate, memory: Memory, pool: asyncpg.Pool
) -> None:
    upload = await start(b"SLOW secret alpha")
    file_id = await pool.fetchval("select id from node where kind = 'file'")
    await memory.delete(ANN, kind="file", thing_id=file_id)
    second = asyncio.create_task(memory.ingest_file(FileInput(URI, b"SLOW secret alpha"), ANN))
    await asyncio.sleep(0.2)
    gate.open.set()
    with pytest.raises(NotFound):
        await upload
    assert (await second).id != file_id
    assert [tuple(row) for row in await pool.fetch(NODES)] == [("file", "stored", 17), ("resource", None, None)]


async def test_the_newer_upload_stays(start: Start, gate: Gate, memory: Memory, pool: asyncpg.Pool) -> None:
    upload = await start(b"SLOW old version")
    newer = await memory.ingest_file(FileInput(URI, b"new version, longer"), ANN)
    gate.open.set()
    with pytest.raises(Conflict, match="a newer upload of it came"):
        await upload
    assert (await memory.get_resource(newer.resource_id, ANN)).content == "new version, longer"
    assert [tuple(row) for row in await pool.fetch(NODES)] == [("file", "stored", 19), ("resource", None, None)]


async def test_the_newer_upload_stays_even_if_it_failed(
    start: Start, gate: Gate, memory: Memory, pool: asyncpg.Pool
) -> None:
    upload = await start(b"SLOW old version")
    with pytest.raises(UnreadableFile):
        await memory.ingest_file(FileInput(URI, b"\x01\x02\x03\x04" * 50), ANN)
    gate.open.set()
    with pytest.raises(Conflict):
        await upload
    assert await state_of(pool) == ("failed", "it is binary, not text")
    assert await pool.fetchval("select count(*) from node where kind = 'resource'") == 0


async def test_the_same_file_twice_at_once_is_stored(start: Start, gate: Gate, memory: Memory) -> None:
    upload = await start(b"SLOW the same")
    second = asyncio.create_task(memory.ingest_file(FileInput(URI, b"SLOW the same"), ANN))
    await asyncio.sleep(0.1)
    gate.open.set()
    assert (await upload).resource_id == (await second).resource_id


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            EmbedderUnavailable("https://secret.internal/v1 answered 503"),
            "the model that makes vectors does not answer",
        ),
        (asyncpg.NumericValueOutOfRangeError("secret value"), "it could not be stored (NumericValueOutOfRangeError)"),
        (asyncpg.ConnectionDoesNotExistError("gone"), "it could not be stored (ConnectionDoesNotExistError)"),
        (InvalidInput("too odd"), "too odd"),
        (RuntimeError("secret detail"), "it could not be stored (RuntimeError)"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_whatever_fails_is_failed(
    error: Exception, reason: str, memory: Memory, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(_: list[str]) -> Any:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(memory._embedder, "embed", failing)
        with pytest.raises(UnreadableFile if isinstance(error, InvalidInput) else type(error)):
            await memory.ingest_file(FileInput(URI, b"some text"), ANN)
    state, said = await state_of(pool)
    assert (state, said[: len(reason)], "secret" in said) == ("failed", reason, False)
    assert (await memory.ingest_file(FileInput(URI, b"some text"), ANN)).created
    assert await state_of(pool) == ("stored", "")


async def test_a_file_that_the_database_refuses_is_failed(
    memory: Memory, pool: asyncpg.Pool, superuser: asyncpg.Connection
) -> None:
    """In the transaction that says `stored`: neither is."""
    await superuser.execute("alter table posting add constraint no_poison check (term <> 'poison')")
    with pytest.raises(asyncpg.CheckViolationError):
        await memory.ingest_file(FileInput(URI, b"some poison"), ADMIN)
    assert await state_of(pool) == ("failed", "it could not be stored (CheckViolationError); send it again")
    assert [hit.kind for hit in (await memory.query("LOOKUP a.txt", ADMIN)).results] == ["file"]


async def test_a_date_outside_of_time_is_named(memory: Memory, pool: asyncpg.Pool) -> None:
    with pytest.raises(UnreadableFile, match="front matter, date: is before the year 1"):
        await memory.ingest_file(FileInput("a.md", b"---\ndate: 0001-01-01T00:00:00+14:00\n---\ntext"), ANN)
    assert (await state_of(pool))[0] == "failed"


async def test_the_first_error_is_told_where_the_state_cannot_be_written(
    memory: Memory, pool: asyncpg.Pool, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(_: list[str]) -> Any:
        raise EmbedderUnavailable("it does not answer")

    await superuser.execute("alter table node add constraint no_end check (data ->> 'state' <> 'failed')")
    monkeypatch.setattr(memory._embedder, "embed", failing)
    with pytest.raises(EmbedderUnavailable):
        await memory.ingest_file(FileInput(URI, b"some text"), ANN)
    assert await state_of(pool) == ("processing", "")
