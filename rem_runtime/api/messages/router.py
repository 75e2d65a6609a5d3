"""The endpoints of messages by themselves; they come in through their session."""

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
    answered,
    answered_version,
    shown,
)
from rem_runtime.api.dependencies import Changer, MemoryOf, Reader, Refresher, Writer
from rem_runtime.api.listing import Purge, page_example
from rem_runtime.api.messages.schemas import DELETED, MESSAGE, PATCHES, MessageQuery
from rem_runtime.api.problems import documented
from rem_runtime.memory.conversation import MessagePatch
from rem_runtime.memory.erasure import ErasureReport
from rem_runtime.memory.models import Message
from rem_runtime.memory.pages import Page

router = APIRouter(prefix=PATH_PREFIX + "/messages", tags=["messages"])


@router.get(
    "",
    summary="Messages of all sessions, newest first",
    response_model=Page[Message],
    responses={**shown(page_example(MESSAGE)), **documented(401, 403, 422, 503)},
)
async def list_messages(query: Annotated[MessageQuery, Query()], memory: MemoryOf, caller: Reader) -> Response:
    """A page of the messages that the caller may see. SEARCH … IN message finds them by what they say."""
    return answered(await memory.conversations.messages(caller, query.wanted()))


@router.get(
    "/{message_id}",
    summary="One message",
    response_model=Message,
    responses={**shown(MESSAGE, etag=True), **NOT_MODIFIED, **documented(400, 401, 403, 404, 422, 503)},
)
async def get_message(message_id: UUID, memory: MemoryOf, caller: Reader, none_match: IfNoneMatch) -> Response:
    """The message, with its tool calls."""
    return answered_version(await memory.conversations.get_message(message_id, caller), none_match=none_match)


@router.patch(
    "/{message_id}",
    summary="Change a message",
    response_model=Message,
    responses={**shown(MESSAGE, etag=True), **documented(400, 401, 403, 404, 409, 412, 413, 415, 422, 503)},
)
async def patch_message(
    message_id: UUID,
    body: Annotated[MessagePatch, Body(media_type=MERGE_PATCH, openapi_examples=PATCHES)],
    memory: MemoryOf,
    caller: Changer,
    refresher: Refresher,
    if_match: IfMatch,
) -> Response:
    """A JSON merge patch: what is absent stays, null takes away. What is searched follows the content."""
    message = await memory.conversations.update_message(message_id, body, caller, if_match=if_match)
    refresher.request()
    return answered_version(message)


@router.delete(
    "/{message_id}",
    summary="Delete a message",
    response_model=ErasureReport,
    responses={**shown(DELETED), **documented(400, 401, 403, 404, 412, 422, 503)},
)
async def delete_message(
    message_id: UUID, memory: MemoryOf, caller: Writer, refresher: Refresher, purge: Purge, if_match: IfMatch
) -> Response:
    """Hides it; `purge` erases it and what was derived from it alone."""
    report = await memory.delete(caller, kind="message", thing_id=message_id, purge=purge, if_match=if_match)
    refresher.request()
    return answered(report)
