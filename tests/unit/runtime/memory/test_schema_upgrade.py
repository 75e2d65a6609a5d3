"""A database in use, brought to the next version: as planned, nobody is held up, and a kill does no harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from rem_runtime.memory.errors import SchemaBusy, SchemaError
from rem_runtime.memory.pool import open_pool, prepare_connection
from rem_runtime.memory.schema import SCHEMA_VERSION, SchemaReport, Wanted, apply_schema, describe, plan_schema
from rem_runtime.memory.schema import apply as apply_module
from rem_runtime.memory.schema import plan as plan_module
from rem_runtime.memory.schema.indexes import HNSW_NAME
from rem_runtime.memory.schema.versions import version_files
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, TenantDatabase

pytestmark = pytest.mark.postgres

WANTED = Wanted("rem_app", "rem_sql")
NEXT = max(number for number, _ in version_files()) + 1
SET_CONFIG = "execute on function pg_catalog.set_config(text, text, boolean)"
INVALID = "select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid where not i.indisvalid"

# What the first release's Job left, beside the tables: a model with its index, rights, and what it wrote into meta.
FIRST_RELEASE = """
insert into embedding_model values (1, 'all-MiniLM-L6-v2', 384, true);
create index embedding_hnsw_1 on embedding using hnsw ((v::halfvec(384)) halfvec_ip_ops) where model = 1;
grant usage on schema public to rem_app, rem_sql;
grant select, insert, update, delete on
    run, node, name, edge, session, message, evidence, chunk, posting, term_stat, corpus_stat, embedding, job
    to rem_app;
grant select on meta, embedding_model to rem_app;
grant execute on function pg_catalog.set_config(text, text, boolean) to rem_app;
update meta
set schema_version = 1, min_reader = 1, normaliser = 1, tokeniser = 1, chunker = 1, definitions_hash = 'old';
"""
FILL = """
insert into node (owner, kind, key, label, fuzzy_text, data)
select case when i % 3 = 0 then 'ann' else '' end, 'resource', 'n' || i, 'N' || i, 'n' || i,
    jsonb_build_object('uri', i || '.md')
from generate_series(1, 20000) i;
insert into name select key, owner, kind, id, true from node;
insert into edge (src, rel, dst_key, dst_label, weight, owner)
select id, 'likes', 'n' || (random() * 20000)::int, 'x', 0.5, owner from node;
insert into chunk (node_id, ord, text, at, owner, kind) select id, 0, 'text', now(), owner, kind from node;
insert into posting select 't' || id % 100, owner, id, 1, 10 from chunk;
insert into session (owner, name) select 'ann', 'S' || i from generate_series(1, 100) i;
insert into message (session_id, role, content, owner) select id, 'user', 'hello', owner from session;
analyze;
"""
# As the first release's runtime sends them, over connections that it opened before.
OLD_READS = (
    """select n.id, n.tenant_id, n.owner, n.kind, n.type, n.key, n.label, n.data, n.metadata, n.tags, n.starts_at,
        n.ends_at, n.content_hash, n.version, n.created_at, n.updated_at, n.deleted_at
    from name m join node n on n.id = m.node_id and n.owner in ('', $1) and n.deleted_at is null
    where m.key = 'n7' and m.owner in ('', $1)""",
    """select id, dst_label, rel, dst_kind, weight, properties, valid from edge
    where owner in ('', $1) and closed_at is null order by weight desc, id limit 50""",
    "select chunk_id, tf, len from posting where term = 't1' and owner in ('', $1)",
    "select m.id, m.session_id, m.role from message m where m.owner in ('', $1) and m.deleted_at is null",
    "select schema_version, min_reader from meta where $1::text is not null",
)
OLD_WRITE = """
with made as (
    insert into node (
        tenant_id, owner, kind, type, key, label, data, metadata, tags, starts_at, fuzzy_text, content_hash)
    values ('', $1, 'entity', null, $2, $2, '{}', '{}', '{}', null, $2, null) returning id, owner
),
named as (
    insert into name (key, owner, kind, node_id, canonical) select $2, owner, 'entity', id, true from made
),
joined as (
    insert into edge (src, owner, rel, dst_key, dst_kind, dst_label, weight, properties, valid)
    select id, owner, 'likes', 'n7', '', 'N7', 0.5, '{}', tstzrange(null, null) from made
),
cut as (
    insert into chunk (node_id, ord, heading, text, at, owner, kind)
    select id, 0, '', 'text', now(), owner, 'entity' from made returning id, owner
)
insert into posting (term, owner, chunk_id, tf, len) select 't1', owner, id, 1, 1 from cut
"""


@pytest_asyncio.fixture(loop_scope="session")
async def first(database: TenantDatabase) -> TenantDatabase:
    """A database as the first release left it, filled and in use."""
    async with connected(database.owner_dsn) as owner:
        await owner.execute(dict(version_files())[1].read_text("utf-8"))
        await owner.execute(FIRST_RELEASE)
        await owner.execute(FILL)
    return database


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Adds a version file to those of this runtime."""

    def add(sql: str) -> None:
        file = tmp_path / f"{NEXT:04d}_test.sql"
        file.write_text(sql)
        monkeypatch.setattr(plan_module, "version_files", lambda: [*version_files(), (NEXT, file)])
        for module in (plan_module, apply_module):
            monkeypatch.setattr(module, "SCHEMA_VERSION", NEXT)

    return add


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def apply(dsn: str, **settings: Any) -> SchemaReport:
    async with connected(dsn) as owner:
        return await apply_schema(owner, app_role="rem_app", sql_role="rem_sql", **settings)


async def planned(dsn: str) -> tuple[str, ...]:
    async with connected(dsn) as owner:
        return (await plan_schema(owner, WANTED)).titles


async def until(happens: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await happens():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)


@asynccontextmanager
async def old_runtimes(dsn: str) -> AsyncIterator[list[float]]:
    """Readers and writers of the first release, at work; gives how long each statement took. Any error is raised."""
    ended = asyncio.Event()
    seconds: list[float] = []
    clock = asyncio.get_running_loop().time

    async def work(number: int) -> None:
        async with connected(dsn) as app:
            await prepare_connection(app)
            turn = 0
            while not ended.is_set():
                started = clock()
                for read in OLD_READS:
                    assert await app.fetch(read, "ann")
                await app.execute(OLD_WRITE, "ann", f"written {number} {turn}")
                seconds.append(clock() - started)
                turn += 1

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(work(number))
        await until(lambda: asyncio.sleep(0, len(seconds) > 6))
        try:
            yield seconds
            done = len(seconds)
            await until(lambda: asyncio.sleep(0, len(seconds) > done + 6))
        finally:
            ended.set()


async def test_a_database_in_use_is_upgraded(first: TenantDatabase, embedder: Any) -> None:
    promised = await planned(first.owner_dsn)
    async with old_runtimes(first.app_dsn) as seconds:
        report = await apply(first.owner_dsn)
    assert report.applied == promised
    assert (report.version_before, report.version) == (1, SCHEMA_VERSION)
    assert "version 2" in report.applied
    assert [title for title in report.applied if "node_deleted" in title]
    assert max(seconds) < 5
    assert (await apply(first.owner_dsn)).unchanged
    async with connected(first.superuser_dsn) as superuser, await open_pool(dsn=first.app_dsn) as pool:
        assert await superuser.fetch(INVALID) == []
        written = await superuser.fetchval("select count(*) from node where label like 'written%'")
        assert written == await superuser.fetchval("select count(*) from posting where term = 't1' and len = 1")
        memory = Memory(pool, embedder)
        assert await memory.schema_version() == SCHEMA_VERSION
        assert (await memory.query("LOOKUP n7", ADMIN)).results
        assert (await memory.forget_user("ann", ADMIN)).entities == written


async def test_an_upgraded_database_is_a_new_one(first: TenantDatabase, postgres: str) -> None:
    async def shape(dsn: str) -> list[Any]:
        async with connected(dsn) as owner:
            transaction = owner.transaction()
            await transaction.start()
            await owner.execute("set local search_path = public")
            found = await plan_module.gather_shapes(owner, applied=[], pending=[])
            await transaction.rollback()
            # An index of vectors that is there is used as it was built; only new ones take longer and find more.
            indexes = {name: index for name, index in found.live.indexes.items() if not HNSW_NAME.fullmatch(name)}
            return [found.live.tables, found.live.constraints, indexes]

    await apply(first.owner_dsn)
    upgraded = await shape(first.owner_dsn)
    async with connected(first.owner_dsn) as owner:
        await owner.execute("drop schema public cascade; create schema public")
    async with connected(first.superuser_dsn) as superuser:
        for extension in ("vector", "pg_trgm", "btree_gist"):
            await superuser.execute(f"create extension {extension}")
        await superuser.execute("drop text search dictionary if exists rem_english")
    assert (await apply(first.owner_dsn)).version_before == 0
    assert await shape(first.owner_dsn) == upgraded


async def test_a_plan_writes_nothing_and_is_what_happens(database: TenantDatabase) -> None:
    async with connected(database.superuser_dsn) as watcher:
        before = await watcher.fetch("select xmin, oid, relname from pg_class order by oid")
        promised = await planned(database.owner_dsn)
        assert await planned(database.owner_dsn) == promised
        assert await watcher.fetch("select xmin, oid, relname from pg_class order by oid") == before
        assert (await apply(database.owner_dsn)).applied == promised
        assert await planned(database.owner_dsn) == ()
        for spoil in (
            "revoke select on meta from rem_app",
            "drop index node_list; drop index node_deleted",
            "drop view moments",
            "drop function rem_terms",
            "update pg_index set indisvalid = false where indexrelid = 'edge_in'::regclass",
            "drop index embedding_hnsw_1",
            f"set role rem_owner; revoke {SET_CONFIG} from rem_app; reset role",
        ):
            await watcher.execute(spoil)
            promised = await planned(database.owner_dsn)
            assert promised, spoil
            assert (await apply(database.owner_dsn)).applied == promised, spoil
            assert await planned(database.owner_dsn) == (), spoil


async def test_what_a_plan_says(first: TenantDatabase) -> None:
    async with connected(first.owner_dsn) as owner:
        said = describe(await plan_schema(owner, WANTED)).splitlines()
        assert said[0] == f"schema version 1 -> {SCHEMA_VERSION}"
        assert said[1] == "in one transaction:"
        assert "    alter index node_uri alter column 3 set statistics 0" in said
        apart = said.index("then, outside a transaction, while others read and write:")
        assert any("CREATE INDEX concurrently node_deleted ON node" in line for line in said[apart:])
        await apply(first.owner_dsn)
        said = describe(await plan_schema(owner, WANTED)).splitlines()
        assert said == [f"schema version {SCHEMA_VERSION} -> {SCHEMA_VERSION}", "nothing to do"]


async def test_two_jobs_at_once_on_a_filled_database(first: TenantDatabase) -> None:
    reports = await asyncio.gather(*(apply(first.owner_dsn) for _ in range(3)))
    assert sorted(report.unchanged for report in reports) == [False, True, True]


async def test_a_job_that_is_killed_while_it_builds_an_index(first: TenantDatabase) -> None:
    """Both ways: its server process, and only the client, whose server process goes on."""
    async with connected(first.superuser_dsn) as superuser, connected(first.app_dsn) as reader:

        async def builds() -> bool:
            return bool(
                await superuser.fetchval(
                    "select count(*) from pg_stat_progress_create_index where phase like 'waiting%'"
                )
            )

        async def hold() -> None:
            await reader.execute("begin isolation level repeatable read")
            await reader.fetch("select count(*) from node")

        await hold()
        job = asyncio.create_task(apply(first.owner_dsn))
        await until(builds)
        await superuser.execute("select pg_terminate_backend(pid) from pg_stat_progress_create_index")
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
            await job
        [left] = await superuser.fetch(INVALID)
        await reader.execute("rollback")
        assert f"index {left['relname']} on " in str(await planned(first.owner_dsn))
        assert "it was INVALID" in str(await planned(first.owner_dsn))

        await hold()
        owner = await asyncpg.connect(first.owner_dsn)
        job = asyncio.create_task(apply_schema(owner, app_role="rem_app", sql_role="rem_sql"))
        # The INVALID one is dropped first, which waits for the reader as well.
        await until(
            lambda: superuser.fetchval(
                "select exists (select from pg_locks where locktype = 'virtualxid' and not granted)"
            )
        )
        owner.terminate()
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
            await job
        with pytest.raises(SchemaBusy, match="another"):
            await apply(first.owner_dsn, wait_seconds=0.3)
        again = asyncio.create_task(apply(first.owner_dsn))
        await asyncio.sleep(0.3)
        assert not again.done(), "the server process of the killed job still holds the lock"
        await reader.execute("rollback")
        await again
        assert await superuser.fetch(INVALID) == []
        assert (await apply(first.owner_dsn)).unchanged


async def test_a_job_that_is_killed_in_its_transaction_leaves_nothing(
    first: TenantDatabase, next_version: Callable[[str], None]
) -> None:
    next_version("create table later (a text);\nselect pg_sleep(60);\n")
    async with connected(first.superuser_dsn) as superuser:
        job = asyncio.create_task(apply(first.owner_dsn))
        sleeping = "select pid from pg_stat_activity where wait_event = 'PgSleep'"
        await until(lambda: superuser.fetchval(f"select exists ({sleeping})"))
        await superuser.execute(f"select pg_terminate_backend(pid) from ({sleeping}) s")
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
            await job
        assert await superuser.fetchval("select schema_version from meta") == 1
        assert await superuser.fetchval("select to_regclass('later') is null")


async def test_a_table_that_is_in_use_is_not_locked_up(
    schema: TenantDatabase, next_version: Callable[[str], None]
) -> None:
    """ALTER TABLE waits for a long reader, and everybody else would wait behind it: it gives way and tries again."""
    next_version("alter table node add column later text;\n")
    async with connected(schema.app_dsn) as reader, connected(schema.app_dsn) as other:
        await reader.execute("begin")
        await reader.fetch("select count(*) from node")
        with pytest.raises(SchemaBusy, match="pg_stat_activity"):
            await apply(schema.owner_dsn, wait_seconds=1)
        job = asyncio.create_task(apply(schema.owner_dsn))
        clock = asyncio.get_running_loop().time
        longest = 0.0
        for _ in range(60):
            started = clock()
            await other.fetch("select count(*) from node")
            longest = max(longest, clock() - started)
            await asyncio.sleep(0.03)
        assert not job.done()
        assert longest < 2
        await reader.execute("rollback")
        assert "version " + str(NEXT) in (await job).applied


async def test_an_index_of_a_later_version(schema: TenantDatabase, next_version: Callable[[str], None]) -> None:
    next_version(
        "create table later (id bigint primary key, owner text);\ncreate unique index later_owner on later (owner);\n"
        "create index concurrently node_label on node (label);\n"
    )
    promised = await planned(schema.owner_dsn)
    assert promised[-1] == "index node_label on node (built concurrently: it is missing)"
    assert "later_owner" not in str(promised)
    assert (await apply(schema.owner_dsn)).applied == promised
    assert (await apply(schema.owner_dsn)).unchanged


async def test_a_version_that_destroys_is_refused(schema: TenantDatabase, next_version: Callable[[str], None]) -> None:
    next_version("alter table node drop column label;\n")
    with pytest.raises(SchemaError, match=r"only a person may: .*: alter table node drop column label"):
        await apply(schema.owner_dsn)


@pytest.mark.parametrize(
    ("drift", "said", "by_hand"),
    [
        ("alter table node add column notes text", "column node.notes is not known",
         "alter table node drop column notes;"),
        ("create table diary (a text)", "table diary is not known", "alter table diary set schema another_schema;"),
        ("drop view resources, entities, moments, users, files; alter table node drop column tags cascade",
         "column node.tags is missing", "alter table node add column tags text[] default '{}'::text[] not null;"),
        ("alter table job alter column attempts type bigint", "job.attempts is bigint, not integer",
         "alter table job alter column attempts type integer using attempts::integer;"),
        ("alter table job alter column payload drop not null", "job.payload is nullable",
         "alter table job alter column payload set not null;"),
        ("alter table session alter column agent set not null", "session.agent is not null",
         "alter table session alter column agent drop not null;"),
        ("alter table job alter column attempts set default 3", "the default of job.attempts is 3",
         "alter table job alter column attempts set default 0;"),
        ("alter table job drop constraint job_state_check", "constraint job_state_check of job is missing",
         "alter table job add constraint job_state_check CHECK"),
        ("create unique index one_label on node (label)", "unique index one_label on node is not known",
         "drop index concurrently one_label;"),
        ("drop index node_list; create index node_list on node (id)", "index node_list is another one",
         "drop index concurrently node_list;"),
        ("drop table corpus_stat", "table corpus_stat is missing", "restore corpus_stat from a backup"),
    ],
)  # fmt: skip
async def test_what_may_hold_data_is_not_changed_but_told(
    schema: TenantDatabase, superuser: asyncpg.Connection, drift: str, said: str, by_hand: str
) -> None:
    await superuser.execute(drift)
    for run in (planned, apply):
        with pytest.raises(SchemaError) as refused:
            await run(schema.owner_dsn)
        assert said in str(refused.value)
        assert by_hand in str(refused.value)


async def test_the_sql_that_is_told_is_right(schema: TenantDatabase, superuser: asyncpg.Connection) -> None:
    await superuser.execute(
        "alter table node add column notes text; alter table job alter column attempts type bigint; "
        "alter table job alter column payload drop not null, alter column attempts drop default; "
        "create table diary (a text); "
        "alter table job drop constraint job_state_check; create unique index u on node (label); "
        "alter table run drop column error; create schema another_schema"
    )
    with pytest.raises(SchemaError) as refused:
        await apply(schema.owner_dsn)
    by_hand = [line.strip() for line in str(refused.value).splitlines() if line.startswith("    ")]
    assert len(by_hand) == 8
    for statement in by_hand:
        await superuser.execute(statement)
    assert (await apply(schema.owner_dsn)).unchanged


async def test_an_index_that_nobody_knows_is_noted(schema: TenantDatabase, superuser: asyncpg.Connection) -> None:
    await superuser.execute("create index somebodys on node (label)")
    report = await apply(schema.owner_dsn)
    assert report.unchanged
    assert report.notes == (
        "the index somebodys is not known to this runtime; if nobody needs it: drop index concurrently somebodys;",
    )


async def test_a_foreign_table_in_a_new_database_is_told(database: TenantDatabase) -> None:
    async with connected(database.superuser_dsn) as superuser:
        await superuser.execute("create table node (a text)")
    with pytest.raises(SchemaError, match="table node is not known"):
        await apply(database.owner_dsn)


async def test_what_reindex_leaves_behind_is_dropped(schema: TenantDatabase, superuser: asyncpg.Connection) -> None:
    await superuser.execute("create index node_list_ccnew on node (kind, owner, id) where deleted_at is null")
    await superuser.execute("update pg_index set indisvalid = false where indexrelid = 'node_list_ccnew'::regclass")
    report = await apply(schema.owner_dsn)
    assert report.applied == ("index node_list_ccnew on node (dropped concurrently: it was INVALID)",)
    assert (await apply(schema.owner_dsn)).unchanged


async def test_a_role_that_was_dropped_and_made_again(schema: TenantDatabase, superuser: asyncpg.Connection) -> None:
    await superuser.execute("create role rem_other login noinherit password 'x'")
    drop = (
        f"set role rem_owner; revoke {SET_CONFIG} from rem_other; reset role; "
        "drop owned by rem_other; drop role rem_other"
    )
    try:
        settings = {"app_role": "rem_other", "sql_role": "rem_sql"}
        async with connected(schema.owner_dsn) as owner:
            assert "grants" in (await apply_schema(owner, **settings)).applied
            assert (await apply_schema(owner, **settings)).unchanged
            await superuser.execute(drop)
            with pytest.raises(SchemaError, match="missing roles: rem_other"):
                await apply_schema(owner, **settings)
            await superuser.execute("create role rem_other login noinherit password 'x'")
            assert (await apply_schema(owner, **settings)).applied == ("grants", "set_config for the app role")
            assert (await apply_schema(owner, **settings)).unchanged
    finally:
        await superuser.execute(drop)
