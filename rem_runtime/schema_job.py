"""`rem-runtime schema apply`: the one run that may change tables, as the owner. `schema plan`: what it would do."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from rem_runtime.database import connect_for_schema
from rem_runtime.errors import DatabaseRefusedError, SchemaRefusedError
from rem_runtime.memory.errors import SchemaBusy, SchemaError
from rem_runtime.memory.schema import EmbeddingModel, Wanted, apply_schema, describe, plan_schema
from rem_runtime.settings import Settings

log = logging.getLogger(__name__)


async def run_schema_apply(settings: Settings) -> None:
    """Waits for the database, then applies; raises DatabaseUnavailableError, DatabaseRefusedError or
    SchemaRefusedError; only the last of them is final."""
    wanted = _wanted(settings)
    async with _connection(settings) as connection:
        report = await apply_schema(
            connection, app_role=wanted.app_role, sql_role=wanted.sql_role, embedding=wanted.embedding
        )
    log.info(
        "schema unchanged" if report.unchanged else "schema applied",
        extra={
            "version_before": report.version_before,
            "version": report.version,
            "applied": list(report.applied),
            "notes": list(report.notes),
        },
    )


async def run_schema_plan(settings: Settings) -> None:
    """Prints what `schema apply` would do and writes nothing; raises as `run_schema_apply` does."""
    async with _connection(settings) as connection:
        plan = await plan_schema(connection, _wanted(settings))
    sys.stdout.write(describe(plan) + "\n")


def _wanted(settings: Settings) -> Wanted:
    return Wanted(
        app_role=settings.postgres.app_role,
        sql_role=settings.postgres.sql_role,
        embedding=EmbeddingModel(name=settings.embedding.model, dimensions=settings.embedding.dimensions),
    )


@asynccontextmanager
async def _connection(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect_for_schema(settings.postgres)
    try:
        yield connection
    except SchemaError as error:
        raise SchemaRefusedError(str(error)) from error
    except SchemaBusy as error:
        raise DatabaseRefusedError(str(error)) from error
    except asyncpg.PostgresError as error:
        raise DatabaseRefusedError(f"the database refused: {error}") from error
    finally:
        await connection.close(timeout=settings.postgres.connect_timeout_seconds)
