"""The bench's PostgreSQL and its databases: one server, generated data kept between runs, empty databases to write to.

A corpus is generated once into a database whose name carries a digest of its generator's source. Later runs bring it to
the runtime's schema as an upgrade does (`schema apply`), and generate anew where that is refused or the generator has
changed. Nothing here knows what a corpus holds.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Self

import asyncpg

from rem_runtime.laptop.postgres import NOT_DURABLE, EmbeddedPostgres
from rem_runtime.memory.errors import SchemaError
from rem_runtime.memory.pool import open_pool
from rem_runtime.memory.schema import apply_schema
from rem_runtime.memory.schema.apply import SchemaReport

# As a tenant's database of some size is set, but for durability: no figure here is about the disk's cache.
PARAMETERS = {
    **NOT_DURABLE,
    "shared_buffers": "1GB",
    "effective_cache_size": "3GB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "random_page_cost": "1.1",
    "max_connections": "100",
}
ROLES = ("rem_owner", "rem_app", "rem_sql")
_PREPARE = """
create extension vector;
create extension pg_trgm;
create extension btree_gist;
revoke execute on function pg_catalog.set_config(text, text, boolean) from public;
grant execute on function pg_catalog.set_config(text, text, boolean) to rem_owner with grant option;
"""

Fill = Callable[[asyncpg.Connection, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Generated data: `fill(superuser connection, size)` writes it, the same for the same size, at full speed."""

    name: str
    size: int
    fill: Fill

    @property
    def database(self) -> str:
        """The name of its database: another generator is another database."""
        source = Path(inspect.getsourcefile(self.fill) or "").read_bytes()
        return f"{self._prefix}{hashlib.sha256(source).hexdigest()[:10]}"

    @property
    def _prefix(self) -> str:
        return f"corpus_{self.name}_{self.size}_"

    def is_older(self, database: str) -> bool:
        """Whether a database is of this corpus, by an earlier generator."""
        return database.startswith(self._prefix) and database != self.database


@dataclass(frozen=True, slots=True)
class Bench:
    """One database: the runtime's pool over it, as the app role, and the ways in for everybody else."""

    pool: asyncpg.Pool
    name: str
    app_dsn: str
    owner_dsn: str
    sql_dsn: str
    superuser_dsn: str


class Databases:
    """The server; an async context manager."""

    def __init__(self, directory: Path) -> None:
        self._server = EmbeddedPostgres(directory, host="127.0.0.1", port=0, parameters=PARAMETERS)
        self._scratches = 0
        self.directory = directory
        """Where everything of the bench that is kept between runs lies."""

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        async with self._connected("postgres") as conn:
            for role in ROLES:
                if not await conn.fetchval("select true from pg_roles where rolname = $1", role):
                    inherit = "" if role == "rem_owner" else "noinherit"
                    await conn.execute(f"create role {role} login {inherit} password '{role}'")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.__aexit__(kind, error, trace)

    @asynccontextmanager
    async def corpus(self, corpus: Corpus, *, max_size: int, say: Callable[[str], None]) -> AsyncIterator[Bench]:
        """The corpus's database, generated or upgraded first where that is needed."""
        async with self._connected("postgres") as conn:
            names = {row[0] for row in await conn.fetch("select datname from pg_database")}
        if corpus.database not in names or not await self._is_upgraded(corpus.database):
            start = perf_counter()
            say(f"generating {corpus.name}, {corpus.size:,}")
            await self._generate(corpus, old={name for name in names if corpus.is_older(name)})
            say(f"generated {corpus.name}, {corpus.size:,} in {perf_counter() - start:.0f} s")
        async with self._opened(corpus.database, max_size) as bench:
            yield bench

    @asynccontextmanager
    async def scratch(self, *, max_size: int) -> AsyncIterator[Bench]:
        """An empty database with our tables, dropped at the end."""
        self._scratches += 1
        name = f"scratch_{self._scratches}"
        await self._create(name)
        async with self._opened(name, max_size) as bench:
            yield bench
        await self._drop(name)

    @asynccontextmanager
    async def _opened(self, name: str, max_size: int) -> AsyncIterator[Bench]:
        dsns = [self._server.dsn(name, user=role, password=role) for role in ("rem_app", "rem_owner", "rem_sql")]
        async with await open_pool(dsn=dsns[0], max_size=max_size) as pool:
            yield Bench(pool, name, *dsns, self._server.dsn(name))

    async def _is_upgraded(self, name: str) -> bool:
        try:
            report = await self._apply(name)
        except (SchemaError, asyncpg.PostgresError):
            return False  # made by another history of the version files than this one
        if not report.unchanged:
            async with self._connected(name) as conn:
                await conn.execute("vacuum analyze")
        return True

    async def _generate(self, corpus: Corpus, *, old: set[str]) -> None:
        unfinished = f"unfinished_{corpus.name}_{corpus.size}"
        for name in (unfinished, corpus.database, *old):
            await self._drop(name)
        await self._create(unfinished)
        async with self._connected(unfinished) as conn:
            await corpus.fill(conn, corpus.size)
            await conn.execute("vacuum analyze")
            await conn.execute("checkpoint")
        async with self._connected("postgres") as conn:
            await conn.execute(f"alter database {unfinished} rename to {corpus.database}")

    async def _create(self, name: str) -> None:
        await self._drop(name)
        async with self._connected("postgres") as conn:
            await conn.execute(f"create database {name} owner rem_owner")
        async with self._connected(name) as conn:
            await conn.execute(_PREPARE)
        await self._apply(name)

    async def _apply(self, name: str) -> SchemaReport:
        conn = await asyncpg.connect(self._server.dsn(name, user="rem_owner", password="rem_owner"))
        try:
            return await apply_schema(conn, app_role="rem_app", sql_role="rem_sql")
        finally:
            await conn.close()

    async def _drop(self, name: str) -> None:
        async with self._connected("postgres") as conn:
            await conn.execute(f"drop database if exists {name} with (force)")

    @asynccontextmanager
    async def _connected(self, name: str) -> AsyncIterator[asyncpg.Connection]:
        conn = await asyncpg.connect(self._server.dsn(name))
        try:
            yield conn
        finally:
            await conn.close()


@asynccontextmanager
async def without_indexes(conn: asyncpg.Connection, *tables: str) -> AsyncIterator[None]:
    """Drops the tables' indexes that are no constraints, and makes them again after the block: far faster to fill."""
    found = await conn.fetch(
        "select c.relname, pg_get_indexdef(i.indexrelid) as definition from pg_index i "
        "join pg_class c on c.oid = i.indexrelid where i.indrelid = any ($1::text[]::regclass[]) "
        "and not exists (select from pg_constraint k where k.conindid = i.indexrelid) order by c.relname",
        list(tables),
    )
    for row in found:
        await conn.execute(f"drop index {row['relname']}")
    yield
    for row in found:
        await conn.execute(row["definition"])
