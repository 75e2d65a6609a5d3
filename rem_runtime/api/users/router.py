"""The endpoints of users. Who may write for whom is the memory's rule (`memory/caller.py`)."""

from __future__ import annotations

import contextlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query, Response

from rem_crds.handoff import PATH_PREFIX
from rem_runtime.api.answering import (
    MERGE_PATCH,
    NOT_MODIFIED,
    IfMatch,
    IfNoneMatch,
    NoVersion,
    Tags,
    answered,
    answered_version,
    shown,
)
from rem_runtime.api.dependencies import Changer, MemoryOf, Reader, Refresher, Writer
from rem_runtime.api.listing import NodeQuery, Purge, page_example
from rem_runtime.api.problems import ProblemError, documented
from rem_runtime.api.users.schemas import EXAMPLES, FORGOTTEN, PATCHES, USER
from rem_runtime.memory.caller import Caller
from rem_runtime.memory.erasure import ErasureReport
from rem_runtime.memory.errors import InvalidInput, NotFound
from rem_runtime.memory.models import User
from rem_runtime.memory.pages import Page
from rem_runtime.memory.records import UserInput, UserPatch
from rem_runtime.memory.store import Memory

router = APIRouter(prefix=PATH_PREFIX + "/users", tags=["users"])


@router.post(
    "",
    dependencies=[NoVersion],
    summary="Store a user",
    status_code=201,
    response_model=User,
    responses={
        **shown(USER, status=201, etag=True),
        200: {"model": User, "description": "It was there and is replaced."},
        **documented(400, 401, 403, 413, 415, 422, 503),
    },
)
async def put_user(
    body: Annotated[UserInput, Body(openapi_examples=EXAMPLES)],
    memory: MemoryOf,
    caller: Writer,
    refresher: Refresher,
) -> Response:
    """Creates or replaces what is known of the user of that name and owner; the address is a name as well."""
    stored, created = await memory.records.put_user(body, caller)
    refresher.request()
    location = f"{router.prefix}/{stored.id}" if created else None
    return answered_version(stored, status=201 if created else 200, location=location)


@router.get(
    "",
    summary="Users, newest first",
    response_model=Page[User],
    responses={**shown(page_example(USER)), **documented(401, 403, 422, 503)},
)
async def list_users(query: Annotated[NodeQuery, Query()], memory: MemoryOf, caller: Reader) -> Response:
    """A page of the user nodes that the caller may see."""
    return answered(await memory.records.page(User, caller, query.wanted()))


@router.get(
    "/{user}",
    summary="One user",
    response_model=User,
    responses={**shown(USER, etag=True), **NOT_MODIFIED, **documented(400, 401, 403, 404, 422, 503)},
)
async def get_user(user: UUID, memory: MemoryOf, caller: Reader, none_match: IfNoneMatch) -> Response:
    """The user with its strongest edges."""
    return answered_version(await memory.records.get(User, user, caller), none_match=none_match)


@router.patch(
    "/{user}",
    summary="Change a user",
    response_model=User,
    responses={**shown(USER, etag=True), **documented(400, 401, 403, 404, 409, 412, 413, 415, 422, 503)},
)
async def patch_user(
    user: UUID,
    body: Annotated[UserPatch, Body(media_type=MERGE_PATCH, openapi_examples=PATCHES)],
    memory: MemoryOf,
    caller: Changer,
    refresher: Refresher,
    if_match: IfMatch,
) -> Response:
    """A JSON merge patch: what is absent stays, null takes away. Names and what is searched follow."""
    changed = await memory.records.update(User, user, body, caller, if_match=if_match)
    refresher.request()
    return answered_version(changed)


@router.delete(
    "/{user:path}",
    summary="Delete a user's node, or forget a user",
    response_model=ErasureReport,
    responses={**shown(FORGOTTEN), **documented(400, 401, 403, 404, 412, 422, 503)},
)
async def delete_user(
    user: Annotated[str, Path(description="A user's id; without `purge` the id of a node.", examples=["ann"])],
    memory: MemoryOf,
    caller: Writer,
    refresher: Refresher,
    purge: Purge,
    if_match: IfMatch,
) -> Response:
    """With `purge=true` all of that user is erased: what that id owns, what was derived from it, and the tenant's node
    about them, which is also found by its label, address or alias. A name alone erases the node alone.

    Nothing of whom nothing is there is no error. Where `user` is the id of a node, that node alone is erased. Without
    `purge` only a node is deleted, by its id.
    """
    node_id = _uuid_or_none(user)
    if purge:
        report = await _purge(memory, user, node_id, caller, if_match)
    elif node_id is not None:
        report = await memory.delete(caller, kind="user", thing_id=node_id, if_match=if_match)
    else:
        raise InvalidInput("purge=true forgets a user; without it, give the id of the node that is to be deleted")
    refresher.request()
    return answered(report)


async def _purge(
    memory: Memory, user: str, node_id: UUID | None, caller: Caller, if_match: Tags | None
) -> ErasureReport:
    """A user's id may look like a node's: what is no node is a user."""
    if node_id is not None:
        with contextlib.suppress(NotFound):
            return await memory.delete(caller, kind="user", thing_id=node_id, purge=True, if_match=if_match)
    if if_match is not None:
        raise ProblemError(400, "invalid-header", "a user who is forgotten has no version; send no If-Match")
    return await memory.forget_user(user, caller)


def _uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
