"""`rem-runtime schema plan|apply` against a real database: what is printed, what is written, and the exit codes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import pytest

from rem_runtime.cli import main
from rem_runtime.memory.schema import SCHEMA_VERSION
from rem_runtime.settings import get_settings

pytestmark = pytest.mark.postgres

Run = Callable[..., Awaitable[tuple[int, str, list[dict[str, Any]]]]]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.fixture
def run(database: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `rem-runtime schema …` as the Job does; gives the exit code, what it printed and what it logged."""
    for name, value in {
        "POSTGRES__HOST": database.host,
        "POSTGRES__PORT": str(database.port),
        "POSTGRES__DATABASE": database.name,
        "POSTGRES__USER": "rem_owner",
        "POSTGRES__PASSWORD": "rem_owner",
        "POSTGRES__WAIT_SECONDS": "5",
    }.items():
        monkeypatch.setenv(name, value)

    async def run_schema(action: str) -> tuple[int, str, list[dict[str, Any]]]:
        code = await asyncio.to_thread(main, ["schema", action])
        printed = capsys.readouterr()
        return code, printed.out, [json.loads(line) for line in printed.err.splitlines()]

    return run_schema


async def test_a_plan_is_printed_and_nothing_is_written(run: Run, database: Any) -> None:
    code, out, logged = await run("plan")
    assert (code, logged) == (0, [])
    assert out.startswith(f"schema version 0 -> {SCHEMA_VERSION}\nin one transaction:\n  version 1\n")
    assert "    create table node\n" in out
    connection = await asyncpg.connect(database.owner_dsn)
    assert await connection.fetchval("select to_regclass('node') is null")
    await connection.close()
    code, out, logged = await run("apply")
    assert (code, out) == (0, "")
    assert logged[-1]["message"] == "schema applied"
    assert await run("plan") == (0, f"schema version {SCHEMA_VERSION} -> {SCHEMA_VERSION}\nnothing to do\n", [])
    code, out, logged = await run("apply")
    assert (code, out, logged[-1]["message"]) == (0, "", "schema unchanged")


async def test_what_only_a_person_may_change_ends_with_3(run: Run, database: Any) -> None:
    await run("apply")
    connection = await asyncpg.connect(database.superuser_dsn)
    await connection.execute("alter table node add column notes text")
    for action in ("plan", "apply"):
        code, out, logged = await run(action)
        assert (code, out) == (3, "")
        assert "alter table node drop column notes;" in logged[-1]["reason"]
    await connection.execute("alter table node drop column notes; update meta set min_reader = 99, schema_version = 99")
    code, _, logged = await run("apply")
    assert (code, "use a newer image" in logged[-1]["reason"]) == (3, True)
    await connection.execute("update meta set min_reader = 1")
    code, out, _ = await run("plan")
    assert (code, "the database is at 99 already; this runtime can serve it" in out) == (0, True)
    await connection.close()
