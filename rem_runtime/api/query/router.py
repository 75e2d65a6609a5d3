"""The endpoint of queries."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Response

from rem_crds.handoff import PATH_PREFIX
from rem_runtime.api.answering import answered, shown
from rem_runtime.api.dependencies import MemoryOf, Reader
from rem_runtime.api.problems import documented
from rem_runtime.api.query.schemas import ANSWER, EXAMPLES, QueryBody
from rem_runtime.memory.answers import QueryAnswer

router = APIRouter(prefix=PATH_PREFIX + "/query", tags=["query"])


@router.post(
    "",
    summary="Ask in the dialect",
    response_model=QueryAnswer,
    responses={**shown(ANSWER), **documented(400, 401, 403, 413, 415, 422, 501, 503)},
)
async def ask(
    body: Annotated[QueryBody, Body(openapi_examples=EXAMPLES)], memory: MemoryOf, caller: Reader
) -> Response:
    """What the memory holds that the caller may see; `notes` says what was cut or bounded."""
    return answered(await memory.query(body.query, caller))
