"""Plans, not times: which index answers, on tables large enough that the planner means it."""

from __future__ import annotations

import json
import re
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from rem_runtime.memory.retrieval.bodies import SQL as NODE_SQL
from rem_runtime.memory.retrieval.search import SQL as SEARCH_SQL
from rem_runtime.memory.retrieval.traverse import SQL as TRAVERSE_SQL
from rem_runtime.memory.schema import apply_schema

pytestmark = pytest.mark.postgres

FILL = """
insert into node (kind, key, label, fuzzy_text, owner)
select 'entity', 'thing-' || n, 'Thing ' || n, 'thing ' || n, case when n % 10 = 0 then 'ann' else '' end
from generate_series(1, 20000) n;
insert into name select key, owner, kind, id, true from node;
insert into edge (src, rel, dst_key, dst_label, weight, owner)
select id, 'knows', 'thing-' || (1 + (hashtext(key) & 16383)), 'x', 0.5, owner
from node, generate_series(1, 3) on conflict do nothing;
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
    yield connection
    await connection.close()
    await admin.execute("drop database plans with (force)")
    await admin.close()


async def plan(connection: asyncpg.Connection, sql: str, *arguments: object, custom: bool = False) -> str:
    """The plan as it is after many executions (generic), or for these arguments (custom)."""
    await connection.execute(f"set plan_cache_mode = {'force_custom_plan' if custom else 'force_generic_plan'}")
    rows = await connection.fetch(f"explain (format json, analyze, timing off) {sql.rstrip(';')}", *arguments)
    return json.dumps(json.loads(rows[0][0]))


def indexes(found: str) -> set[str]:
    return set(re.findall(r'"Index Name": "(\w+)"', found))


def sequential(found: str) -> set[str]:
    return set(re.findall(r'"Node Type": "Seq Scan"[^}]*?"Relation Name": "(\w+)"', found))


def rows_read(found: str, index: str) -> float:
    """The most rows that one pass over an index gave."""
    pattern = rf'"Index Name": "{index}"[^}}]*?"Actual Rows": ([\d.]+)'
    return max(float(rows) for rows in re.findall(pattern, found))


@pytest.mark.parametrize("user", ["", "ann"])
async def test_lookup_reads_primary_keys(large: asyncpg.Connection, user: str) -> None:
    keys = [f"thing-{n}" for n in range(1, 21)]
    found = await plan(large, NODE_SQL["lookup"], user, list(range(20)), keys, [""] * 20, 21)
    assert indexes(found) == {"name_pkey", "node_pkey", "chunk_node_id_ord_key", "edge_out"}
    assert sequential(found) == set()


async def test_a_hub_of_somebody_elses_edges_costs_nothing(large: asyncpg.Connection) -> None:
    hub = await large.fetchval("select id from node where key = 'thing-1'")
    for user, most in (("", 3), ("ann", 51)):
        found = await plan(
            large, TRAVERSE_SQL["traverse"], user, [hub], [], 1, True, True, None, 0.0,
            await large.fetchval("select now()"), 50, 500,
        )  # fmt: skip
        assert sequential(found) == set()
        assert {"edge_out", "edge_in", "name_pkey", "name_node", "node_pkey"} <= indexes(found)
        assert rows_read(found, "edge_out") <= most


@pytest.mark.parametrize("statement", ["fuzzy", "fuzzy_word"])
async def test_fuzzy_is_the_nearest_by_index(large: asyncpg.Connection, statement: str) -> None:
    found = await plan(large, NODE_SQL[statement], "ann", "thing 77", None, None, 10)
    assert indexes(found) == {"node_fuzzy"}
    assert sequential(found) == set()


async def test_lists_are_read_in_order(large: asyncpg.Connection) -> None:
    newest = await large.fetchval("select 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid")
    found = await plan(large, NODE_SQL["list_nodes"], "ann", "entity", newest, 51)
    assert indexes(found) == {"node_list"}
    assert rows_read(found, "node_list") <= 51


async def test_terms_are_weighed_by_key(large: asyncpg.Connection) -> None:
    found = await plan(large, SEARCH_SQL["weigh"], "thing 77 nowhere", custom=True)
    assert indexes(found) >= {"term_stat_pkey"}
    assert sequential(found) == {"corpus_stat"}


async def test_lexical_reads_postings_of_rare_terms_only(large: asyncpg.Connection) -> None:
    found = await plan(
        large, SEARCH_SQL["lexical"], "ann", ["77"], [5.0], ["thing"], [0.1], 2.0, 500, 100, False,
        None, None, None, None, None, custom=True,
    )  # fmt: skip
    assert "posting_pkey" in indexes(found)
    assert sequential(found) == set()
    assert rows_read(found, "posting_pkey") <= 10


async def test_dense_uses_the_models_index(large: asyncpg.Connection) -> None:
    vector = "[" + ",".join(["0.05"] * 384) + "]"
    found = await plan(
        large,
        SEARCH_SQL["dense"].format(dimensions=384),
        "ann",
        1,
        vector,
        100,
        None,
        None,
        None,
        None,
        None,
        custom=True,
    )
    assert "embedding_hnsw_1" in indexes(found)
    assert sequential(found) == set()
