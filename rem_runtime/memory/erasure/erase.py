"""Who may delete what, and the deletion: one transaction, under a lock that writers of the same owner take too.

A user of a hundred thousand rows is forgotten in one transaction as well: it ends with everything gone or with nothing
changed, and can be asked for again; it waits for nobody but writers of that user, who wait for it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from uuid import UUID

import asyncpg

from rem_runtime.memory.caller import ADMIN_SCOPE, SHARED, Caller, owner_for
from rem_runtime.memory.erasure.purge import SQL, Erased, Things, purge, refresh_planner_statistics
from rem_runtime.memory.erasure.report import ErasedKind, ErasureReport
from rem_runtime.memory.errors import InvalidInput, NotFound, NotPermitted
from rem_runtime.memory.keys import normalise_key
from rem_runtime.memory.preconditions import require_current

log = logging.getLogger(__name__)

_CONVERSATION = ("session", "message")


async def delete_thing(
    pool: asyncpg.Pool,
    caller: Caller,
    *,
    kind: ErasedKind,
    thing_id: UUID,
    purge: bool,
    if_match: Collection[str] | None = None,
) -> ErasureReport:
    """Hide one thing with its parts, or erase it, with `if_match` only that version of it.

    Raises NotFound, NotPermitted, PreconditionFailed.
    """
    if purge and ADMIN_SCOPE not in caller.scopes:
        raise NotPermitted("erasing needs the scope admin; without purge=true it is only deleted")
    return await (_purge_one if purge else _hide_one)(pool, caller, kind, thing_id, if_match)


async def erase_user(pool: asyncpg.Pool, user: str, caller: Caller) -> ErasureReport:
    """Erase everything of one user; nothing of whom nothing is there is no error. Raises InvalidInput, NotPermitted."""
    if ADMIN_SCOPE not in caller.scopes:
        raise NotPermitted("forgetting a user needs the scope admin")
    if owner_for(caller, user) == SHARED:
        raise InvalidInput("say which user; '' is the whole tenant")
    async with pool.acquire() as conn:
        async with conn.transaction():
            shared = await _ids(conn, "shared_user", _key_of(user), user)
            # In this order everywhere, so that two of them do not wait for each other.
            for owner in (SHARED, user) if shared else (user,):
                await conn.execute(SQL["lock_owner"], owner)
            erased = await purge(conn, await _everything_of(conn, user, shared_too=bool(shared)), user=user)
        erased.words.add(user)
        await refresh_planner_statistics(conn, erased, user=user)
    return _told(erased, "everything of a user")


async def _hide_one(
    pool: asyncpg.Pool, caller: Caller, kind: ErasedKind, thing_id: UUID, if_match: Collection[str] | None
) -> ErasureReport:
    async with pool.acquire() as conn, conn.transaction():
        owner = await _owner_of(conn, caller, kind, thing_id, hidden_too=False)
        await require_current(conn, owner, kind=kind, thing_id=thing_id, if_match=if_match)
        things = await _with_its_parts(conn, owner, kind, thing_id)
        hidden = Erased()
        await conn.fetch(SQL["lock_nodes"], owner, things.nodes)
        await conn.fetch(SQL["lock_messages"], owner, things.messages)
        await conn.execute(SQL["delete_postings"], owner, things.nodes, things.messages)
        counts = hidden.counts
        counts["chunks"] = await conn.fetchval(SQL["delete_chunks"], owner, things.nodes, things.messages)
        await conn.fetchval(SQL["delete_names"], owner, things.nodes)
        counts["edges"] = await conn.fetchval(SQL["close_edges"], owner, things.nodes, owner == SHARED)
        counts["messages"] = await conn.fetchval(SQL["hide_messages"], owner, things.messages)
        counts["sessions"] = await conn.fetchval(SQL["hide_sessions"], owner, things.sessions)
        hidden.add_kinds(await conn.fetch(SQL["hide_nodes"], owner, things.nodes))
    return hidden.report(purged=False)


async def _purge_one(
    pool: asyncpg.Pool, caller: Caller, kind: ErasedKind, thing_id: UUID, if_match: Collection[str] | None
) -> ErasureReport:
    async with pool.acquire() as conn:
        async with conn.transaction():
            owner = await _owner_of(conn, caller, kind, thing_id, hidden_too=True)
            await require_current(conn, owner, kind=kind, thing_id=thing_id, if_match=if_match)
            erased = await purge(conn, {owner: await _with_its_parts(conn, owner, kind, thing_id)})
        await refresh_planner_statistics(conn, erased)
    return _told(erased, kind)


async def _owner_of(
    conn: asyncpg.Connection, caller: Caller, kind: ErasedKind, thing_id: UUID, *, hidden_too: bool
) -> str:
    """Whose it is, under the owner's lock; raises NotFound for what the caller may not even know of, NotPermitted."""
    admin = ADMIN_SCOPE in caller.scopes
    find = SQL[f"find_{kind}" if kind in _CONVERSATION else "find_node"]
    owner: str | None = await conn.fetchval(find, caller.user, thing_id, kind, admin, hidden_too)
    if owner is not None:
        if owner == SHARED and not admin:
            raise NotPermitted(f"this {kind} is the whole tenant's; deleting it needs the scope admin")
        await conn.execute(SQL["lock_owner"], owner)
        # Once more: somebody may have deleted it while this one waited.
        owner = await conn.fetchval(find, caller.user, thing_id, kind, admin, hidden_too)
    if owner is None:
        raise NotFound(f"there is no {kind} {thing_id}, or it is somebody else's")
    return owner


async def _with_its_parts(conn: asyncpg.Connection, owner: str, kind: ErasedKind, thing_id: UUID) -> Things:
    if kind == "message":
        return Things(messages=[thing_id])
    if kind == "session":
        await conn.fetch(SQL["lock_sessions"], owner, [thing_id])
        return Things(sessions=[thing_id], messages=await _ids(conn, "messages_of_sessions", owner, [thing_id]))
    return Things(
        nodes=[thing_id, *(one for one in await _ids(conn, "same_document", owner, thing_id) if one != thing_id)]
    )


async def _everything_of(conn: asyncpg.Connection, user: str, *, shared_too: bool) -> dict[str, Things]:
    sessions = await _ids(conn, "sessions_of_user", user)
    await conn.fetch(SQL["lock_sessions"], user, sessions)
    inside = await _ids(conn, "messages_of_sessions", user, sessions)
    things = Things(
        nodes=await _ids(conn, "nodes_of_user", user),
        sessions=sessions,
        messages=list({*inside, *await _ids(conn, "messages_of_user", user)}),
        edges=await _ids(conn, "edges_of_user", user),
    )
    shared = await _ids(conn, "shared_user", _key_of(user), user) if shared_too else []
    return {user: things, **({SHARED: Things(nodes=shared)} if shared else {})}


def _key_of(user: str) -> str:
    try:
        return normalise_key(user)
    except InvalidInput:  # an id without a letter, digit or sign is nobody's label
        return ""


async def _ids(conn: asyncpg.Connection, statement: str, *arguments: object) -> list[UUID]:
    return [row["id"] for row in await conn.fetch(SQL[statement], *arguments)]


def _told(erased: Erased, what: str) -> ErasureReport:
    report = erased.report(purged=True)
    # Whose and which is not said: a log is kept longer than what it speaks of.
    log.info("erased", extra={"what": what, **report.model_dump(exclude={"purged"})})
    return report
