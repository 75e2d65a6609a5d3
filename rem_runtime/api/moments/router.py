"""The endpoints of moments. Who may write for whom is the memory's rule (`memory/caller.py`)."""

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
from rem_runtime.api.listing import Purge, page_example
from rem_runtime.api.moments.schemas import DELETED, EXAMPLES, MOMENT, PATCHES, MomentQuery
from rem_runtime.api.problems import documented
from rem_runtime.memory.erasure import ErasureReport
from rem_runtime.memory.models import Moment
from rem_runtime.memory.pages import Page
from rem_runtime.memory.records import MomentInput, MomentPatch

router = APIRouter(prefix=PATH_PREFIX + "/moments", tags=["moments"])


@router.post(
    "",
    dependencies=[NoVersion],
    summary="Store a moment",
    status_code=201,
    response_model=Moment,
    responses={
        **shown(MOMENT, status=201, etag=True),
        200: {"model": Moment, "description": "It was there and is replaced."},
        **documented(400, 401, 403, 413, 415, 422, 503),
    },
)
async def put_moment(
    body: Annotated[MomentInput, Body(openapi_examples=EXAMPLES)],
    memory: MemoryOf,
    caller: Writer,
    refresher: Refresher,
) -> Response:
    """Creates or replaces the moment of that label, start and owner; at another time it is another moment."""
    moment, created = await memory.records.put_moment(body, caller)
    refresher.request()
    location = f"{router.prefix}/{moment.id}" if created else None
    return answered_version(moment, status=201 if created else 200, location=location)


@router.get(
    "",
    summary="Moments, newest first",
    response_model=Page[Moment],
    responses={**shown(page_example(MOMENT)), **documented(401, 403, 422, 503)},
)
async def list_moments(query: Annotated[MomentQuery, Query()], memory: MemoryOf, caller: Reader) -> Response:
    """A page of the moments that the caller may see, in the order in which they came; times are when they began."""
    return answered(await memory.records.page(Moment, caller, query.wanted()))


@router.get(
    "/{moment_id}",
    summary="One moment",
    response_model=Moment,
    responses={**shown(MOMENT, etag=True), **NOT_MODIFIED, **documented(400, 401, 403, 404, 422, 503)},
)
async def get_moment(moment_id: UUID, memory: MemoryOf, caller: Reader, none_match: IfNoneMatch) -> Response:
    """The moment with its strongest edges."""
    return answered_version(await memory.records.get(Moment, moment_id, caller), none_match=none_match)


@router.patch(
    "/{moment_id}",
    summary="Change a moment",
    response_model=Moment,
    responses={**shown(MOMENT, etag=True), **documented(400, 401, 403, 404, 409, 412, 413, 415, 422, 503)},
)
async def patch_moment(
    moment_id: UUID,
    body: Annotated[MomentPatch, Body(media_type=MERGE_PATCH, openapi_examples=PATCHES)],
    memory: MemoryOf,
    caller: Changer,
    refresher: Refresher,
    if_match: IfMatch,
) -> Response:
    """A JSON merge patch: what is absent stays, null takes away. Names and what is searched follow."""
    moment = await memory.records.update(Moment, moment_id, body, caller, if_match=if_match)
    refresher.request()
    return answered_version(moment)


@router.delete(
    "/{moment_id}",
    summary="Delete a moment",
    response_model=ErasureReport,
    responses={**shown(DELETED), **documented(400, 401, 403, 404, 412, 422, 503)},
)
async def delete_moment(
    moment_id: UUID, memory: MemoryOf, caller: Writer, refresher: Refresher, purge: Purge, if_match: IfMatch
) -> Response:
    """Hides it with its passages, names and edges; `purge` erases them and what was derived from them alone."""
    report = await memory.delete(caller, kind="moment", thing_id=moment_id, purge=purge, if_match=if_match)
    refresher.request()
    return answered(report)
