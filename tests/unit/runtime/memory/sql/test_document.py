"""docs/sql-mode.md says what is: its tables are made from the lists, the views and the attacks, and compared.

REM_UPDATE_GOLDEN=1 writes them anew.
"""

# ruff: noqa: E501 - rows of tables

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path

import asyncpg
import pytest

from rem_runtime.memory.errors import DialectError
from rem_runtime.memory.schema.views import ALL_VIEWS, VIEW_COLUMNS
from rem_runtime.memory.sql import DEFAULT_LIMITS, Fence, allowed, check_statement, scope

from .attacks import ATTACKS, Attack
from .conftest import World
from .useful import USEFUL

pytestmark = pytest.mark.postgres

DOCUMENT = Path(__file__).parents[5] / "docs" / "sql-mode.md"
_SHOWN_USEFUL = 8
_TYPES = {"timestamp with time zone": "timestamptz", "double precision": "float8", "text[]": "text[]"}


async def test_the_document_is_what_is(world: World) -> None:
    sections = {
        "views": await _views(world),
        "functions": _functions(),
        "limits": _limits(),
        "fences": "\n".join(f"- {fence.value}" for fence in Fence),
        "examples": "\n\n".join(
            f"{name}:\n\n```sql\n{statement}\n```" for name, statement, _ in USEFUL[2 : 2 + _SHOWN_USEFUL]
        ),
        "attacks": _attacks(),
    }
    written = DOCUMENT.read_text("utf-8")
    wanted = written
    for name, text in sections.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        assert pattern.search(wanted), f"the document has no section {name}"
        wanted = pattern.sub(lambda match, text=text: f"{match[1]}\n{text}\n\n{match[2]}", wanted)
    if os.environ.get("REM_UPDATE_GOLDEN"):
        DOCUMENT.write_text(wanted, "utf-8")
        written = wanted
    assert written == wanted, "docs/sql-mode.md is out of date: REM_UPDATE_GOLDEN=1 pytest test_document.py"


async def test_views_have_the_columns_that_names_are_resolved_by(world: World) -> None:
    assert {
        view: tuple(name for name, _ in columns) for view, columns in (await _columns(world)).items()
    } == VIEW_COLUMNS
    assert tuple(VIEW_COLUMNS) == ALL_VIEWS


async def test_every_function_of_the_list_exists(world: World) -> None:
    connection = await asyncpg.connect(world.sql_dsn)
    there = {row[0] for row in await connection.fetch("select proname::text from pg_proc")}
    operators = {row[0] for row in await connection.fetch("select oprname::text from pg_operator")}
    await connection.close()
    # The grammar makes it of MINUS, and these two have other names inside.
    assert allowed.FUNCTIONS - there == {"trim"}
    assert operators >= allowed.OPERATORS
    assert there >= allowed.SYNTAX_FUNCTIONS


async def _columns(world: World) -> dict[str, list[tuple[str, str]]]:
    connection = await asyncpg.connect(world.superuser_dsn)
    rows = await connection.fetch(
        """select c.relname::text as view, a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type
           from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
           where c.relkind = 'v' and c.relnamespace = 'public'::regnamespace order by c.relname, a.attnum"""
    )
    await connection.close()
    found = {
        view: [(row["name"], _TYPES.get(row["type"], row["type"])) for row in columns]
        for view, columns in itertools.groupby(rows, key=lambda row: row["view"])
    }
    return {view: found[view] for view in VIEW_COLUMNS if view in found} | found


async def _views(world: World) -> str:
    lines = ["| view | columns |", "|---|---|"]
    for view, columns in (await _columns(world)).items():
        lines.append(f"| `{view}` | {', '.join(f'`{name}` {kind}' for name, kind in columns)} |")
    return "\n".join(lines)


def _functions() -> str:
    kinds = {
        "aggregates": allowed.AGGREGATES,
        "windows": allowed.WINDOW,
        "rows of a value": allowed.ROW_FUNCTIONS | allowed.PAIR_FUNCTIONS,
        "text": allowed.TEXT,
        "numbers": allowed.NUMBERS,
        "times": allowed.TIMES,
        "jsonb and arrays": allowed.VALUES,
        "operators": {f"{name}".replace("|", "\\|") for name in allowed.OPERATORS},
        "types": allowed.TYPES | {"arrays of them"},
    }
    lines = ["| | |", "|---|---|"]
    return "\n".join(
        [*lines, *(f"| {kind} | {', '.join(f'`{name}`' for name in sorted(names))} |" for kind, names in kinds.items())]
    )


def _limits() -> str:
    limits = DEFAULT_LIMITS
    values = {
        "a statement": f"{allowed.MOST_CHARACTERS:,} characters (8,000 over HTTP), about 40 operators or 20 subselects one in another",
        "tables and subselects in FROM": allowed.MOST_TABLES,
        "subselects in expressions": allowed.MOST_SUBSELECTS,
        "windows, and aggregates with DISTINCT or ORDER BY": allowed.MOST_SORTS,
        "an expression, its names written out": f"{scope.MOST_WEIGHT:,} columns; {scope.MOST_GATHERED_WEIGHT} within one row, array or JSON object",
        "a value that is put together (`\\|\\|`, `replace`, …)": "100 kB, see `bounded.sql`",
        "two values of which each part of one is compared with each of the other (`LIKE`, `similarity`, `@>`, …)": "20,000,000 bytes, one times the other",
        "a row": f"{allowed.MOST_COLUMNS} columns",
        "a value that is gathered": "`string_agg` 50 kB, `array_agg` and `jsonb_agg` 1,000 values a group",
        "an answer": f"{limits.rows:,} rows, {limits.result_bytes:,} bytes",
        "time": f"{limits.seconds:g} s (`POSTGRES__SQL_TIMEOUT_SECONDS`)",
        "memory of a sort": f"{limits.work_mem_mb} MB, then temporary files of {limits.temp_file_mb} MB",
    }
    return "\n".join(["| what | how much |", "|---|---|", *(f"| {what} | {value} |" for what, value in values.items())])


def _attacks() -> str:
    lines = ["| attack | what becomes of it | without list and weighing |", "|---|---|---|"]
    for group, attacks in itertools.groupby(ATTACKS, key=lambda attack: attack.group):
        lines.append(f"| **{group}** | | |")
        lines += [f"| {_cell(attack.name)} | {_cell(_result(attack))} | {_behind(attack)} |" for attack in attacks]
    return "\n".join(lines)


def _result(attack: Attack) -> str:
    if attack.listed == "harmless":
        return "runs: shows and does nothing that it should not"
    if attack.listed == "ended":
        return "runs, and is ended by a limit or by PostgreSQL"
    try:
        check_statement(attack.statement)
    except DialectError as refused:
        return f"refused: {refused.reason}"
    raise AssertionError(attack.name)


def _behind(attack: Attack) -> str:
    if attack.grows_in_the_planner:
        return "weighing stops it without the list"
    return "the list alone" if attack.only_the_list_stops_it else "nothing read, nothing written, in time"


def _cell(text: str) -> str:
    shown = text.replace("|", "\\|").replace("\n", " ")
    return shown if len(shown) <= 110 else shown[:107] + "…"
