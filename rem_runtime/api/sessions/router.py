"""The endpoints of sessions and of the messages in one. Private to whoever holds them."""

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
from rem_runtime.api.messages.schemas import MESSAGE
from rem_runtime.api.problems import documented
from rem_runtime.api.sessions.schemas import (
    DELETED,
    EXAMPLES,
    MESSAGES,
    PATCHES,
    SESSION,
    Appended,
    Appending,
    ConversationQuery,
    SessionQuery,
)
from rem_runtime.memory.conversation import SessionInput, SessionPatch
from rem_runtime.memory.conversation.listing import SessionsWanted
from rem_runtime.memory.erasure import ErasureReport
from rem_runtime.memory.models import Message, Session
from rem_runtime.memory.pages import Page

router = APIRouter(prefix=PATH_PREFIX + "/sessions", tags=["sessions"])


@router.post(
    "",
    dependencies=[NoVersion],
    summary="Begin a session",
    status_code=201,
    response_model=Session,
    responses={
        **shown(SESSION, status=201, etag=True),
        **documented(400, 401, 403, 413, 415, 422, 503),
    },
)
async def create_session(
    body: Annotated[SessionInput, Body(openapi_examples=EXAMPLES)], memory: MemoryOf, caller: Writer
) -> Response:
    """It belongs to the caller unless `owner` says otherwise, which needs the scope admin."""
    session = await memory.conversations.create_session(body, caller)
    return answered_version(session, status=201, location=f"{router.prefix}/{session.id}")


@router.get(
    "",
    summary="Sessions, newest first",
    response_model=Page[Session],
    responses={**shown(page_example(SESSION)), **documented(401, 403, 422, 503)},
)
async def list_sessions(query: Annotated[SessionQuery, Query()], memory: MemoryOf, caller: Reader) -> Response:
    """A page of the sessions that the caller may see."""
    return answered(await memory.conversations.sessions(caller, SessionsWanted(**dict(query))))


@router.get(
    "/{session_id}",
    summary="One session",
    response_model=Session,
    responses={**shown(SESSION, etag=True), **NOT_MODIFIED, **documented(400, 401, 403, 404, 422, 503)},
)
async def get_session(session_id: UUID, memory: MemoryOf, caller: Reader, none_match: IfNoneMatch) -> Response:
    """The session without its messages."""
    return answered_version(await memory.conversations.get_session(session_id, caller), none_match=none_match)


@router.patch(
    "/{session_id}",
    summary="Change a session",
    response_model=Session,
    responses={**shown(SESSION, etag=True), **documented(400, 401, 403, 404, 409, 412, 413, 415, 422, 503)},
)
async def patch_session(
    session_id: UUID,
    body: Annotated[SessionPatch, Body(media_type=MERGE_PATCH, openapi_examples=PATCHES)],
    memory: MemoryOf,
    caller: Changer,
    if_match: IfMatch,
) -> Response:
    """A JSON merge patch: what is absent stays, null takes away."""
    return answered_version(await memory.conversations.update_session(session_id, body, caller, if_match=if_match))


@router.delete(
    "/{session_id}",
    summary="Delete a session with its messages",
    response_model=ErasureReport,
    responses={**shown(DELETED), **documented(400, 401, 403, 404, 412, 422, 503)},
)
async def delete_session(
    session_id: UUID, memory: MemoryOf, caller: Writer, refresher: Refresher, purge: Purge, if_match: IfMatch
) -> Response:
    """Hides it; `purge` erases it and what was derived from it alone."""
    report = await memory.delete(caller, kind="session", thing_id=session_id, purge=purge, if_match=if_match)
    refresher.request()
    return answered(report)


@router.post(
    "/{session_id}/messages",
    dependencies=[NoVersion],
    summary="Append messages",
    status_code=201,
    response_model=Appended,
    responses={
        **shown({"items": [MESSAGE.model_dump(mode="json")]}, status=201),
        **documented(400, 401, 403, 404, 413, 415, 422, 503),
    },
)
async def append_messages(
    session_id: UUID,
    body: Annotated[Appending, Body(openapi_examples=MESSAGES)],
    memory: MemoryOf,
    caller: Writer,
    refresher: Refresher,
) -> Response:
    """All of them or none, in the order given; they are found by SEARCH at once. They belong to the session's owner."""
    messages = await memory.append_messages(session_id, body.messages, caller)
    refresher.request()
    return answered(Appended.model_construct(items=messages), status=201)


@router.get(
    "/{session_id}/messages",
    summary="The messages of a session, in their order",
    response_model=Page[Message],
    responses={**shown(page_example(MESSAGE)), **documented(401, 403, 404, 422, 503)},
)
async def list_messages_of_session(
    session_id: UUID, query: Annotated[ConversationQuery, Query()], memory: MemoryOf, caller: Reader
) -> Response:
    """A page of the conversation."""
    return answered(await memory.conversations.messages(caller, query.wanted_of(session_id)))
