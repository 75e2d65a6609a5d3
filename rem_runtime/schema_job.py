"""`rem-runtime schema apply`: the one run that may change tables, as the database's owner."""

from __future__ import annotations

import logging

import asyncpg

from rem_runtime.database import connect_for_schema
from rem_runtime.errors import DatabaseRefusedError, SchemaRefusedError
from rem_runtime.memory.errors import SchemaError
from rem_runtime.memory.schema import EmbeddingModel, apply_schema
from rem_runtime.settings import Settings

log = logging.getLogger(__name__)


async def run_schema_apply(settings: Settings) -> None:
    """Waits for the database, then applies; raises DatabaseUnavailableError, DatabaseRefusedError or
    SchemaRefusedError; only the last of them is final."""
    connection = await connect_for_schema(settings.postgres)
    try:
        report = await apply_schema(
            connection,
            app_role=settings.postgres.app_role,
            sql_role=settings.postgres.sql_role,
            embedding=EmbeddingModel(name=settings.embedding.model, dimensions=settings.embedding.dimensions),
        )
    except SchemaError as error:
        raise SchemaRefusedError(str(error)) from error
    except asyncpg.PostgresError as error:
        raise DatabaseRefusedError(f"the database refused: {error}") from error
    finally:
        await connection.close(timeout=settings.postgres.connect_timeout_seconds)
    log.info(
        "schema unchanged" if report.unchanged else "schema applied",
        extra={
            "version_before": report.version_before,
            "version": report.version,
            "applied": list(report.applied),
            "notes": list(report.notes),
        },
    )
