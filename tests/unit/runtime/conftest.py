"""A real PostgreSQL 18 with pgvector for the runtime's tests: one server for the session, a fresh database per test.

`postgres` is the server; `database` has the extensions, the roles and the superuser's statements that a tenant's
database has before the schema Job runs.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from rem_runtime.laptop.postgres import NOT_DURABLE, EmbeddedPostgres

_TEMPLATE = "rem_template"
_ROLES = """
CREATE ROLE rem_owner LOGIN PASSWORD 'rem_owner';
CREATE ROLE rem_app LOGIN NOINHERIT PASSWORD 'rem_app';
CREATE ROLE rem_sql LOGIN NOINHERIT PASSWORD 'rem_sql';
"""
_CONTENT = """
CREATE EXTENSION vector;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gist;
REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO rem_owner WITH GRANT OPTION;
"""
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """URLs of one database: as its owner, as the two roles of the API, and as the superuser."""

    name: str
    host: str
    port: int
    owner_dsn: str
    app_dsn: str
    sql_dsn: str
    superuser_dsn: str


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One server for the whole session, on an address of its own."""
    directory: Path = tmp_path_factory.mktemp("postgres") / "server"
    server = EmbeddedPostgres(directory, host="127.0.0.1", port=0, parameters={**NOT_DURABLE, "max_connections": "200"})
    try:
        with server:
            yield server
    finally:
        server.destroy()


@pytest.fixture(scope="session")
def postgres(postgres_server: EmbeddedPostgres) -> str:
    """The superuser's URL of the session's server."""
    return postgres_server.superuser_dsn


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def database_template(postgres: str, postgres_server: EmbeddedPostgres) -> str:
    """The name of a database that each test's own is copied from."""
    connection = await asyncpg.connect(postgres)
    try:
        await connection.execute(_ROLES)
        await connection.execute(f"CREATE DATABASE {_TEMPLATE} OWNER rem_owner")
    finally:
        await connection.close()
    connection = await asyncpg.connect(postgres_server.dsn(_TEMPLATE))
    try:
        await connection.execute(_CONTENT)
    finally:
        await connection.close()
    return _TEMPLATE


@pytest_asyncio.fixture(loop_scope="session")
async def database(postgres: str, postgres_server: EmbeddedPostgres, database_template: str) -> AsyncIterator[Database]:
    """A fresh database, dropped with its connections after the test."""
    name = f"rem_{next(_numbers)}"
    connection = await asyncpg.connect(postgres)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {database_template} OWNER rem_owner")
        yield Database(
            name=name,
            host=postgres_server.host,
            port=postgres_server.port,
            owner_dsn=postgres_server.dsn(name, user="rem_owner", password="rem_owner"),
            app_dsn=postgres_server.dsn(name, user="rem_app", password="rem_app"),
            sql_dsn=postgres_server.dsn(name, user="rem_sql", password="rem_sql"),
            superuser_dsn=postgres_server.dsn(name),
        )
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()
