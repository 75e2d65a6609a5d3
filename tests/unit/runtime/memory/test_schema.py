"""`schema apply`: everything once, nothing twice, and clear words where somebody else has to act first."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from rem_runtime.memory.errors import SchemaError
from rem_runtime.memory.pool import open_pool
from rem_runtime.memory.schema import SCHEMA_VERSION, EmbeddingModel, SchemaReport, apply_schema
from rem_runtime.memory.schema.views import ALL_VIEWS
from rem_runtime.memory.store import Memory

from .conftest import TenantDatabase

pytestmark = pytest.mark.postgres


async def apply(dsn: str, **settings: object) -> SchemaReport:
    connection = await asyncpg.connect(dsn)
    try:
        return await apply_schema(connection, **{"app_role": "rem_app", "sql_role": "rem_sql", **settings})  # type: ignore[arg-type]
    finally:
        await connection.close()


async def test_twice_is_nothing(database: TenantDatabase) -> None:
    first = await apply(database.owner_dsn)
    assert (first.version_before, first.version) == (0, SCHEMA_VERSION)
    assert "version 1" in first.applied
    assert first.notes == ()
    watcher = await asyncpg.connect(database.superuser_dsn)
    before = await watcher.fetch("select xmin, * from pg_class order by oid")
    second = await apply(database.owner_dsn)
    assert second.unchanged
    assert (second.version_before, second.version) == (SCHEMA_VERSION, SCHEMA_VERSION)
    after = await watcher.fetch("select xmin, * from pg_class order by oid")
    await watcher.close()
    assert [dict(row)["xmin"] for row in before] == [dict(row)["xmin"] for row in after]


async def test_two_at_once_are_one(database: TenantDatabase) -> None:
    reports = await asyncio.gather(apply(database.owner_dsn), apply(database.owner_dsn))
    assert sorted(report.unchanged for report in reports) == [False, True]


@pytest.mark.parametrize(
    "lost",
    [
        "delete on posting from rem_app",
        "maintain on posting from rem_app",
        "select on meta from rem_app",
        "select on moments from rem_sql",
        "usage on schema bounded from rem_sql",
    ],
)
async def test_lost_rights_are_given_back(schema: TenantDatabase, superuser: asyncpg.Connection, lost: str) -> None:
    await superuser.execute(f"revoke {lost}")
    assert (await apply(schema.owner_dsn)).applied == ("grants",)
    assert (await apply(schema.owner_dsn)).unchanged


async def test_missing_extensions_say_who_makes_them(database: TenantDatabase) -> None:
    connection = await asyncpg.connect(database.superuser_dsn)
    await connection.execute("drop extension pg_trgm; drop extension vector cascade")
    await connection.close()
    with pytest.raises(SchemaError, match=r"vector, pg_trgm.*superuser.*CREATE EXTENSION vector"):
        await apply(database.owner_dsn)


async def test_missing_roles_say_who_makes_them(database: TenantDatabase) -> None:
    with pytest.raises(SchemaError, match=r"missing roles: nobody_here.*DatabaseRole"):
        await apply(database.owner_dsn, app_role="nobody_here")


async def test_only_the_owner_may(database: TenantDatabase) -> None:
    with pytest.raises(SchemaError, match="owner of the database"):
        await apply(database.app_dsn)


async def test_where_set_config_is_open_to_all_sql_mode_is_off(database: TenantDatabase) -> None:
    connection = await asyncpg.connect(database.superuser_dsn)
    await connection.execute("grant execute on function pg_catalog.set_config(text, text, boolean) to public")
    await connection.close()
    report = await apply(database.owner_dsn)
    assert "SQL mode stays off" in report.notes[0]


async def test_another_model_is_refused(schema: TenantDatabase) -> None:
    with pytest.raises(SchemaError, match="EMBEDDING__MODEL"):
        await apply(schema.owner_dsn, embedding=EmbeddingModel("other", 512))


async def test_a_newer_database_is_left_alone(
    schema: TenantDatabase, superuser: asyncpg.Connection, memory: Memory
) -> None:
    await superuser.execute("update meta set schema_version = 99")
    report = await apply(schema.owner_dsn)
    assert report.unchanged
    assert report.version == 99
    assert await memory.schema_version() == 99, "additive versions do not stop an older runtime"
    await superuser.execute("update meta set min_reader = 99")
    with pytest.raises(SchemaError, match="newer image"):
        await apply(schema.owner_dsn)
    with pytest.raises(SchemaError, match="newer image"):
        await memory.schema_version()


async def test_without_tables_the_runtime_says_what_to_run(database: TenantDatabase, embedder: object) -> None:
    async with await open_pool(dsn=database.app_dsn) as pool:
        with pytest.raises(SchemaError, match="schema apply"):
            await Memory(pool, embedder).schema_version()  # type: ignore[arg-type]


async def test_the_app_role_has_rows_and_no_more(schema: TenantDatabase) -> None:
    connection = await asyncpg.connect(schema.app_dsn)
    for statement in (
        "create table x ()",
        "drop table job",
        "update meta set min_reader = 0",
        "create view v as select 1",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    assert await connection.fetchval("select set_config('rem.user', 'x', true)") == "x"
    await connection.close()


async def test_the_sql_role_sees_views_and_nothing_else(schema: TenantDatabase, superuser: asyncpg.Connection) -> None:
    tables = await superuser.fetch(
        "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    )
    views = await superuser.fetch(
        "select relname from pg_class where relkind = 'v' and relnamespace = 'public'::regnamespace"
    )
    connection = await asyncpg.connect(schema.sql_dsn)
    assert {row["relname"] for row in views} == set(ALL_VIEWS)
    for row in views:
        await connection.fetch(f"select count(*) from {row['relname']}")
    for row in tables:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(f"select count(*) from {row['relname']}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch("select set_config('rem.user', 'x', true)")
    await connection.close()


async def test_no_foreign_key_without_an_index(schema: TenantDatabase, superuser: asyncpg.Connection) -> None:
    missing = await superuser.fetch(
        """
        select conrelid::regclass::text as child, conname from pg_constraint c
        where contype = 'f' and not exists (
            select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
            where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1]
                -- The key asks for all rows with a value; an index that leaves some of them out does not serve it.
                and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) = '(' || a.attname || ' IS NOT NULL)'))
        """
    )
    # A model is never deleted while vectors are of it.
    assert [row["conname"] for row in missing] == ["embedding_model_fkey"]
