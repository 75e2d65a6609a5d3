"""Another embedding model, while others read and write: nothing is lost, nothing is compared across models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg
import numpy as np
import pytest
import pytest_asyncio

from rem_runtime.memory.embedding import MiniLM, current
from rem_runtime.memory.embedding.embedder import Vectors
from rem_runtime.memory.errors import EmbedderError, EmbedderUnavailable, SchemaBusy, SchemaError
from rem_runtime.memory.ingest import Document
from rem_runtime.memory.pool import open_pool
from rem_runtime.memory.schema import model_switch
from rem_runtime.memory.schema.model_switch import SwitchReport, switch_model
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, ANN, Remember, TenantDatabase, labels

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(60)]

LACKING = """select count(*) from chunk c where not exists (
    select from embedding e join embedding_model m on m.id = e.model and m.active where e.chunk_id = c.id)"""


class Other:
    """A model of its own: 256 of MiniLM's dimensions, turned round."""

    model, dimensions, inline = "other", 256, True

    def __init__(self, inner: MiniLM) -> None:
        self._inner = inner
        self.max_tokens, self.token_ends = inner.max_tokens, inner.token_ends
        self.embedded: list[str] = []
        self.refuses = ""
        self.away = 0
        self.between = asyncio.Event()
        self.stops_after: int | None = None
        self.stopped = asyncio.Event()

    async def embed(self, texts: Sequence[str]) -> Vectors:
        if self.away:
            self.away -= 1
            raise EmbedderUnavailable("away", retry_after_seconds=0.01)
        if self.refuses and any(self.refuses in text for text in texts):
            raise EmbedderError("refused")
        self.between.set()
        if self.stops_after is not None and len(self.embedded) >= self.stops_after:
            self.stopped.set()
            await asyncio.Event().wait()
        self.embedded += texts
        vectors = (await self._inner.embed(texts))[:, :256][:, ::-1]
        return np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


@pytest.fixture
def other(embedder: MiniLM) -> Other:
    return Other(embedder)


@pytest_asyncio.fixture(loop_scope="session")
async def owner(schema: TenantDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(schema.owner_dsn)
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="session")
async def owner_pool(schema: TenantDatabase) -> AsyncIterator[asyncpg.Pool]:
    async with await open_pool(dsn=schema.owner_dsn, max_size=4) as pool:
        yield pool


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "RECHECK_SECONDS", 0.0)


async def switch(owner: asyncpg.Connection, owner_pool: asyncpg.Pool, other: Other) -> SwitchReport:
    return await switch_model(owner, owner_pool, other, grace_seconds=0.0)


async def fill(remember: Remember, count: int = 6) -> None:
    for number in range(count):
        await remember(f"{number}.md", f"# Note {number}\n\nAn elephant, number {number}.")
    await remember("private.md", "# Mine\n\nA giraffe.", caller=ANN)


async def test_vectors_are_of_the_new_model_then_and_the_old_ones_are_gone(
    remember: Remember, memory: Memory, other: Other, owner: asyncpg.Connection, owner_pool: asyncpg.Pool
) -> None:
    await fill(remember)
    report = await switch(owner, owner_pool, other)
    assert report == SwitchReport(model="other", replaced=memory._embedder.model, made=7, queued=0, dropped=7)
    assert await owner.fetchval(LACKING) == 0
    assert [tuple(row) for row in await owner.fetch("select id, name, dimensions, active from embedding_model")] == [
        (2, "other", 256, True)
    ]
    indexes = await owner.fetch("select relname from pg_class where relname like 'embedding_hnsw%' and relkind = 'i'")
    assert [row["relname"] for row in indexes] == ["embedding_hnsw_2"]
    new = Memory(memory._pool, other, tenant="acme")
    answer = await new.query("SEARCH giraffe MODE dense", ANN)
    assert labels(answer)[0] == "Mine"
    assert not answer.notes
    assert await switch(owner, owner_pool, other) == SwitchReport("other", None, made=0, queued=0, dropped=0)


async def test_the_index_of_the_new_model_is_used(
    remember: Remember, memory: Memory, other: Other, owner: asyncpg.Connection, owner_pool: asyncpg.Pool
) -> None:
    await fill(remember)
    await switch(owner, owner_pool, other)
    vector = "[" + ",".join(["0.06"] * 256) + "]"
    async with owner.transaction():
        await owner.execute(
            "set local enable_seqscan = off; set local enable_bitmapscan = off; set local enable_sort = off"
        )
        plan = await owner.fetch(
            f"explain select chunk_id from embedding e where e.model = 2 "
            f"order by e.v::halfvec(256) <#> '{vector}'::halfvec(256) limit 3"
        )
    assert any("embedding_hnsw_2" in row[0] for row in plan)


async def test_a_running_process_of_the_old_model_goes_on_with_words(
    remember: Remember, memory: Memory, other: Other, owner: asyncpg.Connection, owner_pool: asyncpg.Pool
) -> None:
    await fill(remember)
    assert not (await memory.query("SEARCH elephant", ADMIN)).notes
    await switch(owner, owner_pool, other)
    answer = await memory.query("SEARCH elephant number 3", ADMIN)
    assert labels(answer)[0] == "Note 3"
    assert any("cannot be compared" in note for note in answer.notes)
    with pytest.raises(EmbedderUnavailable, match=r"other \(256\).*embed migrate"):
        await memory.query("SEARCH elephant MODE dense", ADMIN)
    assert labels(await memory.query("LOOKUP Note 3", ADMIN)) == ["Note 3"]
    await remember("new.md", "# New\n\nA rhinoceros.")
    assert await owner.fetchval("select count(*) from job where kind = 'embed'") == 1
    with pytest.raises(EmbedderUnavailable):
        await memory.drain.once()
    assert await owner.fetchval("select attempts from job") == 0
    new = Memory(memory._pool, other, tenant="acme")
    assert (await new.drain.once()).vectors == 1
    assert await owner.fetchval(LACKING) == 0


async def test_what_is_written_while_vectors_are_made_has_one_in_the_end(
    remember: Remember, memory: Memory, other: Other, owner: asyncpg.Connection, owner_pool: asyncpg.Pool
) -> None:
    await fill(remember)
    stop = asyncio.Event()

    async def write() -> int:
        number = 0
        while not stop.is_set():
            await remember(f"{number % 40}.md", f"# Note {number % 40}\n\nA tapir, number {number}.")
            number += 1
        return number

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.2)
    report = await switch(owner, owner_pool, other)
    await asyncio.sleep(0.2)
    stop.set()
    assert await writing > 5
    new = Memory(memory._pool, other, tenant="acme")
    while (await new.drain.once()).jobs:
        pass
    assert await owner.fetchval(LACKING) == 0
    assert await owner.fetchval("select count(*) from job") == 0
    assert await owner.fetchval("select count(*) from embedding where model <> 2") == 0
    assert report.replaced is not None


async def test_a_writer_that_began_before_the_switch_is_waited_for(
    remember: Remember, memory: Memory, other: Other, owner: asyncpg.Connection, owner_pool: asyncpg.Pool,
    schema: TenantDatabase, superuser: asyncpg.Connection,
) -> None:  # fmt: skip
    await fill(remember, 1)
    slow = await asyncpg.connect(schema.superuser_dsn)
    async with slow.transaction():
        chunk = await slow.fetchval(
            "insert into chunk (node_id, ord, text, at, owner, kind) "
            "select id, 9, 'late', now(), owner, kind from node where label = 'Note 0' returning id"
        )
        old = await slow.fetchval("select id from embedding_model where active")
        await slow.execute("insert into embedding select $1, $2, v from embedding where model = $2 limit 1", chunk, old)
        switching = asyncio.create_task(switch(owner, owner_pool, other))
        # CREATE INDEX CONCURRENTLY waits for it, and would without an index to build.
        while not await superuser.fetchval("select count(*) from pg_stat_progress_create_index"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        assert not switching.done()
    await switching
    await slow.close()
    new = Memory(memory._pool, other, tenant="acme")
    while (await new.drain.once()).jobs:
        pass
    assert await owner.fetchval(LACKING) == 0


async def test_stopped_anywhere_it_goes_on_from_there(
    remember: Remember, other: Other, owner: asyncpg.Connection, owner_pool: asyncpg.Pool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(model_switch, "PAGE", 2)
    monkeypatch.setattr(model_switch, "_PAGES_AT_ONCE", 1)
    await fill(remember)
    texts = await owner.fetchval("select count(*) from chunk")

    other.stops_after = 4
    task = asyncio.create_task(switch(owner, owner_pool, other))
    await other.stopped.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await owner.fetchval("select name from embedding_model where active") != "other"
    made = await owner.fetchval("select count(*) from embedding where model = 2")
    assert 0 < made < texts
    other.stops_after = None
    task = asyncio.create_task(switch_model(owner, owner_pool, other, grace_seconds=60.0))
    while not await owner_pool.fetchval("select active from embedding_model where id = 2"):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await owner.fetchval("select count(*) from embedding") == 2 * texts
    assert len(other.embedded) == texts + 2  # each once, and whether it answers
    report = await switch(owner, owner_pool, other)
    assert (report.replaced, report.made, report.dropped) == (None, 0, texts)
    assert await owner.fetchval(LACKING) == 0


async def test_an_endpoint_that_is_away_for_a_moment_and_a_text_that_it_refuses(
    remember: Remember, memory: Memory, other: Other, owner: asyncpg.Connection, owner_pool: asyncpg.Pool
) -> None:
    await fill(remember)
    other.refuses = "number 4"
    task = asyncio.create_task(switch(owner, owner_pool, other))
    await other.between.wait()
    other.away = 2
    report = await task
    assert (report.made, report.queued) == (6, 1)
    assert await owner.fetchval(LACKING) == 1
    assert labels(await Memory(memory._pool, other).query("SEARCH number 4 MODE lexical", ADMIN))[0] == "Note 4"


async def test_what_cannot_be_done_changes_nothing(
    remember: Remember, other: Other, owner: asyncpg.Connection, owner_pool: asyncpg.Pool, schema: TenantDatabase
) -> None:
    await fill(remember, 1)
    before = await owner.fetch("select * from embedding_model")
    other.away = 1
    with pytest.raises(EmbedderUnavailable, match="away"):
        await switch(owner, owner_pool, other)
    second = await asyncpg.connect(schema.owner_dsn)
    await second.execute("select pg_advisory_lock(hashtextextended('rem embed migrate', 0))")
    with pytest.raises(SchemaBusy):
        await switch(owner, owner_pool, other)
    await second.close()
    assert await owner.fetch("select * from embedding_model") == before
    other.model = before[0]["name"]
    with pytest.raises(SchemaError, match="two sizes of one model"):
        await switch(owner, owner_pool, other)
    assert await owner.fetch("select * from embedding_model") == before


async def test_documents_of_a_process_with_another_model_wait_for_one_that_has_it(
    memory: Memory, superuser: asyncpg.Connection
) -> None:
    await superuser.execute("update embedding_model set name = 'another'")
    result = await memory.ingest(Document(uri="a.md", content="An elephant."), ANN)
    assert result.chunks == 1
    assert await superuser.fetchval("select count(*) from embedding") == 0
    assert await superuser.fetchval("select payload ->> 'owner' from job where kind = 'embed'") == "ann"
