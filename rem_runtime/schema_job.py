"""`rem-runtime schema apply`: the one run that may change tables, as the owner. `schema plan`: what it would do.

The operator's Job waits for a database that is still being made. A person is told within seconds that there is none,
and what says where it is; a plan is always for a person.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from rem_runtime.database import PERSON_WAITS_SECONDS, connect_for_schema, patience_seconds
from rem_runtime.errors import DatabaseRefusedError, DatabaseUnavailableError, SchemaRefusedError
from rem_runtime.memory.errors import SchemaBusy, SchemaError
from rem_runtime.memory.schema import EmbeddingModel, Wanted, apply_schema, describe, plan_schema
from rem_runtime.settings import Settings

log = logging.getLogger(__name__)

_WHERE_IT_IS = (
    "POSTGRES__HOST, POSTGRES__PORT, POSTGRES__DATABASE, POSTGRES__USER and POSTGRES__PASSWORD say where it is and who "
    "enters; --wait SECONDS waits longer"
)


async def run_schema_apply(settings: Settings, *, wait_seconds: float | None = None) -> None:
    """Waits for the database, then applies; raises DatabaseUnavailableError, DatabaseRefusedError or
    SchemaRefusedError; only the last of them is final."""
    wanted = _wanted(settings)
    waits = patience_seconds(settings) if wait_seconds is None else wait_seconds
    async with _connection(settings, wait_seconds=waits) as connection:
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


async def run_schema_plan(settings: Settings, *, wait_seconds: float | None = None) -> None:
    """Prints what `schema apply` would do and writes nothing; raises as `run_schema_apply` does."""
    waits = settings.postgres.wait_seconds if wait_seconds is None else wait_seconds
    async with _connection(settings, wait_seconds=PERSON_WAITS_SECONDS if waits is None else waits) as connection:
        plan = await plan_schema(connection, _wanted(settings))
    sys.stdout.write(describe(plan) + "\n")


def _wanted(settings: Settings) -> Wanted:
    return Wanted(
        app_role=settings.postgres.app_role,
        sql_role=settings.postgres.sql_role,
        embedding=EmbeddingModel(name=settings.embedding.model, dimensions=settings.embedding.dimensions),
    )


@asynccontextmanager
async def _connection(settings: Settings, *, wait_seconds: float) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await connect_for_schema(settings.postgres, wait_seconds=wait_seconds)
    except DatabaseUnavailableError as error:
        if settings.tenant.namespace:  # the operator set the variables
            raise
        raise DatabaseUnavailableError(f"{error}; {_WHERE_IT_IS}") from error
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
