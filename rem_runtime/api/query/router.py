"""The endpoint of queries."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from rem_crds.handoff import PATH_PREFIX
from rem_runtime.api.dependencies import MemoryOf, Reader
from rem_runtime.api.problems import documented
from rem_runtime.api.query.schemas import EXAMPLES, QueryBody
from rem_runtime.memory.answers import QueryAnswer

router = APIRouter(prefix=PATH_PREFIX + "/query", tags=["query"])


@router.post("", summary="Ask in the dialect", responses=documented(400, 401, 403, 422, 503))
async def ask(
    body: Annotated[QueryBody, Body(openapi_examples=EXAMPLES)], memory: MemoryOf, caller: Reader
) -> QueryAnswer:
    """What the memory holds that the caller may see; `notes` says what was cut or bounded."""
    return await memory.query(body.query, caller)
