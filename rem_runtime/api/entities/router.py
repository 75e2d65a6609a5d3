"""The endpoints of entities. Who may write for whom is the memory's rule (`memory/caller.py`)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Response

from rem_crds.handoff import PATH_PREFIX
from rem_runtime.api.answering import (
    MERGE_PATCH,
    NOT_MODIFIED,
    IfMatch,
    IfNoneMatch,
    NoVersion,
    answered,
    answered_version,
    shown,
)
from rem_runtime.api.dependencies import Changer, MemoryOf, Reader, Refresher, Writer
from rem_runtime.api.entities.schemas import DELETED, ENTITY, EXAMPLES, PATCHES, EntityQuery
from rem_runtime.api.listing import Purge, page_example
from rem_runtime.api.problems import documented
from rem_runtime.memory.erasure import ErasureReport
from rem_runtime.memory.ingest import EntityInput
from rem_runtime.memory.models import Entity
from rem_runtime.memory.pages import Page
from rem_runtime.memory.records import EntityPatch

router = APIRouter(prefix=PATH_PREFIX + "/entities", tags=["entities"])


@router.post(
    "",
    dependencies=[NoVersion],
    summary="Store an entity",
    status_code=201,
    response_model=Entity,
    responses={
        **shown(ENTITY, status=201, etag=True),
        200: {"model": Entity, "description": "It was there and is replaced."},
        **documented(400, 401, 403, 413, 415, 422, 503),
    },
)
async def put_entity(
    body: Annotated[EntityInput, Body(openapi_examples=EXAMPLES)],
    memory: MemoryOf,
    caller: Writer,
    refresher: Refresher,
) -> Response:
    """Creates or replaces the entity of that label and owner, with its names, edges and searchable description."""
    entity, created = await memory.put_entity(body, caller)
    refresher.request()
    location = f"{router.prefix}/{entity.id}" if created else None
    return answered_version(entity, status=201 if created else 200, location=location)


@router.get(
    "",
    summary="Entities, newest first",
    response_model=Page[Entity],
    responses={**shown(page_example(ENTITY)), **documented(401, 403, 422, 503)},
)
async def list_entities(query: Annotated[EntityQuery, Query()], memory: MemoryOf, caller: Reader) -> Response:
    """A page of the entities that the caller may see."""
    return answered(await memory.records.page(Entity, caller, query.wanted()))


@router.get(
    "/{entity_id}",
    summary="One entity",
    response_model=Entity,
    responses={**shown(ENTITY, etag=True), **NOT_MODIFIED, **documented(400, 401, 403, 404, 422, 503)},
)
async def get_entity(entity_id: UUID, memory: MemoryOf, caller: Reader, none_match: IfNoneMatch) -> Response:
    """The entity with its strongest edges."""
    return answered_version(await memory.records.get(Entity, entity_id, caller), none_match=none_match)


@router.patch(
    "/{entity_id}",
    summary="Change an entity",
    response_model=Entity,
    responses={**shown(ENTITY, etag=True), **documented(400, 401, 403, 404, 409, 412, 413, 415, 422, 503)},
)
async def patch_entity(
    entity_id: UUID,
    body: Annotated[EntityPatch, Body(media_type=MERGE_PATCH, openapi_examples=PATCHES)],
    memory: MemoryOf,
    caller: Changer,
    refresher: Refresher,
    if_match: IfMatch,
) -> Response:
    """A JSON merge patch: what is absent stays, null takes away. Names and what is searched follow."""
    entity = await memory.records.update(Entity, entity_id, body, caller, if_match=if_match)
    refresher.request()
    return answered_version(entity)


@router.delete(
    "/{entity_id}",
    summary="Delete an entity",
    response_model=ErasureReport,
    responses={**shown(DELETED), **documented(400, 401, 403, 404, 412, 422, 503)},
)
async def delete_entity(
    entity_id: UUID, memory: MemoryOf, caller: Writer, refresher: Refresher, purge: Purge, if_match: IfMatch
) -> Response:
    """Hides it with its passages, names and edges; `purge` erases them and what was derived from them alone."""
    report = await memory.delete(caller, kind="entity", thing_id=entity_id, purge=purge, if_match=if_match)
    refresher.request()
    return answered(report)
