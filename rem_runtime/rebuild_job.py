"""`rem-runtime rebuild`: what is stored, redone by the rules of this version. As the owner of the database."""

from __future__ import annotations

import logging
import time

from rem_runtime.database import connection_arguments
from rem_runtime.embedder import open_embedder
from rem_runtime.memory.errors import SchemaError
from rem_runtime.memory.pool import open_pool
from rem_runtime.memory.rebuild import PARTS, owed_parts, rebuild
from rem_runtime.memory.schema.plan import SQL
from rem_runtime.settings import Settings

log = logging.getLogger(__name__)


async def run_rebuild(settings: Settings, *, everything: bool) -> None:
    """Redoes what is owed, or everything; raises SchemaError, SchemaBusy, EmbedderMissingError."""
    started = time.perf_counter()
    arguments = connection_arguments(settings.postgres, application="rem-rebuild")
    arguments["command_timeout"] = None  # a batch waits for the owner's other writers
    async with await open_pool(max_size=3, **arguments) as pool:
        if not everything and not await owed_parts(pool):
            log.info("nothing to rebuild")
            return
        async with open_embedder(settings.embedding) as embedder:
            model = await pool.fetchrow(SQL["active_model"])
            if model is None or (model["name"], model["dimensions"]) != (embedder.model, embedder.dimensions):
                raise SchemaError("the stored vectors are of another model than EMBEDDING__MODEL; set it back first")
            parts = PARTS if everything else None
            done = await rebuild(pool, embedder, tenant=settings.tenant.name, model_id=model["id"], parts=parts)
    seconds = round(time.perf_counter() - started, 1)
    log.info("rebuilt", extra={"parts": list(done.parts), "changed": dict(done.changed), "seconds": seconds})
