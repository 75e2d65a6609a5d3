"""A rebuild makes of what an older version stored what this one would have stored, whole, and once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg
import numpy as np
import pytest
import pytest_asyncio

from rem_runtime.memory.conversation import MessageInput, SessionInput
from rem_runtime.memory.embedding import MiniLM
from rem_runtime.memory.embedding.embedder import Vectors
from rem_runtime.memory.errors import EmbedderError, EmbedderUnavailable, SchemaBusy, SchemaError
from rem_runtime.memory.ingest import Document, EntityInput
from rem_runtime.memory.models import InlineEdge
from rem_runtime.memory.pool import open_pool
from rem_runtime.memory.rebuild import PARTS, Part, Rebuilt, chunks, keys, owed_parts, rebuild, terms
from rem_runtime.memory.records.inputs import MomentInput
from rem_runtime.memory.schema import Wanted, apply_schema, plan_schema
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, ANN, BOB, Ask, TenantDatabase, labels

pytestmark = pytest.mark.postgres

LONG = "# Mercury\n\n" + "\n\n".join(
    f"## Part {number}\n\n" + " ".join(f"Sentence {n} of part {number} is about dumplings." for n in range(12))
    for number in range(6)
)
STORED = (
    "select n.owner, n.kind, n.key, n.label, n.fuzzy_text from node n",
    "select m.key, m.owner, m.kind, m.canonical, n.label from name m join node n on n.id = m.node_id",
    "select e.rel, e.dst_key, e.dst_label, e.owner, e.closed_at is null from edge e",
    "select c.owner, c.kind, c.ord, c.heading, c.text, c.at from chunk c",
    "select p.term, p.owner, c.text, p.tf, p.len from posting p left join chunk c on c.id = p.chunk_id",
)


class Narrow:
    """The real model, with a window of an older version; may fail after some texts."""

    inline = True

    def __init__(self, inner: MiniLM, *, max_tokens: int = 64, texts: int | None = None) -> None:
        self._inner, self._left = inner, texts
        self.model, self.dimensions, self.max_tokens = inner.model, inner.dimensions, max_tokens
        self.token_ends = inner.token_ends

    async def embed(self, texts: Sequence[str]) -> Vectors:
        if self._left is not None:
            self._left -= len(texts)
            if self._left < 0:
                raise EndedError
        return await self._inner.embed(texts)


class EndedError(Exception):
    """The process ends here."""


class Failing(Narrow):
    def __init__(self, inner: MiniLM, fault: EmbedderError) -> None:
        super().__init__(inner, max_tokens=inner.max_tokens)
        self._fault = fault

    async def embed(self, texts: Sequence[str]) -> Vectors:
        raise self._fault


@pytest_asyncio.fixture(loop_scope="session")
async def owner(schema: TenantDatabase) -> AsyncIterator[asyncpg.Pool]:
    """As the owner of the database, who may write meta."""
    async with await open_pool(dsn=schema.owner_dsn, max_size=3) as pool:
        yield pool


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, size in ((chunks, 2), (keys, 3), (terms, 4)):
        monkeypatch.setattr(module, "BATCH", size)


async def fill(memory: Memory) -> None:
    for number in range(3):
        await memory.ingest(Document(uri=f"{number}.md", content=LONG, media_type="text/markdown"), ADMIN)
    await memory.ingest(Document(uri="mine.txt", content=LONG, media_type="text/plain"), ANN)
    edges = (InlineEdge(dst="Project C++", rel_type="knows"), InlineEdge(dst="Mercury", rel_type="knows"))
    for caller in (ADMIN, ANN):
        entity = EntityInput(
            label="Sarah Chen", type="person", description=LONG, aliases=("S. Chen",), graph_edges=edges
        )
        await memory.put_entity(entity, caller)
    await memory.records.put_moment(MomentInput(label="Kick-off", summary=LONG, starts_at="2026-01-01T10:00Z"), ADMIN)
    session = await memory.conversations.create_session(SessionInput(), BOB)
    await memory.append_messages(session.id, [MessageInput(role="user", content=LONG)] * 3, BOB)


async def stored(pool: asyncpg.Pool) -> list[list[str]]:
    found = []
    for query in STORED:
        rows = [dict(row) for row in await pool.fetch(query)]
        if query is STORED[3]:
            rows = [row | {"at": None} if row["kind"] != "moment" else row for row in rows]  # when it came
        found.append(sorted(map(str, rows)))
    return found


async def clear(pool: asyncpg.Pool) -> None:
    await pool.execute("delete from posting; delete from chunk; delete from node; delete from session; delete from job")


async def redo(owner: asyncpg.Pool, embedder: MiniLM | Narrow, *parts: Part) -> Rebuilt:
    return await rebuild(owner, embedder, tenant="acme", model_id=1, parts=parts or None)


async def owe(owner: asyncpg.Pool, part: Part) -> None:
    await owner.execute(f"update meta set {part} = 0")


async def test_nothing_is_owed_and_nothing_differs(
    memory: Memory, pool: asyncpg.Pool, owner: asyncpg.Pool, embedder: MiniLM
) -> None:
    await fill(memory)
    before = await stored(pool)
    assert await owed_parts(owner) == ()
    assert await redo(owner, embedder) == Rebuilt()
    done = await redo(owner, embedder, *PARTS)
    assert done.parts == PARTS
    assert set(done.changed.values()) == {0}, done
    assert await stored(pool) == before


async def test_texts_that_were_cut_otherwise_are_as_if_written_today(
    memory: Memory, pool: asyncpg.Pool, owner: asyncpg.Pool, embedder: MiniLM
) -> None:
    await fill(memory)
    today, vectors = await stored(pool), await unit_vectors(pool)
    await clear(pool)
    await fill(Memory(pool, Narrow(embedder), tenant="acme"))
    assert await stored(pool) != today
    await owe(owner, "chunker")
    assert await owed_parts(owner) == ("chunker",)
    done = await redo(owner, embedder)
    assert done.changed == {"nodes cut otherwise": 7, "messages cut otherwise": 3}
    assert await stored(pool) == today
    again = await unit_vectors(pool)
    assert again.keys() == vectors.keys()
    assert all(np.array_equal(again[text], vectors[text]) for text in vectors)
    assert await owed_parts(owner) == ()
    assert await pool.fetchval("select count(*) from job") == 0


async def unit_vectors(pool: asyncpg.Pool) -> dict[str, np.ndarray]:
    rows = await pool.fetch(
        "select c.heading || chr(10) || c.text as text, e.v from chunk c left join embedding e on e.chunk_id = c.id"
    )
    return {row["text"]: row["v"].to_numpy() for row in rows}


async def test_a_rebuild_that_was_killed_is_run_again(
    memory: Memory, pool: asyncpg.Pool, owner: asyncpg.Pool, embedder: MiniLM
) -> None:
    await fill(memory)
    today = await stored(pool)
    await clear(pool)
    await fill(Memory(pool, Narrow(embedder), tenant="acme"))
    await owe(owner, "chunker")
    each = await pool.fetchval("select count(*) from chunk where kind = 'message'") // 3
    assert each > 3
    with pytest.raises(EndedError):
        await redo(owner, Narrow(embedder, max_tokens=embedder.max_tokens, texts=12))
    assert await owed_parts(owner) == ("chunker",)
    assert await stored(pool) != today
    done = await redo(owner, embedder)
    assert 0 < sum(done.changed.values()) < 10
    assert await stored(pool) == today


@pytest.mark.parametrize("fault", [EmbedderUnavailable("away"), EmbedderError("answered 400")])
async def test_what_the_model_does_not_make_is_queued(
    pool: asyncpg.Pool, owner: asyncpg.Pool, embedder: MiniLM, memory: Memory, fault: EmbedderError
) -> None:
    await fill(Memory(pool, Narrow(embedder), tenant="acme"))
    await redo(owner, Failing(embedder, fault), "chunker")
    assert await pool.fetchval("select count(*) from job") == 10
    while (await memory.drain.once()).jobs:
        pass
    assert await pool.fetchval("select count(*) from chunk where id not in (select chunk_id from embedding)") == 0


async def test_what_is_changed_meanwhile_stays_and_readers_see_every_document_whole(
    memory: Memory, pool: asyncpg.Pool, owner: asyncpg.Pool, embedder: MiniLM
) -> None:
    await fill(Memory(pool, Narrow(embedder), tenant="acme"))
    seen: list[str | None] = []
    rebuilding = asyncio.create_task(redo(owner, embedder, "chunker"))

    async def read() -> None:
        while not rebuilding.done():
            rows = await pool.fetch(
                "select string_agg(c.text, '' order by c.ord) as text "
                "from node n left join chunk c on c.node_id = n.id where n.kind = 'resource' group by n.id"
            )
            seen.extend(row["text"] for row in rows)
            await asyncio.sleep(0)

    reading = asyncio.create_task(read())
    await memory.ingest(Document(uri="1.md", content="# Mercury\n\nNew.", media_type="text/markdown"), ADMIN)
    await asyncio.gather(rebuilding, reading)
    assert len(seen) > 20
    assert set(seen) == {LONG, "# Mercury\n\nNew."}


async def test_keys_of_an_older_normaliser_become_todays(
    memory: Memory, pool: asyncpg.Pool, owner: asyncpg.Pool, embedder: MiniLM, ask: Ask
) -> None:
    await fill(memory)
    today = await stored(pool)
    await pool.execute(
        "update node set key = replace(key, '-', '_'), fuzzy_text = key; update name set key = replace(key, '-', '_');"
        "update edge set dst_key = replace(dst_key, '-', '_')"
    )
    await owe(owner, "normaliser")
    assert not (await ask("LOOKUP entity/sarah-chen")).results
    done = await redo(owner, embedder)
    assert done.parts == ("normaliser",)
    assert done.changed["nodes with another key"] == 3
    assert done.changed["edges with another destination"] == 2
    assert await stored(pool) == today
    assert labels(await ask("LOOKUP entity/sarah-chen")) == ["Sarah Chen"]


async def test_labels_and_edges_that_become_one(
    memory: Memory, pool: asyncpg.Pool, owner: asyncpg.Pool, embedder: MiniLM, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    edges = (InlineEdge(dst="C++", rel_type="uses", weight=0.4), InlineEdge(dst="C", rel_type="uses", weight=0.9))
    await memory.put_entity(EntityInput(label="C++"), ADMIN)
    await memory.put_entity(EntityInput(label="C"), ADMIN)
    await memory.put_entity(EntityInput(label="Kernel", graph_edges=edges), ADMIN)
    monkeypatch.setattr(keys, "normalise_key", lambda label: label.casefold().rstrip("+"))
    done = await redo(owner, embedder, "normaliser")
    assert done.changed["edges closed as doubles"] == 1
    assert sorted(labels(await ask("LOOKUP entity/c"))) == ["C", "C++"]
    assert await pool.fetchval("select count(*) from name where key = 'c' and canonical") == 1
    rows = await pool.fetch("select dst_label from edge where closed_at is null")
    assert [row["dst_label"] for row in rows] == ["C"]
    assert set((await redo(owner, embedder, "normaliser")).changed.values()) == {0}


async def test_labels_that_swap_their_keys_stay_canonical(
    memory: Memory, pool: asyncpg.Pool, owner: asyncpg.Pool, embedder: MiniLM
) -> None:
    for number in range(8):
        await memory.put_entity(EntityInput(label=f"E{number}"), ADMIN)
    today = await stored(pool)
    # Each has the key of the next.
    await pool.execute("update name set key = 'x' || key; update node set key = 'x' || key")
    for table in ("name", "node"):
        await pool.execute(f"update {table} set key = 'e' || (substr(key, 3)::int + 1) % 8")
    await redo(owner, embedder, "normaliser")
    assert await stored(pool) == today


async def test_postings_of_an_older_tokeniser_become_todays(
    memory: Memory, pool: asyncpg.Pool, owner: asyncpg.Pool, embedder: MiniLM, ask: Ask
) -> None:
    await fill(memory)
    await memory.refresh_statistics()
    today = await stored(pool)
    counted = await pool.fetch("select term, df from term_stat order by term")
    await pool.execute(
        "update posting set term = 'dumplings' where term = 'dumpl'; delete from posting where term = 'part';"
        "update posting set tf = 9, len = 9 where term = 'sentenc'"
    )
    await memory.refresh_statistics()
    assert not (await ask("SEARCH dumplings MODE lexical")).results
    await owe(owner, "tokeniser")
    done = await redo(owner, embedder)
    assert done.changed["chunks with other terms"] == len(today[3])
    assert await stored(pool) == today
    assert await pool.fetch("select term, df from term_stat order by term") == counted
    assert (await ask("SEARCH dumplings MODE lexical")).results
    assert (await redo(owner, embedder, "tokeniser")).changed == {"chunks with other terms": 0}


async def test_one_at_a_time(owner: asyncpg.Pool, embedder: MiniLM, superuser: asyncpg.Connection) -> None:
    await superuser.execute("select pg_advisory_lock(hashtextextended('rem rebuild', 0))")
    with pytest.raises(SchemaBusy):
        await redo(owner, embedder)


async def test_what_is_newer_than_this_runtime_is_left_alone(owner: asyncpg.Pool, embedder: MiniLM) -> None:
    await owner.execute("update meta set chunker = 99")
    with pytest.raises(SchemaError, match="newer image"):
        await redo(owner, embedder)


async def test_schema_apply_does_not_say_that_it_is_done(owner: asyncpg.Pool) -> None:
    await owe(owner, "tokeniser")
    await owner.execute("update meta set definitions_hash = 'other'")
    async with owner.acquire() as conn:
        plan = await plan_schema(conn, Wanted("rem_app", "rem_sql"))
        assert any("tokeniser 0 -> 1" in note and "rem-runtime rebuild" in note for note in plan.notes)
        report = await apply_schema(conn, app_role="rem_app", sql_role="rem_sql")
        assert not report.unchanged
        assert any("rem-runtime rebuild" in note for note in report.notes)
    assert await owed_parts(owner) == ("tokeniser",)
