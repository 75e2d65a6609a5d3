"""Many documents at once are what they are one by one; a bad one is named and stops nobody."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import asyncpg
import pytest

from rem_runtime.memory.answers import IngestFailure, IngestResult
from rem_runtime.memory.embedding import MiniLM
from rem_runtime.memory.embedding.embedder import Vectors
from rem_runtime.memory.errors import EmbedderError
from rem_runtime.memory.ingest import Document, many
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, ANN, Ask, labels

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(120)]

TABLES = {
    "node": "owner, kind, key, label, data, metadata, tags, starts_at, fuzzy_text, content_hash",
    "name": "key, owner, kind, canonical",
    "edge": "rel, dst_key, dst_kind, dst_label, weight, properties, owner, valid",
    "chunk": "ord, heading, text, owner, kind",
    "posting": "term, owner, tf, len",
    "embedding": "model, v",
    "job": "kind",
}


def document(number: int, text: str = "An elephant.", owner: str | None = None) -> Document:
    content = f"---\ntags: [animal]\nworks_with: [Ann {number % 3}]\n---\n# Note {number}\n\n{text} See [it](./0.md)."
    return Document(uri=f"{number}.md", content=content, media_type="text/markdown", owner=owner)


def long_document(number: int) -> Document:
    return document(number, "\n\n".join(f"## Part {part}\n\n{'word ' * 150}{number}" for part in range(5)))


async def stored(pool: asyncpg.Pool) -> dict[str, list[str]]:
    return {
        table: sorted(str(tuple(row)) for row in await pool.fetch(f"select {columns} from {table}"))
        for table, columns in TABLES.items()
    }


def results(outcomes: Sequence[IngestResult | IngestFailure]) -> list[IngestResult]:
    assert all(isinstance(one, IngestResult) for one in outcomes), outcomes
    return [one for one in outcomes if isinstance(one, IngestResult)]


async def test_they_are_what_they_are_one_by_one(
    memory: Memory, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "GROUP_DOCUMENTS", 3)
    documents = [document(0), document(1, owner="ann"), document(2, owner="ann"), *map(long_document, range(3, 6))]
    documents += [document(number) for number in range(6, 12)]
    singly = [await memory.ingest(one, ADMIN) for one in documents]
    expected = await stored(pool)
    await pool.execute("delete from posting")
    for table in ("embedding", "chunk", "edge", "name", "node"):
        await pool.execute(f"delete from {table}")
    together = results(await memory.ingest_many(documents, ADMIN))
    assert await stored(pool) == expected
    assert [one.model_dump(exclude={"id"}) for one in together] == [one.model_dump(exclude={"id"}) for one in singly]
    found = await pool.fetch("select id, owner, data ->> 'uri' as uri from node")
    assert {(one.id, one.owner, one.uri) for one in together} == {tuple(row) for row in found}


async def test_again_is_nothing_and_changes_replace(memory: Memory, pool: asyncpg.Pool, ask: Ask) -> None:
    documents = [document(number) for number in range(10)]
    first = results(await memory.ingest_many(documents, ADMIN))
    before = await stored(pool)
    again = results(await memory.ingest_many(documents, ADMIN))
    assert all(one.unchanged for one in again)
    assert [(one.id, one.chunks, one.edges) for one in again] == [(one.id, one.chunks, one.edges) for one in first]
    assert await stored(pool) == before
    documents[3:5] = [document(3, "A giraffe."), document(99, "A new one.")]
    mixed = results(await memory.ingest_many(documents, ADMIN))
    assert [one.uri for one in mixed if not one.unchanged] == ["3.md", "99.md"]
    assert [one.created for one in mixed if not one.unchanged] == [False, True]
    assert labels(await ask("SEARCH giraffe"))[0] == "Note 3"
    assert await pool.fetchval("select count(*) from node") == 11


async def test_bad_ones_are_named_and_stop_nobody(memory: Memory, pool: asyncpg.Pool) -> None:
    bad = Document(uri="empty.md", content=" \n ", media_type="text/markdown")
    outcomes = await memory.ingest_many([document(0), bad, document(1), document(2, owner="bob"), document(3)], ANN)
    assert [type(one) for one in outcomes] == [IngestResult, IngestFailure, IngestResult, IngestFailure, IngestResult]
    assert outcomes[1] == IngestFailure(
        index=1, uri="empty.md", error="the document is empty; there is nothing to remember"
    )
    assert isinstance(outcomes[3], IngestFailure)
    assert outcomes[3].index == 3
    assert {row["uri"] for row in await pool.fetch("select data ->> 'uri' as uri from node")} == {
        "0.md",
        "1.md",
        "3.md",
    }


async def test_one_that_the_database_refuses(memory: Memory, pool: asyncpg.Pool, superuser: asyncpg.Connection) -> None:
    await superuser.execute("alter table chunk add constraint no_poison check (text !~ 'poison')")
    outcomes = await memory.ingest_many([document(0), document(1, "poison"), document(2)], ADMIN)
    assert [type(one) for one in outcomes] == [IngestResult, IngestFailure, IngestResult]
    assert "CheckViolation" in outcomes[1].error  # type: ignore[union-attr]
    assert await pool.fetchval("select count(*) from node") == 2
    assert await pool.fetchval("select count(*) from embedding") == 2


async def test_one_that_the_embedder_refuses(pool: asyncpg.Pool, embedder: MiniLM) -> None:
    class Picky:
        inline = True
        model, dimensions, max_tokens = embedder.model, embedder.dimensions, embedder.max_tokens
        token_ends = staticmethod(embedder.token_ends)

        async def embed(self, texts: Sequence[str]) -> Vectors:
            if any("poison" in text for text in texts):
                raise EmbedderError("refused")
            return await embedder.embed(texts)

    outcomes = await Memory(pool, Picky()).ingest_many([document(0), document(1, "poison"), document(2)], ADMIN)
    assert [type(one) for one in outcomes] == [IngestResult, IngestFailure, IngestResult]
    assert await pool.fetchval("select count(*) from node") == 2


async def test_of_one_uri_the_last_counts(memory: Memory, ask: Ask, pool: asyncpg.Pool) -> None:
    outcomes = results(await memory.ingest_many([document(1), document(2), document(1, "A giraffe.")], ADMIN))
    assert outcomes[0].id == outcomes[2].id
    assert [one.created for one in outcomes] == [True, True, False]
    assert await pool.fetchval("select count(*) from node") == 2
    assert labels(await ask("SEARCH giraffe MODE lexical")) == ["Note 1"]


async def test_nothing_is_nothing(memory: Memory) -> None:
    assert await memory.ingest_many([], ADMIN) == ()


async def test_writers_of_the_same_documents_do_not_get_in_each_others_way(
    memory: Memory, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "GROUP_DOCUMENTS", 5)
    rng = random.Random(1)
    lists = []
    for turn in range(4):
        documents = [document(number, f"Turn {turn}.") for number in range(20)]
        rng.shuffle(documents)
        lists.append(documents)
    singles = [memory.ingest(document(number, "Alone."), ADMIN) for number in range(20)]
    await asyncio.gather(*(memory.ingest_many(documents, ADMIN) for documents in lists), *singles)
    assert await pool.fetchval("select count(*) from node") == 20
    assert await pool.fetchval("select count(*) from chunk") == 20
    assert await pool.fetchval("select count(*) from embedding") == 20
    assert await pool.fetchval("select count(*) from name where canonical") == 20


async def test_readers_see_the_old_or_the_new_whole(
    memory: Memory, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "GROUP_CHUNKS", 12)

    def version(number: int) -> list[Document]:
        parts = "\n\n".join(f"## Part {part}\n\n{f'v{number} ' * 120}" for part in range(4))
        return [Document(uri=f"{one}.md", content=parts, media_type="text/markdown") for one in range(6)]

    ids = [one.id for one in results(await memory.ingest_many(version(0), ADMIN))]
    done = asyncio.Event()

    async def read() -> int:
        reads = 0
        while not done.is_set():
            for node in ids:
                content = (await memory.get_resource(node, ADMIN)).content
                assert len(set(content.replace("## Part ", "").split()) - set("0123")) == 1
                reads += 1
        return reads

    reading = asyncio.create_task(read())
    for number in range(1, 4):
        await memory.ingest_many(version(number), ADMIN)
    done.set()
    assert await reading > 20


async def test_without_an_embedder_in_this_process_jobs_are_queued(pool: asyncpg.Pool, embedder: MiniLM) -> None:
    class Elsewhere:
        inline = False
        model, dimensions, max_tokens = embedder.model, embedder.dimensions, embedder.max_tokens
        token_ends, embed = staticmethod(embedder.token_ends), staticmethod(embedder.embed)

    memory = Memory(pool, Elsewhere())
    results(await memory.ingest_many([document(number) for number in range(5)], ADMIN))
    assert await pool.fetchval("select count(*) from embedding") == 0
    assert await pool.fetchval("select count(*) from job where kind = 'embed'") == 5
    assert (await memory.drain.once()).vectors == 5
