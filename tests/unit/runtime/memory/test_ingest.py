"""Ingest: idempotent, whole or not at all, and replaced without a trace of what was."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest
from pgvector import HalfVector

from rem_runtime.memory.caller import Caller
from rem_runtime.memory.embedding import MiniLM
from rem_runtime.memory.errors import InvalidInput, NotFound, NotPermitted
from rem_runtime.memory.ingest import Document, EntityInput
from rem_runtime.memory.models import InlineEdge, Validity
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, ANN, BOB, Ask, Remember, labels

pytestmark = pytest.mark.postgres

COUNTS = """
select (select count(*) from node) as nodes, (select count(*) from name) as names, (select count(*) from edge) as edges,
    (select count(*) from chunk) as chunks, (select count(distinct chunk_id) from posting) as posted,
    (select count(*) from embedding) as vectors
"""


async def counts(pool: asyncpg.Pool) -> dict[str, int]:
    row = await pool.fetchrow(COUNTS)
    assert row is not None
    return dict(row)


async def test_the_same_again_writes_nothing(remember: Remember, superuser: asyncpg.Connection) -> None:
    first = await remember("a.md", "# A\n\n[b](b.md)")
    before = await superuser.fetchval("select pg_current_wal_insert_lsn()")
    again = await remember("a.md", "# A\n\n[b](b.md)")
    assert await superuser.fetchval("select pg_current_wal_insert_lsn()") == before
    assert (first.created, first.unchanged) == (True, False)
    assert (again.created, again.unchanged) == (False, True)
    assert (again.id, again.chunks, again.edges, again.label) == (first.id, 1, 1, "A")


async def test_a_change_replaces_everything(remember: Remember, ask: Ask, pool: asyncpg.Pool) -> None:
    first = await remember("a.md", "---\naliases: [Old name]\nleads: [Ann, Bob]\n---\n# Old\n\nelephants")
    second = await remember("a.md", "---\nleads: [Bob, Cid]\n---\n# New\n\ngiraffes")
    assert second.id == first.id
    assert not second.created
    assert await counts(pool) == {"nodes": 1, "names": 3, "edges": 2, "chunks": 1, "posted": 1, "vectors": 1}
    assert labels(await ask("LOOKUP Old, Old name")) == []
    answer = await ask("LOOKUP New")
    assert [edge.dst for edge in answer.results[0].node.graph_edges] == ["Bob", "Cid"]  # type: ignore[union-attr]
    assert answer.results[0].node.version == 2  # type: ignore[union-attr]
    assert labels(await ask("SEARCH elephants MODE lexical")) == []


async def test_edges_that_stay_keep_their_identity(remember: Remember, pool: asyncpg.Pool) -> None:
    await remember("a.md", "---\nleads: [Ann, Bob]\n---\nx")
    before = {row["dst_key"]: row["id"] for row in await pool.fetch("select id, dst_key from edge")}
    await pool.execute("insert into run (key, kind) values ('r', 'dream')")
    await pool.execute(
        "insert into edge (src, rel, dst_key, dst_label, weight, owner, run_id) "
        "select n.id, 'similar_to', 'dreamt', 'Dreamt', 0.5, '', r.id from node n, run r"
    )
    await remember("a.md", "---\nleads: [Bob]\n---\ny")
    after = {row["dst_key"]: row["id"] for row in await pool.fetch("select id, dst_key from edge")}
    assert after.pop("dreamt")
    assert after == {"bob": before["bob"]}


async def test_colliding_labels_are_both_found_the_first_is_canonical(
    remember: Remember, ask: Ask, pool: asyncpg.Pool
) -> None:
    first, second = await remember("x/a.md", "# Notes\n1"), await remember("y/a.md", "# Notes\n2")
    answer = await ask("LOOKUP notes")
    assert [hit.node.id for hit in answer.results] == [first.id, second.id]  # type: ignore[union-attr]
    assert await pool.fetchval("select node_id from name where key = 'notes' and canonical") == first.id


async def test_writers_of_one_label_do_not_deadlock(memory: Memory, remember: Remember, pool: asyncpg.Pool) -> None:
    results = await asyncio.gather(*(remember(f"{n}.md", f"# Same\n{n}") for n in range(12)))
    assert len({result.id for result in results}) == 12
    assert await pool.fetchval("select count(*) from name where canonical and key = 'same'") == 1


async def test_writers_of_one_document_leave_one(remember: Remember, pool: asyncpg.Pool) -> None:
    await asyncio.gather(*(remember("a.md", f"# Same\n{n}") for n in range(6)))
    found = await counts(pool)
    assert (found["nodes"], found["chunks"], found["vectors"]) == (1, 1, 1)


async def test_readers_see_the_old_or_the_new_whole(remember: Remember, ask: Ask) -> None:
    await remember("a.md", "# Doc\n\n" + "old " * 50)
    writing = asyncio.create_task(_rewrite(remember))
    while not writing.done():
        answer = await ask("SEARCH old new")
        texts = {word for passage in answer.results[0].passages for word in passage.text.split()[2:]}
        assert len(texts) == 1
    await writing


async def _rewrite(remember: Remember) -> None:
    for word in ("new", "old", "new", "old", "new"):
        await remember("a.md", "# Doc\n\n" + f"{word} " * 50)


async def test_the_same_uri_of_two_owners_is_two_documents(remember: Remember) -> None:
    shared, anns, bobs = [await remember("a.md", "# A", caller=caller) for caller in (ADMIN, ANN, BOB)]
    assert len({shared.id, anns.id, bobs.id}) == 3
    assert [result.owner for result in (shared, anns, bobs)] == ["", "ann", "bob"]


async def test_who_may_write_for_whom(memory: Memory) -> None:
    document = Document(uri="a.md", content="x", owner="")
    with pytest.raises(NotPermitted, match="admin"):
        await memory.ingest(document, ANN)
    with pytest.raises(NotPermitted, match="admin"):
        await memory.ingest(document.model_copy(update={"owner": "bob"}), ANN)
    with pytest.raises(NotPermitted, match="say who the owner is"):
        await memory.ingest(document.model_copy(update={"owner": None}), Caller.of("", {"write"}))
    assert (await memory.ingest(document.model_copy(update={"owner": "bob"}), ADMIN)).owner == "bob"
    with pytest.raises(InvalidInput, match="owner"):
        await memory.ingest(document.model_copy(update={"owner": "x" * 300}), ADMIN)


async def test_long_documents_have_ordered_chunks(remember: Remember, pool: asyncpg.Pool) -> None:
    text = "# Long\n\n" + "\n\n".join(f"## Part {n}\n\n" + f"Sentence {n} about something. " * 40 for n in range(10))
    result = await remember("long.md", text)
    rows = await pool.fetch("select text from chunk where node_id = $1 order by ord", result.id)
    assert result.chunks == len(rows) >= 10
    assert "".join(row["text"] for row in rows) == text


async def test_entities_are_put(memory: Memory, ask: Ask) -> None:
    edge = InlineEdge(
        dst="Mercury", rel_type="works on", weight=0.9, valid=Validity(since=datetime(2026, 1, 1, tzinfo=UTC))
    )
    entity = EntityInput(
        label="Sarah Chen", type="Person", description="Leads billing.", aliases=("Sarah",), graph_edges=(edge,),
        properties={"city": "Berlin"}, tags=("lead",), metadata={"source": "hr"},
    )  # fmt: skip
    stored, created = await memory.put_entity(entity, ANN)
    assert created
    assert (stored.type, stored.user_id, stored.properties, stored.tags) == (
        "person",
        "ann",
        {"city": "Berlin"},
        ("lead",),
    )
    assert stored.graph_edges == (edge.model_copy(update={"rel_type": "works_on"}),)
    again, created = await memory.put_entity(entity, ANN)
    assert not created
    assert again == stored
    changed, created = await memory.put_entity(EntityInput(label="sarah_chen", type="robot"), ANN)
    assert not created
    assert (changed.id, changed.label, changed.type, changed.description) == (stored.id, "sarah_chen", "robot", None)
    assert changed.graph_edges == ()
    assert labels(await ask("LOOKUP Sarah", ANN)) == []
    assert labels(await ask("SEARCH billing", ANN)) == []


async def test_one_label_in_two_kinds_is_two_things(memory: Memory, remember: Remember, ask: Ask) -> None:
    await remember("mercury.md", "# Mercury")
    await memory.put_entity(EntityInput(label="Mercury", type="project"), ADMIN)
    assert sorted(hit.kind or "" for hit in (await ask("LOOKUP mercury")).results) == ["entity", "resource"]


async def test_pages(memory: Memory, remember: Remember) -> None:
    ids = [(await remember(f"{n}.md", f"{n}", caller=ANN if n % 2 else ADMIN)).id for n in range(7)]
    seen, cursor = [], None
    while True:
        page = await memory.list_resources(ANN, cursor=cursor, limit=3)
        seen += [item.id for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ids[::-1]
    assert [item.id for item in (await memory.list_resources(BOB)).items] == ids[::-2]
    for cursor in ("nonsense", "%%%", "AAAA"):
        with pytest.raises(InvalidInput, match="cursor"):
            await memory.list_resources(ANN, cursor=cursor)
    with pytest.raises(InvalidInput, match="limit"):
        await memory.list_resources(ANN, limit=0)


async def test_what_is_of_another_kind_is_not_there(memory: Memory, remember: Remember) -> None:
    result = await remember("a.md", "x")
    with pytest.raises(NotFound):
        await memory.get_entity(result.id, ADMIN)
    assert (await memory.get_resource(result.id, ADMIN)).uri == "a.md"


async def test_a_document_is_read_as_it_was_stored(memory: Memory, remember: Remember) -> None:
    content = "---\ntitle: Long\n---\n# Long\n\n" + "\n\n".join(f"## Part {n}\n\n{'words ' * 150}" for n in range(5))
    result = await remember("long.md", content)
    assert result.chunks > 3
    read = await memory.get_resource(result.id, ADMIN)
    assert (read.label, read.content) == ("Long", content)


async def test_statistics_follow_the_corpus(remember: Remember, memory: Memory, pool: asyncpg.Pool) -> None:
    for n in range(5):
        await remember(f"{n}.md", f"elephant number{n}")
    assert await pool.fetchval("select chunks from corpus_stat") == 5
    assert await pool.fetchval("select df from term_stat where term = 'eleph'") == 5
    await remember("4.md", "giraffe")
    assert await memory.refresh_statistics()
    assert await pool.fetchval("select df from term_stat where term = 'eleph'") == 4
    assert await pool.fetchval("select df from term_stat where term = 'number4'") is None


async def test_only_one_refreshes_at_a_time(memory: Memory, pool: asyncpg.Pool) -> None:
    async with pool.acquire() as other, other.transaction():
        await other.execute("select pg_advisory_xact_lock(hashtextextended('rem statistics', 0))")
        assert not await memory.refresh_statistics()


async def test_a_failed_write_leaves_nothing(
    remember: Remember, pool: asyncpg.Pool, embedder: MiniLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    await remember("a.md", "# A\n\nfirst")
    before = await counts(pool)
    short = HalfVector([1, 2])  # the index of the model's vectors refuses it
    monkeypatch.setattr("rem_runtime.memory.ingest.write.half_vectors", lambda vectors: [short] * len(vectors))
    with pytest.raises(asyncpg.DataError):
        await remember("a.md", "# B\n\nsecond")
    assert await counts(pool) == before
    assert await pool.fetchval("select label from node") == "A"
