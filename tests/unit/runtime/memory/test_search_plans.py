"""Plans of SEARCH, not times: which index answers, on tables large enough that the planner means it.

The statements of a question without filter run by a plan that is made once (`generic`), those of a filter by one for
its arguments (`custom`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from rem_runtime.memory.dialect import parse
from rem_runtime.memory.dialect.ast import Search
from rem_runtime.memory.retrieval.filters import ALL_KINDS, filter_of
from rem_runtime.memory.retrieval.search import EXACT_ROWS, SQL
from rem_runtime.memory.schema import apply_schema

pytestmark = pytest.mark.postgres

FILL = """
insert into node (kind, type, key, label, fuzzy_text, owner, metadata, tags, starts_at, created_at)
select 'entity', 'type-' || n % 50, 'thing-' || n, 'Thing ' || n, 'thing ' || n,
    case when n % 10 = 0 then 'ann' else '' end, jsonb_build_object('team', 'team ' || n % 100, 'size', n % 1000),
    array['tag' || n % 100],
    timestamptz '2024-01-01Z' + n % 1000 * interval '1 day', timestamptz '2025-01-01Z' + n * interval '1 minute'
from generate_series(1, 20000) n;
insert into session (id, owner) select uuidv7(), 'ann' from generate_series(1, 50);
insert into message (session_id, role, content, owner, metadata)
select s.id, 'user', 'said', 'ann', jsonb_build_object('team', 'team ' || n % 100)
from session s, generate_series(1, 100) n;
insert into chunk (node_id, ord, text, at, owner, kind) select id, 0, label, starts_at, owner, kind from node;
insert into chunk (message_id, ord, text, at, owner, kind)
select id, 0, content, created_at, owner, 'message' from message;
insert into posting select t.term, c.owner, c.id, 1, 2 from chunk c, rem_terms(c.text) as t (term);
insert into term_stat select term, count(*) from posting group by term;
update corpus_stat set chunks = 25000, mean_len = 2;
insert into job (kind, payload)
select 'embed', jsonb_build_object('owner', 'user ' || n) from generate_series(1, 5000) n;
insert into embedding
select id, 1, (select array_agg(sin(id * k)) from generate_series(1, 384) k)::vector(384)::halfvec
from chunk where id <= 4000;
vacuum analyze;
"""
READ = "select pg_stat_get_xact_tuples_returned('posting_pkey'::regclass)"
NUMBERS = {"dimensions": 384, "model": 1, "rows": 50}
VECTOR = "[" + ",".join(["0.05"] * 384) + "]"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def large(postgres: str, postgres_server: Any, database_template: str) -> Any:
    """A database of 25,000 passages, filled once for this module; the settings are SEARCH's."""
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"create database search_plans template {database_template} owner rem_owner")
    owner = await asyncpg.connect(postgres_server.dsn("search_plans", user="rem_owner", password="rem_owner"))
    await apply_schema(owner, app_role="rem_app", sql_role="rem_sql")
    await owner.close()
    connection = await asyncpg.connect(postgres_server.dsn("search_plans"), server_settings={"enable_sort": "off"})
    for statement in FILL.split(";\n"):
        if statement.strip():
            await connection.execute(statement)
    yield connection
    await connection.close()
    await admin.execute("drop database search_plans with (force)")
    await admin.close()


async def generic(connection: asyncpg.Connection, sql: str) -> str:
    """The plan as it is for all arguments, as SEARCH runs it without a filter."""
    await connection.execute("set plan_cache_mode = force_generic_plan")
    await connection.execute(f"prepare asked as {sql.rstrip(';')}")
    nulls = ", ".join(["null"] * max(int(number) for number in re.findall(r"\$(\d+)", sql)))
    rows = await connection.fetch(f"explain (format json) execute asked({nulls})")
    await connection.execute("deallocate asked")
    return json.dumps(json.loads(rows[0][0]))


async def custom(connection: asyncpg.Connection, sql: str, *arguments: object) -> str:
    """The plan for these arguments, with what it met."""
    rows = await connection.fetch(f"explain (format json, analyze, timing off) {sql.rstrip(';')}", *arguments)
    return json.dumps(json.loads(rows[0][0]))


def indexes(found: str) -> set[str]:
    return set(re.findall(r'"Index Name": "(\w+)"', found))


def sequential(found: str) -> set[str]:
    return set(re.findall(r'"Node Type": "Seq Scan"[^}]*?"Relation Name": "(\w+)"', found))


def nodes(found: Any) -> Iterator[dict[str, Any]]:
    """Every node of a plan."""
    if isinstance(found, dict):
        yield found
        found = list(found.values())
    if isinstance(found, list):
        for part in found:
            yield from nodes(part)


async def candidates(large: asyncpg.Connection, clauses: str) -> str:
    query = parse(f"SEARCH thing {clauses}")
    assert isinstance(query, Search)
    chosen = filter_of(query)
    arguments = (*chosen.arguments[:4], *chosen.hints.arguments, ALL_KINDS, EXACT_ROWS)
    return await custom(large, SQL["candidates"], "ann", *arguments)


async def test_a_question_is_opened_by_keys(large: asyncpg.Connection) -> None:
    found = await generic(large, SQL["opening"])
    assert indexes(found) == {"term_stat_pkey", "posting_pkey", "chunk_filter", "job_embed"}
    assert sequential(found) == {"corpus_stat"}


async def test_words_read_postings_alone(large: asyncpg.Connection) -> None:
    found = await generic(large, SQL["lexical"])
    assert indexes(found) == {"posting_pkey"}
    assert '"Index Only Scan"' in found
    assert sequential(found) == set()


async def test_known_passages_are_scored_by_their_terms(large: asyncpg.Connection) -> None:
    """What stands in rem_bm25, with its settings: never all postings of a passage."""
    source, settings = await large.fetchrow(
        "select pg_get_function_sqlbody(oid), proconfig from pg_proc where proname = 'rem_bm25'"
    )
    body = source.removeprefix("BEGIN ATOMIC").removesuffix("END").strip().rstrip(";")
    for number, name in enumerate(("asker", "terms", "weights", "length_factor", "chunk_ids"), start=1):
        body = re.sub(rf"(?:rem_bm25\.)?\b{name}\b", f"${number}", body)
    types = "text, text[], float8[], float8, bigint[]"
    async with large.transaction():
        for setting in settings:
            await large.execute(f"set local {setting.replace('=', ' = ')}")
        await large.execute(f"prepare scored({types}) as {body}")
        rows = await large.fetch("explain (format json) execute scored(null, null, null, null, null)")
    assert indexes(rows[0][0]) == {"posting_pkey"}
    assert '"Index Only Scan"' in rows[0][0]


async def test_common_words_are_read_for_the_best_alone(large: asyncpg.Connection) -> None:
    async with large.transaction():
        before = await large.fetchval(READ)
        await large.fetch(SQL["lexical"].rstrip(";"), "ann", ["77"], [5.0], ["thing"], [0.1], 0.4, 500, 100)
        assert await large.fetchval(READ) - before <= 4, "of the 20,000 things' postings"


async def test_vectors_are_found_by_the_models_index(large: asyncpg.Connection) -> None:
    found = await generic(large, SQL["dense"].format(near=SQL["near"].format(**NUMBERS), **NUMBERS))
    assert indexes(found) == {"embedding_hnsw_1", "embedding_pkey", "chunk_pkey", "chunk_node_id_ord_key"}
    assert sequential(found) == set()


async def test_few_vectors_are_compared_one_by_one(large: asyncpg.Connection) -> None:
    for plan in (generic, custom):
        arguments = ("ann", VECTOR, [], [], [], 0.4, list(range(1, 3000))) if plan is custom else ()
        found = await plan(large, SQL["dense"].format(near=SQL["near_exact"].format(**NUMBERS), **NUMBERS), *arguments)
        assert indexes(found) == {"embedding_pkey", "chunk_pkey", "chunk_node_id_ord_key"}
        assert sequential(found) == set()


@pytest.mark.parametrize(
    ("clauses", "index"),
    [
        ("WHERE team = 'team 7'", {"node_metadata", "node_data"}),
        ("WHERE team IN ('team 7', 'team 8') AND size > 10", {"node_metadata", "node_data"}),
        ("WHERE tags = tag7", {"node_tags"}),
        ("WHERE type = 'type-7'", {"node_type"}),
        ("IN type-7", {"node_type"}),
        ("WHERE created_at = 2025-01-02T10:00", {"node_created"}),
        ("WHERE team = 'team 7' IN message", {"message_metadata"}),
        ("WHERE session_id = '0199a000-0000-7000-8000-000000000000' IN message", {"message_session"}),
    ],
)
async def test_a_sharp_filter_starts_at_its_index(large: asyncpg.Connection, clauses: str, index: set[str]) -> None:
    found = await candidates(large, clauses)
    assert index <= indexes(found)
    assert "node" not in sequential(found)
    assert "chunk" not in sequential(found)


async def test_a_time_is_a_range_of_the_index(large: asyncpg.Connection) -> None:
    """Without a look at any node: `opening` enumerates it."""
    moment = await large.fetchval("select timestamptz '2024-03-01Z'")
    after = await large.fetchval("select timestamptz '2024-03-11Z'")
    found = await custom(large, SQL["opening"], "ann", "thing", ALL_KINDS, moment, after, EXACT_ROWS)
    scans = [node for node in nodes(json.loads(found)) if node.get("Index Name") == "chunk_filter"]
    assert [node["Actual Rows"] for node in scans] == [200, 200]
    for node in scans:
        assert "at >= '2024-03-01" in node["Index Cond"]
        assert "at < '2024-03-11" in node["Index Cond"]


async def test_a_broad_filter_goes_along_with_the_index(large: asyncpg.Connection) -> None:
    near = SQL["near_filtered"].format(**NUMBERS)
    arguments = ("ann", VECTOR, [], [], [], 0.4, ["entity"], [], None, None, '($."size" > 10)')
    found = await custom(large, SQL["dense"].format(near=near, **NUMBERS), *arguments)
    assert "embedding_hnsw_1" in indexes(found)
    assert sequential(found) == set()
