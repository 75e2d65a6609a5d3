"""`rem-runtime load`: a file of things into the tenant's memory, straight into its database."""

from __future__ import annotations

import contextlib
import logging
import time
from pathlib import Path

from rem_runtime.database import connection_arguments
from rem_runtime.embedder import open_embedder
from rem_runtime.errors import SettingsError
from rem_runtime.memory.caller import ADMIN_SCOPE, Caller
from rem_runtime.memory.pool import open_pool
from rem_runtime.memory.store import Memory
from rem_runtime.settings import Settings

log = logging.getLogger(__name__)


async def run_load(settings: Settings, file: Path, *, owner: str) -> None:
    """Stores the file's things; raises SettingsError where there is no such file, InvalidInput for a faulty line."""
    started = time.perf_counter()
    arguments = connection_arguments(settings.postgres, application="rem-load")
    arguments["command_timeout"] = None  # COPY of a batch takes as long as it takes
    async with contextlib.AsyncExitStack() as stack:
        try:
            lines = stack.enter_context(file.open(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
        embedder = await stack.enter_async_context(open_embedder(settings.embedding))
        pool = await stack.enter_async_context(await open_pool(max_size=2, **arguments))
        memory = Memory(pool, embedder, tenant=settings.tenant.name)
        await memory.schema_version()
        loaded = await memory.load(lines, Caller.of("", {ADMIN_SCOPE}), owner=owner)
    log.info(
        "loaded",
        extra={
            "file": str(file),
            "stored": loaded.created,
            "replaced": loaded.replaced,
            "unchanged": loaded.unchanged,
            "seconds": round(time.perf_counter() - started, 1),
        },
    )
