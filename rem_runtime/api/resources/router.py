"""The endpoints of documents. Who may write for whom is the memory's rule (`memory/caller.py`)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response, status

from rem_crds.handoff import PATH_PREFIX
from rem_runtime.api.dependencies import MemoryOf, Reader, Writer
from rem_runtime.api.problems import documented
from rem_runtime.api.resources.schemas import EXAMPLES
from rem_runtime.api.statistics import StatisticsRefresher
from rem_runtime.memory.answers import IngestResult, StoredDocument
from rem_runtime.memory.ingest import Document
from rem_runtime.memory.models import Resource
from rem_runtime.memory.pages import MAX_PAGE, Page

router = APIRouter(prefix=PATH_PREFIX + "/resources", tags=["resources"])


@router.post(
    "",
    summary="Store a document",
    status_code=status.HTTP_201_CREATED,
    responses={
        200: {"model": IngestResult, "description": "It was there: replaced, or `unchanged`."},
        **documented(401, 403, 413, 422, 503),
    },
)
async def put_resource(
    body: Annotated[Document, Body(openapi_examples=EXAMPLES)],
    memory: MemoryOf,
    caller: Writer,
    request: Request,
    response: Response,
) -> IngestResult:
    """Chunks, embeds and stores it whole; the same content again changes nothing, the same uri again replaces it.

    It belongs to the caller unless `owner` says otherwise, which needs the scope admin; '' is the whole tenant.
    """
    result = await memory.ingest(body, caller)
    if not result.unchanged:
        refresher: StatisticsRefresher = request.app.state.statistics
        refresher.request()
    if result.created:
        response.headers["Location"] = f"{router.prefix}/{result.id}"
    else:
        response.status_code = status.HTTP_200_OK
    return result


@router.get("/{resource_id}", summary="One document", responses=documented(401, 403, 404, 422, 503))
async def get_resource(resource_id: UUID, memory: MemoryOf, caller: Reader) -> StoredDocument:
    """What is known about it, and its text."""
    return await memory.get_resource(resource_id, caller)


@router.get("", summary="Documents, newest first", responses=documented(401, 403, 422, 503))
async def list_resources(
    memory: MemoryOf,
    caller: Reader,
    cursor: Annotated[str | None, Query(max_length=100, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> Page[Resource]:
    """A page of the documents that the caller may see."""
    return await memory.list_resources(caller, cursor=cursor, limit=limit)
