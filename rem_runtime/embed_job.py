"""`rem-runtime embed migrate`: another embedding model, as the database's owner. `embed retry`: failed jobs, again."""

from __future__ import annotations

import logging
from dataclasses import asdict

import asyncpg

from rem_runtime.database import connect_for_schema, connection_arguments, patience_seconds
from rem_runtime.embedder import open_embedder
from rem_runtime.errors import DatabaseRefusedError, SchemaRefusedError
from rem_runtime.memory.embedding.drain import retry_failed
from rem_runtime.memory.errors import SchemaBusy, SchemaError
from rem_runtime.memory.pool import open_pool
from rem_runtime.memory.schema.model_switch import switch_model
from rem_runtime.settings import Settings

log = logging.getLogger(__name__)


async def run_embed_migrate(settings: Settings) -> None:
    """Makes the model of the settings the active one; raises as `schema apply` does, and EmbedderError."""
    arguments = connection_arguments(settings.postgres, application="rem-embed")
    arguments["command_timeout"] = None  # an index takes as long as it takes
    async with open_embedder(settings.embedding) as embedder:
        connection = await connect_for_schema(settings.postgres, wait_seconds=patience_seconds(settings))
        try:
            async with await open_pool(min_size=0, max_size=4, **arguments) as pool:
                report = await switch_model(connection, pool, embedder)
        except SchemaError as error:
            raise SchemaRefusedError(str(error)) from error
        except SchemaBusy as error:
            raise DatabaseRefusedError(str(error)) from error
        except asyncpg.PostgresError as error:
            raise DatabaseRefusedError(f"the database refused: {error}") from error
        finally:
            await connection.close(timeout=settings.postgres.connect_timeout_seconds)
    log.info("embeddings migrated" if report.replaced else "model is active already", extra=asdict(report))


async def run_embed_retry(settings: Settings) -> None:
    """Queues again what was given up after too many attempts."""
    arguments = connection_arguments(settings.postgres, application="rem-embed")
    async with await open_pool(min_size=0, max_size=1, **arguments) as pool:
        jobs = await retry_failed(pool)
    log.info("queued again", extra={"jobs": jobs})
