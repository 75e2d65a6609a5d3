"""Plans, not times: which index answers, on tables large enough that the planner means it."""

from __future__ import annotations

import json
import re
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from rem_runtime.memory.retrieval.bodies import SQL as NODE_SQL
from rem_runtime.memory.retrieval.traverse import WALKS
from rem_runtime.memory.schema import apply_schema

pytestmark = pytest.mark.postgres

FILL = """
insert into node (kind, key, label, fuzzy_text, owner)
select 'entity', 'thing-' || n, 'Thing ' || n, 'thing ' || n, case when n % 10 = 0 then 'ann' else '' end
from generate_series(1, 20000) n;
insert into name select key, owner, kind, id, true from node;
insert into edge (src, rel, dst_key, dst_label, weight, owner)
select id, 'knows', 'thing-' || (1 + (hashtext(key || n) & 16383)), 'x', 0.5, owner
from node, generate_series(1, 5) n on conflict do nothing;
insert into edge (src, rel, dst_key, dst_label, weight, owner)
select (select id from node where key = 'thing-1'), 'hub', 'thing-' || n, 'x', n / 20000.0, 'ann'
from generate_series(1, 20000) n;
insert into chunk (node_id, ord, text, at, owner, kind) select id, 0, label, now(), owner, kind from node;
insert into posting select t.term, c.owner, c.id, 1, 2 from chunk c, rem_terms(c.text) as t (term);
insert into term_stat select term, count(*) from posting group by term;
update corpus_stat set chunks = 20000, mean_len = 2;
insert into embedding
select id, 1, (select array_agg(sin(id * k)) from generate_series(1, 384) k)::vector(384)::halfvec
from chunk where id <= 4000;
vacuum analyze;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def large(postgres: str, postgres_server: Any, database_template: str) -> Any:
    """A database of 20,000 things, filled once for this module."""
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"create database plans template {database_template} owner rem_owner")
    owner = await asyncpg.connect(postgres_server.dsn("plans", user="rem_owner", password="rem_owner"))
    await apply_schema(owner, app_role="rem_app", sql_role="rem_sql")
    await owner.close()
    connection = await asyncpg.connect(postgres_server.dsn("plans"))
    for statement in FILL.split(";\n"):
        if statement.strip():
            await connection.execute(statement)
    await connection.execute(GENERIC)
    yield connection
    await connection.close()
    await admin.execute("drop database plans with (force)")
    await admin.close()


GENERIC = """
create function pg_temp.generic_plan(statement text) returns text language plpgsql as $$
declare found text;
begin
    execute 'explain (generic_plan, format json) ' || statement into found;
    return found;
end $$
"""


async def plan(connection: asyncpg.Connection, sql: str, *arguments: object, custom: bool = False) -> str:
    """The plan for these arguments with what it read; without `custom` also the one that is kept for all arguments."""
    statement = sql.rstrip().rstrip(";")
    rows = await connection.fetch(f"explain (format json, analyze, timing off) {statement}", *arguments)
    found = [json.loads(rows[0][0])]
    if not custom:
        found.append(json.loads(await connection.fetchval("select pg_temp.generic_plan($1)", statement)))
    return json.dumps(found)


def indexes(found: str) -> set[str]:
    # `edge_src`, for the foreign key, has the same columns in the same order as `edge_out`, and closed edges too.
    return {name.replace("edge_src", "edge_out") for name in re.findall(r'"Index Name": "(\w+)"', found)}


def sequential(found: str) -> set[str]:
    return set(re.findall(r'"Node Type": "Seq Scan"[^}]*?"Relation Name": "(\w+)"', found))


def rows_read(found: str, index: str) -> float:
    """The most rows that one pass over an index gave; of the two on an edge's source, whichever was taken."""
    if index == "edge_out":
        index = "edge_out|edge_src"
    pattern = rf'"Index Name": "(?:{index})"[^}}]*?"Actual Rows": ([\d.]+)'
    return max(float(rows) for rows in re.findall(pattern, found))


@pytest.mark.parametrize("user", ["", "ann"])
async def test_lookup_reads_primary_keys(large: asyncpg.Connection, user: str) -> None:
    keys = [f"thing-{n}" for n in range(1, 21)]
    found = await plan(large, NODE_SQL["lookup"], user, list(range(20)), keys, [""] * 20, 21)
    assert indexes(found) == {"name_pkey", "node_pkey", "chunk_node_id_ord_key", "edge_out"}
    assert sequential(found) == set()


@pytest.mark.parametrize("user", ["", "ann"])
async def test_lookup_of_one_reads_primary_keys(large: asyncpg.Connection, user: str) -> None:
    found = await plan(large, NODE_SQL["lookup_one"], user, "thing-77", 21)
    assert indexes(found) == {"name_pkey", "node_pkey", "chunk_node_id_ord_key", "edge_out"}
    assert sequential(found) == set()


@pytest.mark.parametrize(("user", "most"), [("", 8), ("ann", 51)])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("page_cost", ["4", "1.1"])  # a disk that turns, and one that does not
@pytest.mark.parametrize(
    ("ways", "read"),
    [
        ((True, False), {"edge_out", "name_pkey"}),
        ((False, True), {"edge_in", "name_node"}),
        ((True, True), {"edge_out", "edge_in", "name_pkey", "name_node"}),
    ],
)
async def test_a_hub_is_read_at_its_strongest_and_somebody_elses_not_at_all(
    large: asyncpg.Connection, user: str, most: int, depth: int, page_cost: str, ways: tuple[bool, bool], read: set[str]
) -> None:
    async with large.transaction():
        await large.execute(f"set local random_page_cost = {page_cost}")
        found = await plan(
            large, WALKS[ways], user, ["thing-1"], [""], "Thing 1", 20, depth, None, 0.0,
            await large.fetchval("select now()"), 50, 500, 50,
        )  # fmt: skip
    assert sequential(found) == set()
    assert read | {"node_pkey"} <= indexes(found)
    for index in indexes(found):
        if index.startswith("edge"):
            assert rows_read(found, index) <= most, index


@pytest.mark.parametrize("statement", ["fuzzy", "fuzzy_word"])
@pytest.mark.parametrize(("kinds", "types"), [(None, None), (["entity"], None), (None, ["person"])])
async def test_fuzzy_reads_names_by_their_trigrams(
    large: asyncpg.Connection, statement: str, kinds: list[str] | None, types: list[str] | None
) -> None:
    async with large.transaction():
        await large.execute(NODE_SQL["set_fuzzy"])
        found = await plan(large, NODE_SQL[statement], "ann", "sarah chan", kinds, types, 0.3, 10)
    assert "name_fuzzy" in indexes(found)
    assert not {"node_fuzzy"} & indexes(found)
    assert sequential(found) == set()


async def test_lists_are_read_in_order(large: asyncpg.Connection) -> None:
    newest = await large.fetchval("select 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid")
    found = await plan(large, NODE_SQL["list_nodes"], "ann", "entity", newest, 51)
    assert indexes(found) == {"node_list"}
    assert rows_read(found, "node_list") <= 51
