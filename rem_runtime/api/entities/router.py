"""The endpoints of entities. Who may write for whom is the memory's rule (`memory/caller.py`)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response, status

from rem_crds.handoff import PATH_PREFIX
from rem_runtime.api.dependencies import MemoryOf, Reader, Writer
from rem_runtime.api.entities.schemas import EXAMPLES
from rem_runtime.api.problems import documented
from rem_runtime.api.statistics import StatisticsRefresher
from rem_runtime.memory.ingest import EntityInput
from rem_runtime.memory.models import Entity
from rem_runtime.memory.pages import MAX_PAGE, Page

router = APIRouter(prefix=PATH_PREFIX + "/entities", tags=["entities"])


@router.post(
    "",
    summary="Store an entity",
    status_code=status.HTTP_201_CREATED,
    responses={
        200: {"model": Entity, "description": "It was there and is replaced."},
        **documented(401, 403, 413, 422, 503),
    },
)
async def put_entity(
    body: Annotated[EntityInput, Body(openapi_examples=EXAMPLES)],
    memory: MemoryOf,
    caller: Writer,
    request: Request,
    response: Response,
) -> Entity:
    """Creates or replaces the entity of that label and owner, with its names, edges and searchable description."""
    entity, created = await memory.put_entity(body, caller)
    refresher: StatisticsRefresher = request.app.state.statistics
    refresher.request()
    if created:
        response.headers["Location"] = f"{router.prefix}/{entity.id}"
    else:
        response.status_code = status.HTTP_200_OK
    return entity


@router.get("/{entity_id}", summary="One entity", responses=documented(401, 403, 404, 422, 503))
async def get_entity(entity_id: UUID, memory: MemoryOf, caller: Reader) -> Entity:
    """The entity with its strongest edges."""
    return await memory.get_entity(entity_id, caller)


@router.get("", summary="Entities, newest first", responses=documented(401, 403, 422, 503))
async def list_entities(
    memory: MemoryOf,
    caller: Reader,
    cursor: Annotated[str | None, Query(max_length=100, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> Page[Entity]:
    """A page of the entities that the caller may see."""
    return await memory.list_entities(caller, cursor=cursor, limit=limit)
