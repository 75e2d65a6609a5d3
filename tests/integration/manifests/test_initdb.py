"""The first statements in a new database, on a real PostgreSQL: what they take away, and what the owner passes on."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from rem_crds.initdb import post_init_application_sql
from rem_runtime.laptop.postgres import NOT_DURABLE, EmbeddedPostgres

pytestmark = pytest.mark.postgres


class Database:
    """A server whose database `rem` was made as CNPG would: initdb with the Cluster's options, then the statements."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self.password = secrets.token_urlsafe()

    async def connect(self, user: str = "postgres", database: str = "rem") -> Any:
        password = None if user == "postgres" else self.password
        return await asyncpg.connect(self._server.dsn(database, user=user, password=password))

    async def run(self, *statements: str, user: str = "postgres", database: str = "rem") -> Any:
        """Run statements in one session; gives the value of the last."""
        connection = await self.connect(user, database)
        try:
            value = None
            for statement in statements:
                value = await connection.fetchval(statement)
            return value
        finally:
            await connection.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(tenants: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    t = tenants.inputs("smallest")
    initdb = tenants.manifest(t, "Cluster", "tiny-db")["spec"]["bootstrap"]["initdb"]
    options = (
        f"--locale-provider={initdb['localeProvider']}",
        f"--builtin-locale={initdb['builtinLocale']}",
        f"--lc-ctype={initdb['localeCType']}",
        "--lc-collate=C",  # CNPG's default
    )
    directory: Path = tmp_path_factory.mktemp("initdb")
    server = EmbeddedPostgres(directory, port=0, parameters=NOT_DURABLE, initdb_options=options)
    async with server:
        made = Database(server)
        roles = [
            f"CREATE ROLE {role} LOGIN PASSWORD '{made.password}'" for role in ("rem_owner", "exporter", "stranger")
        ]
        await made.run(
            *roles, "GRANT pg_monitor TO exporter", "CREATE DATABASE rem OWNER rem_owner", database="postgres"
        )
        await made.run(*post_init_application_sql())
        # Afterwards, as CNPG does: the DatabaseRoles; then the schema Job, as the owner.
        await made.run(*(f"CREATE ROLE {r} LOGIN NOINHERIT PASSWORD '{made.password}'" for r in ("rem_app", "rem_sql")))
        await made.run(
            "GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO rem_app",
            "GRANT CONNECT ON DATABASE rem TO rem_app, rem_sql",
            user="rem_owner",
        )
        yield made


async def test_the_owner_passes_on_what_the_app_needs(database: Database) -> None:
    for user in ("rem_owner", "rem_app"):
        assert await database.run("SELECT set_config('rem.user', 'ann', true)", user=user) == "ann"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT set_config('rem.user', 'somebody else', false)",
        "SELECT query_to_xml('select 1', true, true, '')",
        "SELECT table_to_xml('pg_class', true, true, '')",
        "SELECT database_to_xml(true, true, '')",
        "SELECT * FROM ts_stat('select to_tsvector(''simple'', ''a'')')",
        "SELECT ts_rewrite('a'::tsquery, 'select ''a''::tsquery, ''b''::tsquery')",
        "CREATE TEMPORARY TABLE t (a int)",
        "CREATE TABLE t (a int)",
    ],
)
async def test_the_read_only_login_cannot_step_out(database: Database, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.run(statement, user="rem_sql")


async def test_nobody_else_gets_in(database: Database) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="CONNECT"):
        await database.run("SELECT 1", user="stranger")


async def test_cnpgs_metrics_exporter_gets_in(database: Database) -> None:
    assert await database.run("SELECT 1", user="exporter") == 1


async def test_nothing_that_runs_sql_given_as_text_is_left_to_the_public(database: Database) -> None:
    """By signature, so that a function of a later PostgreSQL is noticed."""
    left = await database.run(
        """
        SELECT coalesce(string_agg(oid::regprocedure::text, ', '), '') FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace AND has_function_privilege('stranger', oid, 'EXECUTE')
          AND (proname ~ '(_to_xml|_to_xmlschema|_and_xmlschema|set_config)$' OR 'query' = ANY (proargnames)
               OR (proname IN ('ts_stat', 'ts_rewrite') AND 25 = ANY (proargtypes)))
          AND proname NOT IN ('pg_stat_get_activity', 'pg_get_wait_events')
        """
    )
    assert left == ""


async def test_fuzzy_search_sees_letters_beyond_ascii(database: Database) -> None:
    """pg_trgm takes its letters from LC_CTYPE; under C, Müller and Mller are the same to it."""
    await database.run("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    assert await database.run("SELECT similarity('müller', 'mller')") < 1
    assert await database.run("SELECT lower('ÄÉ')") == "äé"
