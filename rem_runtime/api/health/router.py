"""The endpoints of the probes. Liveness never touches the database: a slow one would restart every pod."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from rem_crds.handoff import PATH_API_LIVE, PATH_API_READY
from rem_runtime import __version__
from rem_runtime.api.dependencies import MemoryOf
from rem_runtime.api.health.schemas import Alive, Ready
from rem_runtime.api.problems import ProblemError, documented
from rem_runtime.database import DATABASE_AWAY

router = APIRouter(tags=["health"])

# Below a probe's usual timeout, so that the answer is ours and says why.
_DATABASE_SECONDS = 2.0


@router.get(PATH_API_LIVE, summary="Alive")
async def live() -> Alive:
    """The process answers."""
    return Alive(version=__version__)


@router.get(PATH_API_READY, summary="Ready", responses=documented(503))
async def ready(memory: MemoryOf) -> Ready:
    """The database answers, and its tables are ones that this runtime can serve."""
    try:
        async with asyncio.timeout(_DATABASE_SECONDS):
            return Ready(schema_version=await memory.schema_version())
    except DATABASE_AWAY as error:
        # Whoever reads this has no key: the kind of failure, but no address and no user.
        reason = type(error).__name__
        raise ProblemError(503, "not-ready", f"the database does not answer ({reason}); waiting for it") from error
