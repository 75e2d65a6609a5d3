"""What comes back: values as JSON can say them, errors at their place in the statement."""

# ruff: noqa: E501 - statements stand as they are sent

from __future__ import annotations

import pytest

from rem_runtime.memory.errors import DialectError
from rem_runtime.memory.sql import Fence, check_statement
from rem_runtime.memory.sql.rows import parse_row

from .conftest import Ask, Open

pytestmark = pytest.mark.postgres


async def test_columns_of_one_name_and_of_none(sql: Ask) -> None:
    assert (await sql("select 1, 2, 3 as x, 4 as x")).rows == ({"?column?": 1, "?column?_2": 2, "x": 3, "x_2": 4},)
    assert (await sql("select from users order by label")).rows == ({}, {})
    joined = await sql("select a.label, b.label from users a join users b on a.label < b.label")
    assert joined.rows == ({"label": "anns user", "label_2": "common user"},)


async def test_columns_keep_their_order(sql: Ask) -> None:
    answer = await sql("select version as zz, label as a, key as mmm from users limit 1")
    assert list(answer.rows[0]) == ["zz", "a", "mmm"]


async def test_values(sql: Ask) -> None:
    answer = await sql(
        """select 'NaN'::float8 as nan, 'infinity'::float8 as inf, 'infinity'::timestamptz as never, 1e400::numeric as huge,
           9223372036854775807 as big, 99999999999999999999 as bigger, 0.1::numeric as tenth, 1.5::float4 as short,
           null as nothing, true as yes, date '2026-01-02' as day, interval '1 day 2 hours' as span, array[1, null] as list,
           '{"a": {"b": [1, 2.5]}}'::jsonb as json, timestamptz '2026-01-02 03:04+02' as moment, 'a"\\ü' as text, -1e-400::numeric as tiny"""
    )
    assert answer.rows == (
        {
            "nan": "NaN", "inf": "Infinity", "never": "infinity", "huge": "1" + "0" * 400, "big": "9223372036854775807",
            "bigger": "99999999999999999999", "tenth": 0.1, "short": 1.5, "nothing": None, "yes": True, "day": "2026-01-02",
            "span": "P1DT2H", "list": [1, None], "json": {"a": {"b": [1, 2.5]}}, "moment": "2026-01-02T01:04:00+00:00",
            "text": 'a"\\ü', "tiny": -0.0,
        },
    )  # fmt: skip


def test_a_number_too_long_for_python() -> None:
    assert parse_row('{"x": ' + "9" * 5000 + "}") == {"x": "9" * 5000}


@pytest.mark.parametrize(
    ("statement", "at", "reason"),
    [
        ("select labl from resources", "labl", 'column "labl" does not exist'),
        ("select 'é€😀', labl from resources", "labl", 'column "labl" does not exist'),
        ("  \n select label frm resources x", "resources", "syntax error"),
        ("select 'ü', pg_sleep(1)", "pg_sleep", "not on the list"),
        ("select label from resources where version = 'x'", "'x'", "invalid input syntax"),
        ("select label || from resources", "from", "syntax error"),
        ("select r.labl from resources r", "r.labl", "has no column labl"),
        ("select x.label from resources r", "x.label", "there is no table x"),
        ("/* first */ select * from node", "node", "there is no view node"),
        ("select 1;\n select 2", "select 2", "one statement"),
        ("-- why\n delete from resources", "delete", "DELETE"),
        ("with a as (select 1) delete from resources", "with", "DELETE"),
    ],
)
async def test_errors_say_where(statement: str, at: str, reason: str, sql: Ask) -> None:
    with pytest.raises(DialectError, match=reason) as refused:
        await sql(statement)
    assert refused.value.position == statement.index(at)
    assert refused.value.hint


@pytest.mark.parametrize(
    "statement",
    [
        "select string_agg(a.content, ',') from messages a, messages b, messages c",
        "select array_agg(a.id) from messages a, messages b, messages c",
        "select jsonb_agg(a.id) from messages a, messages b, messages c",
    ],
)
async def test_what_gathers_says_how_much_it_takes(statement: str, sql: Ask) -> None:
    with pytest.raises(DialectError, match=r"_agg would make a value too large: \d+, at most \d+") as refused:
        await sql(statement)
    assert "LIMIT" in refused.value.hint


async def test_the_bounded_ones_answer_as_the_others_do(open_mode: Open) -> None:
    """Each pair of columns: through the search path of SQL mode, and PostgreSQL's own."""
    pairs = [
        ("string_agg(label, ', ' order by label)", "pg_catalog.string_agg(label, ', ' order by label)"),
        (
            "string_agg(nullif(label, 'anns user'), '' order by label)",
            "pg_catalog.string_agg(nullif(label, 'anns user'), '' order by label)",
        ),
        ("string_agg(label, null order by label)", "pg_catalog.string_agg(label, null order by label)"),
        ("string_agg(null::text, ',')", "pg_catalog.string_agg(null::text, ',')"),
        ("array_agg(version order by id)", "pg_catalog.array_agg(version order by id)"),
        ("array_agg(null::text)", "pg_catalog.array_agg(null::text)"),
        ("array_agg(distinct label) filter (where false)", "pg_catalog.array_agg(distinct label) filter (where false)"),
        ("jsonb_agg(tags order by id)", "pg_catalog.jsonb_agg(tags order by id)"),
        ("jsonb_agg(null::text)", "pg_catalog.jsonb_agg(null::text)"),
        ("jsonb_agg(label) filter (where false)", "pg_catalog.jsonb_agg(label) filter (where false)"),
        ("min(label || '!')", "min(label operator(pg_catalog.||) '!')"),
        ("min(label || 1)", "min(label operator(pg_catalog.||) 1)"),
        ("min(1 || label)", "min(1 operator(pg_catalog.||) label)"),
        ("min(label || null)", "min(label operator(pg_catalog.||) null)"),
        ("min('{1,2}'::int[] || 3)", "min('{1,2}'::int[] operator(pg_catalog.||) 3)"),
        ("min(0 || '{1,2}'::int[])", "min(0 operator(pg_catalog.||) '{1,2}'::int[])"),
        ("min('{1}'::int[] || '{2}'::int[])", "min('{1}'::int[] operator(pg_catalog.||) '{2}'::int[])"),
        ("min(array_to_string(tags, ',', '*'))", "min(pg_catalog.array_to_string(tags, ',', '*'))"),
        ("min(array_to_string(array['a', null], '-'))", "min(pg_catalog.array_to_string(array['a', null], '-'))"),
        ("min(replace(label, 'a', 'bb'))", "min(pg_catalog.replace(label, 'a', 'bb'))"),
        (
            "min(regexp_replace(label, '[aeiou]', '<\\&>', 'g'))",
            "min(pg_catalog.regexp_replace(label, '[aeiou]', '<\\&>', 'g'))",
        ),
        ("min(regexp_replace(label, '[aeiou]', ''))", "min(pg_catalog.regexp_replace(label, '[aeiou]', ''))"),
        ("sum(1.5 * version)", "sum(1.5 operator(pg_catalog.*) version)"),
        ("sum(1.5 / 7)", "sum(1.5 operator(pg_catalog./) 7)"),
        ("sum(7.5 % 2)", "sum(7.5 operator(pg_catalog.%) 2)"),
        ("max(2 ^ 10)", "max(2 operator(pg_catalog.^) 10)"),
        ("jsonb_agg(metadata || '{\"z\": 1}')", "pg_catalog.jsonb_agg(metadata operator(pg_catalog.||) '{\"z\": 1}')"),
    ]
    mode = await open_mode(only=set(Fence) - {Fence.ALLOW_LIST})
    for ours, theirs in pairs:
        answer = await mode.run(f"select {ours} as ours, {theirs} as theirs from users", "ann")
        assert answer.rows[0]["ours"] == answer.rows[0]["theirs"], ours


def test_a_statement_may_end_and_begin_as_it_likes() -> None:
    for statement in (
        "select 1;",
        "\n\tselect 1 ; -- the end",
        "/* x */ select 1",
        "(select 1)",
        "SELECT 1;;",
        "select 1 -- why",
    ):
        assert "select 1" in check_statement(statement).body.lower()
