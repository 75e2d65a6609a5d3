"""The endpoints of files. An upload is read while the client waits; its bytes are not kept."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response

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
from rem_runtime.api.files.schemas import DELETED, FILE, PATCHES, STORED, UPLOADS, FileQuery
from rem_runtime.api.files.turns import UploadTurns
from rem_runtime.api.files.upload import Sent
from rem_runtime.api.listing import Purge, page_example
from rem_runtime.api.problems import documented
from rem_runtime.memory.erasure import ErasureReport
from rem_runtime.memory.ingest import FileResult
from rem_runtime.memory.models import File as FileNode
from rem_runtime.memory.pages import Page
from rem_runtime.memory.records import FilePatch

PATH = PATH_PREFIX + "/files"
# Beside the file: names and parts of a form. What is larger is no metadata.
FORM_BYTES = 256 * 1024

router = APIRouter(prefix=PATH, tags=["files"])


@router.post(
    "",
    dependencies=[NoVersion],
    summary="Upload a file",
    status_code=201,
    response_model=FileResult,
    responses={
        **shown(STORED, status=201),
        200: {"model": FileResult, "description": "It was there: replaced, or `unchanged`."},
        **documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    openapi_extra={"requestBody": {"content": {"multipart/form-data": {"examples": UPLOADS}}}},
    form_limits={"max_files": 1, "max_fields": 10, "max_part_size": FORM_BYTES},
)
async def upload_file(
    request: Request, upload: Sent, memory: MemoryOf, caller: Writer, refresher: Refresher
) -> Response:
    """Reads text, Markdown, HTML, PDF, Office, CSV, JSON, e-mail and source code, and stores the document.

    (owner, uri) is its identity: the same file again changes nothing, another one replaces the document.
    A file that is deleted while it is read is 404, one that a newer upload of its uri replaces meanwhile 409.
    """
    turns: UploadTurns = request.app.state.uploads
    async with turns.under_way(caller.user):
        async with turns.reading(caller.user):
            read = await memory.read_file(await upload.read(), caller)
        result = read if isinstance(read, FileResult) else await memory.store_file(read)
    if not result.unchanged:
        refresher.request()
    headers = {"Location": f"{PATH}/{result.id}"} if result.created else {}
    return answered(result, status=201 if result.created else 200, headers=headers)


@router.get(
    "",
    summary="Files, newest first",
    response_model=Page[FileNode],
    responses={**shown(page_example(FILE)), **documented(401, 403, 422, 503)},
)
async def list_files(query: Annotated[FileQuery, Query()], memory: MemoryOf, caller: Reader) -> Response:
    """A page of the files that the caller may see, and how far each is."""
    return answered(await memory.records.page(FileNode, caller, query.wanted()))


@router.get(
    "/{file_id}",
    summary="One file",
    response_model=FileNode,
    responses={**shown(FILE, etag=True), **NOT_MODIFIED, **documented(400, 401, 403, 404, 422, 503)},
)
async def get_file(file_id: UUID, memory: MemoryOf, caller: Reader, none_match: IfNoneMatch) -> Response:
    """How far it is, and if it failed, why. Its document has the same uri."""
    return answered_version(await memory.records.get(FileNode, file_id, caller), none_match=none_match)


@router.patch(
    "/{file_id}",
    summary="Change a file's own tags and metadata",
    response_model=FileNode,
    responses={**shown(FILE, etag=True), **documented(400, 401, 403, 404, 409, 412, 413, 415, 422, 503)},
)
async def patch_file(
    file_id: UUID,
    body: Annotated[FilePatch, Body(media_type=MERGE_PATCH, openapi_examples=PATCHES)],
    memory: MemoryOf,
    caller: Changer,
    if_match: IfMatch,
) -> Response:
    """A JSON merge patch. What was sent with the upload is the document's, and is changed there."""
    return answered_version(await memory.records.update(FileNode, file_id, body, caller, if_match=if_match))


@router.delete(
    "/{file_id}",
    summary="Delete a file with its document",
    response_model=ErasureReport,
    responses={**shown(DELETED), **documented(400, 401, 403, 404, 412, 422, 503)},
)
async def delete_file(
    file_id: UUID, memory: MemoryOf, caller: Writer, refresher: Refresher, purge: Purge, if_match: IfMatch
) -> Response:
    """Hides it and the document that was read from it; `purge` erases them and what was derived from them alone."""
    report = await memory.delete(caller, kind="file", thing_id=file_id, purge=purge, if_match=if_match)
    refresher.request()
    return answered(report)
