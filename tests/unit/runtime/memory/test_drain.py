"""Vectors that a write left out are made later: none twice, none forgotten, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

import asyncpg
import numpy as np
import pytest

from rem_runtime.memory.conversation import MessageInput, SessionInput
from rem_runtime.memory.embedding import MiniLM
from rem_runtime.memory.embedding import drain as drain_module
from rem_runtime.memory.embedding.drain import ATTEMPTS, retry_failed
from rem_runtime.memory.embedding.embedder import Vectors
from rem_runtime.memory.errors import EmbedderError, EmbedderUnavailable
from rem_runtime.memory.ingest import Document
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, ANN

pytestmark = pytest.mark.postgres

LACKING = "select count(*) from chunk c where not exists (select from embedding e where e.chunk_id = c.id)"


class Elsewhere:
    """The real model, as if it were not of this process; can be told to fail, and to wait."""

    inline = False

    def __init__(self, inner: MiniLM) -> None:
        self._inner = inner
        self.model, self.dimensions, self.max_tokens = inner.model, inner.dimensions, inner.max_tokens
        self.token_ends = inner.token_ends
        self.refuses: Callable[[str], bool] = lambda _: False
        self.fault: Exception = EmbedderError("refused")
        self.embedded: list[str] = []
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.started.set()
        await self.go_on.wait()
        if any(map(self.refuses, texts)):
            raise self.fault
        self.embedded += texts
        return await self._inner.embed(texts)


@pytest.fixture
def elsewhere(embedder: MiniLM) -> Elsewhere:
    return Elsewhere(embedder)


@pytest.fixture
def slow_memory(pool: asyncpg.Pool, elsewhere: Elsewhere) -> Memory:
    """A memory whose writes leave vectors to the queue."""
    return Memory(pool, elsewhere, tenant="acme")


async def remember(memory: Memory, count: int = 1, text: str = "An elephant in the cellar.") -> None:
    for number in range(count):
        content = f"# Note {number}\n\n{text}"
        await memory.ingest(Document(uri=f"{number}.md", content=content, media_type="text/markdown"), ADMIN)


async def lacking(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval(LACKING))


async def jobs(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval("select count(*) from job"))


async def due(pool: asyncpg.Pool) -> None:
    """Time goes by."""
    await pool.execute("update job set run_after = now(), locked_until = now()")


async def test_nodes_messages_and_private_things_get_the_vectors_that_the_write_would_have_made(
    slow_memory: Memory, memory: Memory, pool: asyncpg.Pool
) -> None:
    async def write(into: Memory) -> None:
        await remember(into, 2)
        await into.ingest(Document(uri="of-ann.md", content="# Mine\n\nA giraffe.", media_type="text/markdown"), ANN)
        session = await into.conversations.create_session(SessionInput(), ANN)
        await into.append_messages(session.id, [MessageInput(role="user", content="Where is the giraffe?")], ANN)

    await write(slow_memory)
    assert await lacking(pool) == 4
    assert await jobs(pool) == 4
    answer = await slow_memory.query("SEARCH giraffe", ANN)
    assert any("4 texts have no vector yet" in note for note in answer.notes)
    drained = await slow_memory.drain.once()
    assert (drained.jobs, drained.vectors, drained.failed) == (4, 4, 0)
    assert (await lacking(pool), await jobs(pool)) == (0, 0)
    later = await pool.fetch("select c.text, e.v from embedding e join chunk c on c.id = e.chunk_id order by 1, c.id")
    await pool.execute("delete from embedding; delete from posting; delete from node; delete from session")
    await write(memory)
    at_once = await pool.fetch("select c.text, e.v from embedding e join chunk c on c.id = e.chunk_id order by 1, c.id")
    assert [row["text"] for row in later] == [row["text"] for row in at_once]
    for one, other in zip(later, at_once, strict=True):
        assert np.array_equal(one["v"].to_numpy(), other["v"].to_numpy())
    assert (await slow_memory.drain.once()).jobs == 0


async def test_a_bulk_load_is_drained(slow_memory: Memory, pool: asyncpg.Pool) -> None:
    lines = [json.dumps({"kind": "entity", "label": f"E {n}", "description": f"Number {n}."}) for n in range(150)]
    await slow_memory.load(lines, ADMIN, owner="")
    assert await lacking(pool) == 150
    rounds = 0
    while (await slow_memory.drain.once()).jobs:
        rounds += 1
    assert (await lacking(pool), await jobs(pool)) == (0, 0)
    assert rounds == 3


async def test_several_at_once_double_nothing_and_lose_nothing(
    pool: asyncpg.Pool, elsewhere: Elsewhere, slow_memory: Memory
) -> None:
    await remember(slow_memory, 40)
    memories = [Memory(pool, elsewhere, tenant="acme") for _ in range(4)]

    async def work(memory: Memory) -> int:
        made = 0
        while drained := await memory.drain.once(jobs=3):
            made += drained.vectors
            if not drained.jobs:
                return made
        return made

    made = await asyncio.gather(*map(work, memories))
    assert sum(made) == 40
    assert len(elsewhere.embedded) == 40
    assert sum(1 for count in made if count) > 1
    assert (await lacking(pool), await jobs(pool)) == (0, 0)


async def test_a_long_document_is_done_in_parts(
    slow_memory: Memory, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain_module, "CHUNKS_AT_ONCE", 4)
    await remember(slow_memory, 1, "\n\n".join(f"## Part {n}\n\n{'word ' * 150}" for n in range(9)))
    owed = await lacking(pool)
    assert owed > 8
    assert (await slow_memory.drain.once()).vectors == owed
    assert (await lacking(pool), await jobs(pool)) == (0, 0)


async def test_the_job_of_a_killed_process_is_taken_again(
    slow_memory: Memory, pool: asyncpg.Pool, elsewhere: Elsewhere
) -> None:
    await remember(slow_memory)
    elsewhere.go_on.clear()
    killed = asyncio.create_task(slow_memory.drain.once())
    await elsewhere.started.wait()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    elsewhere.go_on.set()
    row = await pool.fetchrow("select state, attempts, locked_until > now() + interval '1 minute' as held from job")
    assert row is not None
    assert tuple(row) == ("running", 1, True)
    assert (await slow_memory.drain.once()).jobs == 0
    await due(pool)
    assert (await slow_memory.drain.once()).vectors == 1
    assert (await lacking(pool), await jobs(pool)) == (0, 0)


async def test_what_is_replaced_or_deleted_meanwhile_is_skipped(
    slow_memory: Memory, pool: asyncpg.Pool, elsewhere: Elsewhere
) -> None:
    await remember(slow_memory, 2)
    elsewhere.go_on.clear()
    draining = asyncio.create_task(slow_memory.drain.once())
    await elsewhere.started.wait()
    await remember(slow_memory, 1, "Something else.")
    gone = await pool.fetchval("select id from node where data ->> 'uri' = '1.md'")
    await slow_memory.delete(ADMIN, kind="resource", thing_id=gone, purge=True)
    elsewhere.go_on.set()
    await draining
    await due(pool)
    while (await slow_memory.drain.once()).jobs:
        pass
    assert [row["text"] for row in await pool.fetch("select text from chunk")] == ["# Note 0\n\nSomething else."]
    assert (await lacking(pool), await jobs(pool)) == (0, 0)


async def test_a_text_that_is_refused_is_put_off_given_up_and_takes_no_other_with_it(
    slow_memory: Memory, pool: asyncpg.Pool, elsewhere: Elsewhere
) -> None:
    elsewhere.refuses = lambda text: "poison" in text
    await remember(slow_memory, 3)
    await slow_memory.ingest(Document(uri="bad.md", content="poison", media_type="text/markdown"), ADMIN)
    assert (await slow_memory.drain.once()).failed == 4
    pause = await pool.fetchval("select min(run_after) - now() from job")
    assert 10 < pause.total_seconds() <= 15
    await due(pool)
    drained = await slow_memory.drain.once()
    assert (drained.vectors, drained.failed) == (3, 1)
    pauses = []
    for _ in range(ATTEMPTS - 2):
        pauses.append(round((await pool.fetchval("select run_after - now() from job")).total_seconds()))
        await due(pool)
        await slow_memory.drain.once()
    assert pauses == sorted(pauses)
    assert 50 < pauses[0] <= 60
    assert 3500 < pauses[-1] <= 3600
    row = await pool.fetchrow("select state, attempts, error from job")
    assert row is not None
    assert tuple(row) == ("failed", ATTEMPTS, "EmbedderError: refused")
    await due(pool)
    assert (await slow_memory.drain.once()).jobs == 0
    assert (await slow_memory.drain.backlog()).failed == 1
    elsewhere.refuses = lambda _: False
    assert await retry_failed(pool) == 1
    assert (await slow_memory.drain.once()).vectors == 1
    assert (await lacking(pool), await jobs(pool)) == (0, 0)


async def test_while_the_model_is_away_no_job_is_given_up_and_most_are_not_touched(
    slow_memory: Memory, pool: asyncpg.Pool, elsewhere: Elsewhere
) -> None:
    await remember(slow_memory, 3)
    for number in range(3):
        document = Document(uri=f"ann{number}.md", content="# Ann's\n\nText.", media_type="text/markdown")
        await slow_memory.ingest(document, ANN)
    elsewhere.fault = EmbedderUnavailable("answered 503")
    elsewhere.refuses = lambda _: True
    for _ in range(ATTEMPTS + 2):
        drained = await slow_memory.drain.once()
        assert drained.away == "answered 503"
        assert drained.failed <= 3
        await due(pool)
    rows = await pool.fetch("select attempts, state from job")
    assert {row["state"] for row in rows} == {"pending"}
    assert {row["attempts"] for row in rows} == {0}, "an outage is no attempt, however long it lasts"
    elsewhere.refuses = lambda _: False
    while (await slow_memory.drain.once()).jobs:
        pass
    assert (await lacking(pool), await jobs(pool)) == (0, 0)


async def test_vectors_of_another_model_are_not_made(
    slow_memory: Memory, pool: asyncpg.Pool, elsewhere: Elsewhere
) -> None:
    await remember(slow_memory)
    elsewhere.model = "another"
    with pytest.raises(EmbedderError, match="two models"):
        await Memory(pool, elsewhere, tenant="acme").drain.once()
    assert await pool.fetchval("select attempts from job") == 0
