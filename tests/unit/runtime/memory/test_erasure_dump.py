"""The hard promise: after an erasure no word of it stands anywhere in the database, planner statistics included."""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from rem_runtime.memory.caller import Caller
from rem_runtime.memory.erasure import ErasedKind
from rem_runtime.memory.ingest import Document, EntityInput
from rem_runtime.memory.models import NODE_MODELS, Entity, InlineEdge, Validity
from rem_runtime.memory.records.patches import EntityPatch
from rem_runtime.memory.store import Memory

from .conftest import ADMIN

pytestmark = pytest.mark.postgres

USER = "zqann"
ANN = Caller.of(USER, {"read", "write"})
_WORD = re.compile(r"zq\w+")

Dump = Callable[[], Awaitable[str]]


class Words:
    """Code words: each is used in one place only, and begins with the prefix of what is to go or to stay."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.given: list[str] = []

    def __call__(self, place: str) -> str:
        self.given.append(f"{self.prefix}{len(self.given)}x{place}9")
        return self.given[-1]


@pytest.fixture
def dump(superuser: asyncpg.Connection) -> Dump:
    """Every row of every table as text, and what the planner remembers of them."""

    async def read() -> str:
        out = io.BytesIO()
        for row in await superuser.fetch("select tablename from pg_tables where schemaname = 'public'"):
            await superuser.copy_from_query(f'select * from "{row["tablename"]}"', output=out)
        await superuser.copy_from_query("select * from pg_stats where schemaname = 'public'", output=out)
        await superuser.copy_from_query("select * from pg_stats_ext where schemaname = 'public'", output=out)
        return out.getvalue().decode().lower()

    return read


async def fill(memory: Memory, pool: asyncpg.Pool, caller: Caller, word: Words) -> dict[str, UUID]:
    """One thing of every kind of one owner, with a word of its own in everything that holds text."""
    ids: dict[str, UUID] = {}
    first = await memory.ingest(_document(word, "before"), caller)
    ids["resource"] = (await memory.ingest(_document(word, "after", uri=first.uri), caller)).id
    edge = InlineEdge(
        dst=word("destination"), rel_type=word("relation"), properties={word("name"): word("value")}, valid=Validity()
    )
    entity = EntityInput(
        label=word("label"), type=word("type"), aliases=(word("alias"),), description=f"It is {word('description')}.",
        properties={word("name"): [word("value")]}, metadata={word("name"): word("value")}, tags=(word("tag"),),
        graph_edges=(edge,),
    )  # fmt: skip
    ids["entity"] = (await memory.put_entity(entity, caller))[0].id
    for kind in ("moment", "user", "file"):
        ids[kind] = await _node(pool, kind, caller.user, word)
    ids["session"], ids["message"] = await _conversation(pool, caller.user, word)
    return ids


def _document(word: Words, when: str, *, uri: str | None = None) -> Document:
    text = (
        f"---\ntitle: {word('title')}\naliases: [{word('alias')}]\ntags: [{word('tag')}]\n{word('relation')}: "
        f"[{word('destination')}]\n{word('name')}: {word('value')}\n---\n# {word('heading')}\n\n"
        f"{when} {word('text')} and [{word('link')}]({word('target')}.md)\n\n## {word('below')}\n\n{word('more')}\n"
    )
    return Document(uri=uri or f"{word('folder')}/{word('file')}.md", content=text, media_type="text/markdown")


async def _node(pool: asyncpg.Pool, kind: str, owner: str, word: Words) -> UUID:
    fields = {name: word(name) for name in NODE_MODELS[kind].model_fields}
    label = word("label").lower()
    node: UUID = await pool.fetchval(
        "insert into node (owner, kind, type, key, label, data, metadata, tags, fuzzy_text, content_hash, starts_at) "
        "values ($1, $2, $3, $4, $4, $5, $6, $7, $4, $8, now()) returning id",
        owner, kind, word("type"), label, fields, {word("name"): word("value")}, [word("tag")], b"of the content",
    )  # fmt: skip
    await pool.execute("insert into name values ($1, $2, $3, $4, true)", label, owner, kind, node)
    await pool.execute("insert into name values ($1, $2, $3, $4, false)", word("alias"), owner, kind, node)
    await pool.execute(
        "insert into edge (src, rel, dst_key, dst_label, weight, properties, owner, closed_at) "
        "values ($1, $2, $3, $3, 1, $4, $5, now())",
        node, word("relation"), word("destination"), {"x": word("value")}, owner,
    )  # fmt: skip
    await _chunk(pool, "node_id", node, owner=owner, kind=kind, word=word)
    return node


async def _chunk(pool: asyncpg.Pool, column: str, thing: UUID, *, owner: str, kind: str, word: Words) -> None:
    text = word("text")
    chunk = await pool.fetchval(
        f"insert into chunk ({column}, ord, heading, text, at, owner, kind) "
        "values ($1, 0, $2, $3, now(), $4, $5) returning id",
        thing, word("heading"), text, owner, kind,
    )  # fmt: skip
    await pool.execute("insert into posting values ($1, $2, $3, 1, 1)", text.lower(), owner, chunk)


async def _conversation(pool: asyncpg.Pool, owner: str, word: Words) -> tuple[UUID, UUID]:
    session: UUID = await pool.fetchval(
        "insert into session (owner, name, agent, metadata, tags) values ($1, $2, $3, $4, $5) returning id",
        owner, word("session"), word("agent"), {word("name"): word("value")}, [word("tag")],
    )  # fmt: skip
    message: UUID = await pool.fetchval(
        "insert into message (session_id, role, content, tool_calls, trace_id, owner, metadata, tags) "
        "values ($1, 'tool', $2, $3, $4, $5, $6, $7) returning id",
        session, word("content"), [{"id": word("call"), "name": word("tool"), "arguments": {"x": word("argument")}}],
        word("trace"), owner, {word("name"): word("value")}, [word("tag")],
    )  # fmt: skip
    await _chunk(pool, "message_id", message, owner=owner, kind="message", word=word)
    return session, message


async def derive(pool: asyncpg.Pool, ids: dict[str, UUID], owner: str, word: Words) -> None:
    """What a dream makes of these: a node and an edge from each, one from another's result; a run, waiting work."""
    run = await pool.fetchval(
        "insert into run (key, kind, counters, result, error) values ($1, 'dream', $2, $3, $4) returning id",
        "9f86d081884c7d659a2f", {word("name"): 1}, {"said": word("result")}, f"failed at {word('error')}",
    )  # fmt: skip
    for kind, one in ids.items():
        if kind == "session":
            continue
        source = "source_message_id" if kind == "message" else "source_node_id"
        made = await _node(pool, "moment", owner, word)
        await pool.execute(f"insert into evidence (node_id, {source}, run_id) values ($1, $2, $3)", made, one, run)
        further = await _node(pool, "entity", owner, word)
        await pool.execute("insert into evidence (node_id, source_node_id) values ($1, $2)", further, made)
        await pool.execute("insert into job (kind, payload, error) values ('dream', $1, $2)",
                           {"things": [{"id": str(one)}], "text": word("payload")}, word("error"))  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session")
async def shared(memory: Memory, pool: asyncpg.Pool) -> tuple[Words, dict[str, UUID]]:
    """What stays."""
    word = Words("keep")
    ids = await fill(memory, pool, ADMIN, word)
    await fill(memory, pool, Caller.of("bob"), word)
    return word, ids


async def settle(memory: Memory, superuser: asyncpg.Connection) -> None:
    """Every statistic that there is knows what is stored."""
    await memory.refresh_statistics()
    await superuser.execute("analyze")


def found(words: Words, text: str) -> list[str]:
    return [one for one in words.given if one.lower() in text]


async def test_nothing_of_a_forgotten_user_is_anywhere(
    memory: Memory, pool: asyncpg.Pool, superuser: asyncpg.Connection, dump: Dump, shared: tuple[Words, dict[str, UUID]]
) -> None:
    kept, shared_ids = shared
    word = Words("zq")
    ids = await fill(memory, pool, ANN, word)
    await derive(pool, ids, USER, word)
    edge = await pool.fetchval(
        "insert into edge (src, rel, dst_key, dst_label, weight, properties, owner) "
        "values ($1, $2, $3, $3, 1, $4, $5) returning id",
        shared_ids["entity"], word("relation"), word("destination"), {word("name"): word("value")}, USER,
    )  # fmt: skip
    await pool.execute("insert into evidence (edge_id, source_message_id) values ($1, $2)", edge, ids["message"])
    await memory.delete(ANN, kind="entity", thing_id=ids["entity"])
    person = await pool.fetchval(
        "insert into node (owner, kind, key, label, data, fuzzy_text) values ('', 'user', $1, $1, $2, $1) returning id",
        USER, {"summary": word("summary")},
    )  # fmt: skip
    await pool.execute("insert into name values ($1, '', 'user', $2, true)", USER, person)
    await pool.execute("insert into job (kind, payload) values ('x', $1)", {"for": {"owner": USER, "t": word("text")}})
    await settle(memory, superuser)
    before = await dump()
    gone = {w for w in word.given if w.lower() not in before}
    # The first version of a document was replaced, and the names of what was deleted went with the deletion.
    assert len(gone) < 20
    assert len(word.given) > 300

    report = await memory.forget_user(USER, ADMIN)

    after = await dump()
    assert sorted(set(_WORD.findall(after))) == []
    assert found(kept, after) == found(kept, before)
    assert report.purged
    assert (report.users, report.sessions, report.messages, report.resources, report.files) == (2, 1, 1, 1, 1)
    assert (report.moments, report.entities) == (1 + 6, 1 + 6)
    assert report.derived == 0, "they have the same owner, so they went as that user's"
    assert report.runs == 1
    assert report.jobs == 7
    assert report.terms > 10
    assert (await memory.forget_user(USER, ADMIN)).total == 0


async def test_a_memory_that_becomes_empty_remembers_nothing(
    memory: Memory, pool: asyncpg.Pool, superuser: asyncpg.Connection, dump: Dump
) -> None:
    """ANALYZE leaves the statistics of an empty table as they were."""
    word = Words("zq")
    ids = await fill(memory, pool, ANN, word)
    await derive(pool, ids, USER, word)
    await settle(memory, superuser)
    assert _WORD.findall(await dump())
    await memory.forget_user(USER, ADMIN)
    assert _WORD.findall(await dump()) == []


@pytest.mark.parametrize("hidden_before", [False, True], ids=["at once", "deleted before"])
async def test_nothing_of_purged_things_is_anywhere(
    memory: Memory,
    pool: asyncpg.Pool,
    superuser: asyncpg.Connection,
    dump: Dump,
    shared: tuple[Words, dict[str, UUID]],
    hidden_before: bool,
) -> None:
    kept, _ = shared
    word = Words("zq")
    ids = await fill(memory, pool, ANN, word)
    await derive(pool, ids, USER, word)
    await settle(memory, superuser)
    before = await dump()
    assert len(found(word, before)) > 300
    order: tuple[ErasedKind, ...] = ("resource", "entity", "moment", "user", "file", "message", "session")
    if hidden_before:
        for kind in order:
            await memory.delete(ANN, kind=kind, thing_id=ids[kind])
        await superuser.execute("analyze")
    derived = 0
    for kind in order:
        report = await memory.delete(ADMIN, kind=kind, thing_id=ids[kind], purge=True)
        derived += report.derived
    after = await dump()
    assert [one for one in _WORD.findall(after) if one != USER] == []
    assert found(kept, after) == found(kept, before)
    assert derived == 12


async def test_a_purge_leaves_no_name_of_an_earlier_version(
    memory: Memory, superuser: asyncpg.Connection, dump: Dump
) -> None:
    entities = []
    for number in range(3):  # of one value there is no histogram
        edge = InlineEdge(dst=f"zqtarget{number}", rel_type="knows")
        entity, _ = await memory.put_entity(EntityInput(label=f"zqfirst{number}", graph_edges=(edge,)), ANN)
        entities.append(entity.id)
    await superuser.execute("analyze")
    for number, entity_id in enumerate(entities):
        patch = EntityPatch(label=f"Renamed {number}", graph_edges=())
        await memory.records.update(Entity, entity_id, patch, ANN)
    assert {"zqfirst0", "zqtarget0"} <= set(_WORD.findall(await dump())), "in the statistics"
    await memory.forget_user(USER, ADMIN)
    assert [one for one in _WORD.findall(await dump()) if one != USER] == []
