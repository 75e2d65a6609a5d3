"""The endpoints of documents. Who may write for whom is the memory's rule (`memory/caller.py`)."""

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
from rem_runtime.api.problems import documented
from rem_runtime.api.resources.schemas import DELETED, DOCUMENT, EXAMPLES, PATCHES, RESOURCE, STORED, ResourceQuery
from rem_runtime.memory.answers import IngestResult, StoredDocument
from rem_runtime.memory.erasure import ErasureReport
from rem_runtime.memory.ingest import Document
from rem_runtime.memory.models import Resource
from rem_runtime.memory.pages import Page
from rem_runtime.memory.records import ResourcePatch

router = APIRouter(prefix=PATH_PREFIX + "/resources", tags=["resources"])


@router.post(
    "",
    dependencies=[NoVersion],
    summary="Store a document",
    status_code=201,
    response_model=IngestResult,
    responses={
        **shown(STORED, status=201),
        200: {"model": IngestResult, "description": "It was there: replaced, or `unchanged`."},
        **documented(400, 401, 403, 413, 415, 422, 503),
    },
)
async def put_resource(
    body: Annotated[Document, Body(openapi_examples=EXAMPLES)], memory: MemoryOf, caller: Writer, refresher: Refresher
) -> Response:
    """Chunks, embeds and stores it whole; the same content again changes nothing, the same uri again replaces it.

    It belongs to the caller unless `owner` says otherwise, which needs the scope admin; '' is the whole tenant.
    """
    result = await memory.ingest(body, caller)
    if not result.unchanged:
        refresher.request()
    headers = {"Location": f"{router.prefix}/{result.id}"} if result.created else {}
    return answered(result, status=201 if result.created else 200, headers=headers)


@router.get(
    "",
    summary="Documents, newest first",
    response_model=Page[Resource],
    responses={**shown(page_example(RESOURCE)), **documented(401, 403, 422, 503)},
)
async def list_resources(query: Annotated[ResourceQuery, Query()], memory: MemoryOf, caller: Reader) -> Response:
    """A page of the documents that the caller may see, without their text. Times are those of the documents."""
    return answered(await memory.records.page(Resource, caller, query.wanted()))


@router.get(
    "/{resource_id}",
    summary="One document",
    response_model=StoredDocument,
    responses={**shown(DOCUMENT, etag=True), **NOT_MODIFIED, **documented(400, 401, 403, 404, 422, 503)},
)
async def get_resource(resource_id: UUID, memory: MemoryOf, caller: Reader, none_match: IfNoneMatch) -> Response:
    """What is known about it, and its text."""
    return answered_version(await memory.get_resource(resource_id, caller), none_match=none_match)


@router.patch(
    "/{resource_id}",
    summary="Change what is known about a document",
    response_model=Resource,
    responses={**shown(RESOURCE, etag=True), **documented(400, 401, 403, 404, 409, 412, 413, 415, 422, 503)},
)
async def patch_resource(
    resource_id: UUID,
    body: Annotated[ResourcePatch, Body(media_type=MERGE_PATCH, openapi_examples=PATCHES)],
    memory: MemoryOf,
    caller: Changer,
    refresher: Refresher,
    if_match: IfMatch,
) -> Response:
    """A JSON merge patch: what is absent stays, null takes away. The text changes by storing the same uri again."""
    resource = await memory.records.update(Resource, resource_id, body, caller, if_match=if_match)
    refresher.request()
    return answered_version(resource)


@router.delete(
    "/{resource_id}",
    summary="Delete a document",
    response_model=ErasureReport,
    responses={**shown(DELETED), **documented(400, 401, 403, 404, 412, 422, 503)},
)
async def delete_resource(
    resource_id: UUID, memory: MemoryOf, caller: Writer, refresher: Refresher, purge: Purge, if_match: IfMatch
) -> Response:
    """Hides it with its passages, names and edges, and the file that it was read from; `purge` erases them."""
    report = await memory.delete(caller, kind="resource", thing_id=resource_id, purge=purge, if_match=if_match)
    refresher.request()
    return answered(report)
