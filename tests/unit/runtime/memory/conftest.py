"""A memory over a real database of its own, with the real embedder; documents and callers to fill it with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import asyncpg
import pytest
import pytest_asyncio

from rem_runtime.memory.answers import IngestResult, QueryAnswer
from rem_runtime.memory.caller import Caller
from rem_runtime.memory.embedding import MiniLM, load_embedder
from rem_runtime.memory.embedding.convert.__main__ import convert, default_directory
from rem_runtime.memory.embedding.files import read_description
from rem_runtime.memory.errors import EmbedderError
from rem_runtime.memory.ingest import Document
from rem_runtime.memory.pool import open_pool
from rem_runtime.memory.schema import apply_schema
from rem_runtime.memory.store import Memory


class TenantDatabase(Protocol):
    """What the runtime's conftest gives: URLs of one database."""

    owner_dsn: str
    app_dsn: str
    sql_dsn: str
    superuser_dsn: str


ADMIN = Caller.of("", {"read", "write", "admin"})
ANN = Caller.of("ann", {"read", "write"})
BOB = Caller.of("bob", {"read", "write"})

Remember = Callable[..., Awaitable[IngestResult]]
Ask = Callable[..., Awaitable[QueryAnswer]]


@pytest.fixture(scope="session")
def embedder() -> MiniLM:
    """The converted model; made once per machine."""
    directory = default_directory()
    try:
        read_description(directory)
    except EmbedderError:
        convert(directory)
    return load_embedder(directory)


@pytest_asyncio.fixture(loop_scope="session")
async def schema(database: TenantDatabase) -> TenantDatabase:
    """A tenant's database after `schema apply`."""
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        await apply_schema(connection, app_role="rem_app", sql_role="rem_sql")
    finally:
        await connection.close()
    return database


@pytest_asyncio.fixture(loop_scope="session")
async def pool(schema: TenantDatabase) -> AsyncIterator[asyncpg.Pool]:
    """The runtime's pool, as the app role."""
    async with await open_pool(dsn=schema.app_dsn, max_size=4) as pool:
        yield pool


@pytest_asyncio.fixture(loop_scope="session")
async def superuser(schema: TenantDatabase) -> AsyncIterator[asyncpg.Connection]:
    """For looking where the runtime may not, and for EXPLAIN's settings."""
    connection = await asyncpg.connect(schema.superuser_dsn)
    yield connection
    await connection.close()


@pytest.fixture
def memory(pool: asyncpg.Pool, embedder: MiniLM) -> Memory:
    """An empty memory."""
    return Memory(pool, embedder, tenant="acme")


@pytest.fixture
def remember(memory: Memory) -> Remember:
    """Ingest a text; shared unless a caller is named."""

    async def ingest(
        uri: str, content: str, *, caller: Caller = ADMIN, media_type: str = "text/markdown"
    ) -> IngestResult:
        return await memory.ingest(Document(uri=uri, content=content, media_type=media_type), caller)

    return ingest


@pytest.fixture
def ask(memory: Memory) -> Ask:
    """Ask as somebody; nobody in particular unless said."""

    async def query(text: str, caller: Caller = ADMIN) -> QueryAnswer:
        return await memory.query(text, caller)

    return query


def labels(answer: QueryAnswer) -> list[str]:
    """The labels of an answer, in its order."""
    return [hit.label for hit in answer.results]
