"""The dialect's verb SQL through the memory: who may, where it is off, and the rows of what was really stored."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from rem_runtime.memory.caller import Caller
from rem_runtime.memory.embedding import MiniLM
from rem_runtime.memory.errors import DialectError, NotAvailable, NotPermitted
from rem_runtime.memory.ingest import Document, EntityInput
from rem_runtime.memory.models import InlineEdge
from rem_runtime.memory.sql import open_sql_mode
from rem_runtime.memory.store import Memory

from .conftest import World

pytestmark = pytest.mark.postgres

ANN = Caller.of("ann", {"read", "write", "sql"})
BOB = Caller.of("bob", {"read", "write", "sql"})
ADMIN = Caller.of("", {"read", "write", "admin", "sql"})


@pytest_asyncio.fixture(loop_scope="session")
async def asked(pool: asyncpg.Pool, schema: World, embedder: MiniLM) -> AsyncIterator[Memory]:
    """A memory with SQL mode, and something in it."""
    mode = await open_sql_mode(dsn=schema.sql_dsn)
    memory = Memory(pool, embedder, tenant="acme", sql=mode)
    await memory.ingest(Document(uri="a.md", content="# Launch\n\nMoved to May.\n", media_type="text/markdown"), ADMIN)
    edge = InlineEdge(dst="Mercury", rel_type="works_on", weight=0.8)
    await memory.put_entity(EntityInput(label="Sarah Chen", type="person", graph_edges=(edge,)), ANN)
    await memory.put_entity(EntityInput(label="Mercury", type="project", aliases=("the probe",)), ANN)
    await memory.put_entity(EntityInput(label="Secret", type="project"), BOB)
    yield memory
    await mode.close()


async def test_rows_come_as_an_answer(asked: Memory) -> None:
    answer = await asked.query("SQL select label, type from entities order by label", ANN)
    assert answer.verb == "SQL"
    assert answer.rows == ({"label": "Mercury", "type": "project"}, {"label": "Sarah Chen", "type": "person"})
    assert answer.results == ()
    assert answer.query == "SQL select label, type from entities order by label"
    assert answer.defaults == {"LIMIT": 1000}
    assert set(answer.took_ms) == {"parse", "sql", "total"}
    assert answer.model_dump(mode="json")["rows"][0]["label"] == "Mercury"


async def test_edges_find_what_they_lead_to(asked: Memory) -> None:
    answer = await asked.query(
        "SQL select e.src, e.rel, p.label, e.weight from edges e join entities p on p.id = e.dst_id", ANN
    )
    assert answer.rows == ({"src": "Sarah Chen", "rel": "works_on", "label": "Mercury", "weight": 0.8},)


async def test_each_sees_their_own(asked: Memory) -> None:
    for caller, labels in ((ANN, ["Mercury", "Sarah Chen"]), (BOB, ["Secret"]), (ADMIN, [])):
        answer = await asked.query("SQL select label from entities order by 1", caller)
        assert [row["label"] for row in answer.rows or ()] == labels
        texts = await asked.query("SQL select text from passages where uri = 'a.md'", caller)
        assert "Moved to May" in str(texts.rows)


async def test_the_scope(asked: Memory) -> None:
    with pytest.raises(NotPermitted, match="scope sql"):
        await asked.query("SQL select 1", Caller.of("ann", {"read", "write", "admin"}))


async def test_off_without_a_login(memory: Memory) -> None:
    with pytest.raises(NotAvailable, match="POSTGRES__SQL_USER"):
        await memory.query("SQL select 1", ANN)


@pytest.mark.parametrize(
    "query", ["SQL select pg_sleep(1)", "  SQL\n select 1, pg_sleep(1)", "SQL select 'é', pg_sleep(1)  "]
)
async def test_an_error_says_where_in_the_query(query: str, asked: Memory) -> None:
    with pytest.raises(DialectError) as refused:
        await asked.query(query, ANN)
    assert refused.value.position == query.index("pg_sleep")
