"""A filled database for SQL mode, one for all of its tests (they only read), and SQL mode with any of its fences."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Set
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest_asyncio

from rem_crds.handoff import DATABASE_NAME
from rem_crds.initdb import post_init_application_sql
from rem_runtime.laptop.postgres import EmbeddedPostgres
from rem_runtime.memory.schema import apply_schema
from rem_runtime.memory.sql import ALL_FENCES, DEFAULT_LIMITS, Fence, SqlLimits, SqlMode, SqlRows, open_sql_mode

NAME = "rem_sql_world"
WORLD = Path(__file__).with_name("world.sql")


@dataclass(frozen=True)
class World:
    """URLs of the database of SQL mode's tests."""

    owner_dsn: str
    app_dsn: str
    sql_dsn: str
    superuser_dsn: str


Open = Callable[..., Awaitable[SqlMode]]
Ask = Callable[..., Awaitable[SqlRows]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(postgres: str, postgres_server: EmbeddedPostgres, database_template: str) -> AsyncIterator[World]:
    """As a tenant's database is: what the superuser runs in it, then `schema apply`, then rows."""
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"create database {NAME} template {database_template} owner rem_owner")
    world = World(
        owner_dsn=postgres_server.dsn(NAME, user="rem_owner", password="rem_owner"),
        app_dsn=postgres_server.dsn(NAME, user="rem_app", password="rem_app"),
        sql_dsn=postgres_server.dsn(NAME, user="rem_sql", password="rem_sql"),
        superuser_dsn=postgres_server.dsn(NAME),
    )
    await _run(
        world.superuser_dsn,
        *(s.replace(f"DATABASE {DATABASE_NAME} ", f"DATABASE {NAME} ") for s in post_init_application_sql()),
    )
    owner = await asyncpg.connect(world.owner_dsn)
    await apply_schema(owner, app_role="rem_app", sql_role="rem_sql")
    await owner.close()
    await _run(world.superuser_dsn, WORLD.read_text("utf-8"))
    yield world
    await connection.execute(f"drop database {NAME} with (force)")
    await connection.close()


async def _run(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_mode(world: World) -> AsyncIterator[Open]:
    """SQL mode with the fences and limits that are asked for."""
    async with AsyncExitStack() as stack:

        async def open_one(
            *, only: Set[Fence] = ALL_FENCES, limits: SqlLimits = DEFAULT_LIMITS, dsn: str = "", **more: Any
        ) -> SqlMode:
            mode = await open_sql_mode(dsn=dsn or world.sql_dsn, fences=frozenset(only), limits=limits, **more)
            stack.push_async_callback(mode.close)
            return mode

        yield open_one


@pytest_asyncio.fixture(loop_scope="session")
async def sql(open_mode: Open) -> Ask:
    """Ask as Ann, inside all fences."""
    mode = await open_mode()

    async def ask(text: str, user: str = "ann") -> SqlRows:
        return await mode.run(text, user)

    return ask
