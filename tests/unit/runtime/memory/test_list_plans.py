"""Lists read an index in its order and stop: which one, and how many rows of it, on tables large enough to matter."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from rem_runtime.memory.conversation.rows import SQL as CONVERSATION_SQL
from rem_runtime.memory.records.listing import SQL as RECORDS_SQL
from rem_runtime.memory.schema import apply_schema

pytestmark = pytest.mark.postgres

FILL = """
insert into node (kind, key, label, fuzzy_text, owner, data, starts_at)
select (array['entity', 'moment', 'resource', 'file'])[1 + n % 4], 'thing-' || n, 'Thing ' || n, 'thing ' || n,
    case when n % 13000 = 0 then 'carl' when n % 10 = 0 then 'ann' when n % 10 = 1 then 'bob' else '' end,
    jsonb_build_object('uri', 'notes/' || n || '.md'), now() - n * interval '1 minute'
from generate_series(1, 40000) n;
insert into name select key, owner, kind, id, true from node;
insert into session (owner, name)
select case when n % 900 = 0 then 'carl' when n % 10 = 0 then '' when n % 2 = 0 then 'ann' else 'bob' end, 'Talk ' || n
from generate_series(1, 2000) n;
insert into message (session_id, role, content, owner)
select s.id, 'user', 'words', s.owner from session s, generate_series(1, 20) n;
vacuum analyze;
"""
# Of 40,000: where a tenth is the caller's, a page of 51 passes over some 500.
MOST = 1_000
NEWEST, OLDEST = UUID(int=2**128 - 1), UUID(int=0)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def filled(postgres: str, postgres_server: Any, database_template: str) -> Any:
    """A database of 40,000 nodes and as many messages, filled once for this module."""
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"create database list_plans template {database_template} owner rem_owner")
    owner = await asyncpg.connect(postgres_server.dsn("list_plans", user="rem_owner", password="rem_owner"))
    await apply_schema(owner, app_role="rem_app", sql_role="rem_sql")
    await owner.close()
    settings = {"plan_cache_mode": "force_custom_plan", "jit": "off"}
    connection = await asyncpg.connect(postgres_server.dsn("list_plans"), server_settings=settings)
    for statement in FILL.split(";\n"):
        if statement.strip():
            await connection.execute(statement)
    yield connection
    await connection.close()
    await admin.execute("drop database list_plans with (force)")
    await admin.close()


async def plan(connection: asyncpg.Connection, sql: str, *arguments: object) -> tuple[set[str], set[str], int]:
    """The indexes, the tables that were read whole, and the most rows that one node of the plan touched."""
    # Bound as the runtime binds them, under the setting of memory/snapshot.sql: a plan for these arguments.
    rows = await connection.fetch(f"explain (format json, analyze, timing off) {sql.rstrip().rstrip(';')}", *arguments)
    found = json.dumps(json.loads(rows[0][0]))
    touched = [float(count) for count in re.findall(r'"(?:Actual Rows|Rows Removed by Filter)": ([\d.]+)', found)]
    return (
        set(re.findall(r'"Index Name": "(\w+)"', found)),
        set(re.findall(r'"Node Type": "Seq Scan"[^}]*?"Relation Name": "(\w+)"', found)),
        round(max(touched)),
    )


USERS = ["", "ann", "carl", "nobody"]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("kind", ["entity", "moment", "resource", "file"])
async def test_nodes(filled: asyncpg.Connection, user: str, kind: str) -> None:
    """Whoever owns three of 40,000 reads few rows too; the cursor may be anywhere."""
    middle = await filled.fetchval("select id from node order by id offset 20000 limit 1")
    nothing = [None, None, None, None]
    for before in (NEWEST, middle):
        _, whole, touched = await plan(filled, RECORDS_SQL["list_all"], user, kind, before, 51, *nothing)
        assert whole == set()
        assert touched <= MOST, (before, touched)
    indexes, whole, touched = await plan(filled, RECORDS_SQL["list_named"], user, kind, NEWEST, 51, *nothing, "thing-4")
    assert (whole, touched <= 10) == (set(), True)
    assert indexes & {"name_pkey", "name_canonical"}
    indexes, whole, touched = await plan(
        filled, RECORDS_SQL["list_at_uri"], user, kind, NEWEST, 51, *nothing, "notes/6.md"
    )
    assert (indexes, whole, touched <= 10) == ({"node_uri"}, set(), True)


@pytest.mark.parametrize("user", USERS)
async def test_messages_and_sessions(filled: asyncpg.Connection, user: str) -> None:
    nothing = [None, None, None]
    session = await filled.fetchval("select id from session where owner = $1 limit 1", user) or OLDEST
    since = await filled.fetchval("select id from message order by id desc offset 3000 limit 1")
    for statement, arguments in (
        ("list_sessions", [user, NEWEST, 51, None, None]),
        ("list_messages", [user, NEWEST, 51, *nothing, OLDEST, NEWEST]),
        ("list_messages", [user, since, 51, *nothing, OLDEST, NEWEST]),
        ("list_messages", [user, NEWEST, 51, *nothing, since, NEWEST]),
        ("messages_of_session", [user, session, OLDEST, 51, *nothing]),
        ("messages_of_session_newest_first", [user, session, NEWEST, 51, *nothing]),
        ("new_message_ids", [user, session, 3]),
    ):
        _, whole, touched = await plan(filled, CONVERSATION_SQL[statement], *arguments)
        assert whole == set(), statement
        assert touched <= MOST, (statement, touched)
