"""The nodes as records: get, list, update by id, and create what needs no document. One of the memory's slices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from rem_runtime.memory.answers import StoredDocument
from rem_runtime.memory.cached_plans import twice
from rem_runtime.memory.caller import ADMIN_SCOPE, SHARED, Caller
from rem_runtime.memory.errors import Conflict, NotFound, NotPermitted
from rem_runtime.memory.ingest.prepared import Prepared
from rem_runtime.memory.ingest.write import Place, Written, write_node
from rem_runtime.memory.models import Entity, File, Moment, Node, Resource, User
from rem_runtime.memory.pages import Page, encode_cursor, page_size
from rem_runtime.memory.records.change import Change, Stored, needs_text, plan_change, plan_file_change
from rem_runtime.memory.records.inputs import MomentInput, UserInput
from rem_runtime.memory.records.listing import SQL, Wanted, list_ids
from rem_runtime.memory.records.patches import Patch
from rem_runtime.memory.records.prepare import prepare_moment, prepare_user
from rem_runtime.memory.records.writing import write_change, write_file_change
from rem_runtime.memory.retrieval.bodies import fetch_nodes
from rem_runtime.memory.revisions import ANY_REVISION, changed, require_revision
from rem_runtime.memory.schema.apply import CHUNKER_VERSION
from rem_runtime.memory.shelf import Shelf
from rem_runtime.memory.snapshot import snapshot

Kind = TypeVar("Kind", Resource, Entity, Moment, User, File)

# Whoever names no version wants the change on top of whatever is there; more often than this somebody else was first.
_ATTEMPTS = 5


class Records:
    """Nodes by id, as a caller may see and change them."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def get(self, model: type[Kind], node_id: UUID, caller: Caller) -> Kind:
        """One node; raises NotFound, also for what is somebody else's."""
        nodes = await twice(lambda: fetch_nodes(self._shelf.pool, caller.user, [node_id]))
        node = nodes.get(node_id)
        if not isinstance(node, model):
            raise not_found(model, node_id)
        return node

    async def get_document(self, resource_id: UUID, caller: Caller) -> StoredDocument:
        """One document with its text; raises NotFound."""

        async def read() -> tuple[Node | None, str | None]:
            # In one state: a document that is replaced or deleted meanwhile is shown as it was, whole.
            async with snapshot(self._shelf.pool) as conn:
                nodes = await fetch_nodes(conn, caller.user, [resource_id])
                return nodes.get(resource_id), await conn.fetchval(SQL["text_of_node"], caller.user, resource_id)

        node, text = await twice(read)
        if not isinstance(node, Resource):
            raise not_found(Resource, resource_id)
        return StoredDocument(**dict(node), content=text or "")

    async def page(self, model: type[Kind], caller: Caller, wanted: Wanted) -> Page[Kind]:
        """A page, newest first; raises InvalidInput for a cursor that was not handed out."""
        size = page_size(wanted.limit)
        user, kind = caller.user, model.model_fields["kind"].default

        async def read() -> tuple[Sequence[UUID], dict[UUID, Node]]:
            async with snapshot(self._shelf.pool) as conn:
                ids = await list_ids(conn, user, kind, wanted)
                return ids, await fetch_nodes(conn, user, ids[:size])

        ids, nodes = await twice(read)
        items = [node for node in (nodes[one] for one in ids[:size]) if isinstance(node, model)]
        return Page(items=tuple(items), next_cursor=encode_cursor(ids[size - 1]) if len(ids) > size else None)

    async def put_moment(self, moment: MomentInput, caller: Caller) -> tuple[Moment, bool]:
        """Create or replace the moment of that label, start and owner; True when it is new."""
        prepare = partial(prepare_moment, moment, window=self._shelf.window, rules=CHUNKER_VERSION)
        return await self._put(Moment, prepare, await self._shelf.place(caller, moment.owner))

    async def put_user(self, user: UserInput, caller: Caller) -> tuple[User, bool]:
        """Create or replace what is known of the user of that label and owner; True when it is new."""
        prepare = partial(prepare_user, user, window=self._shelf.window, rules=CHUNKER_VERSION)
        return await self._put(User, prepare, await self._shelf.place(caller, user.owner))

    async def update(
        self, model: type[Kind], node_id: UUID, patch: Patch, caller: Caller, *, if_match: Collection[str] | None = None
    ) -> Kind:
        """Change some fields; names, edges, passages and vectors follow.

        With `if_match` only that version is changed, and of several callers exactly one changes it. Raises NotFound,
        NotPermitted, PreconditionFailed, InvalidInput, Conflict.
        """
        for _ in range(_ATTEMPTS):
            node = await self.get(model, node_id, caller)
            _require_owner(node, caller)
            require_revision(node, if_match)
            written = await self._try_to_change(node, patch, caller)
            if written:
                return await self.get(model, node_id, caller)
            if if_match is not None and ANY_REVISION not in if_match:
                raise changed()
        raise Conflict("others are changing it all the time; try again")

    async def _put(self, model: type[Kind], prepare: Callable[[], Prepared], place: Place) -> tuple[Kind, bool]:
        prepared = await asyncio.to_thread(prepare)
        vectors = await self._shelf.vectors_of(prepared.chunks)

        async def write() -> Written:
            async with self._shelf.pool.acquire() as conn:
                return await write_node(conn, prepared, vectors, place)

        written = await twice(write)
        await self._shelf.count(0 if written.unchanged else len(prepared.chunks))
        # As the owner sees it: an admin may write what only somebody else can read.
        return await self.get(model, written.id, Caller(place.owner)), written.created

    async def _try_to_change(self, node: Node, patch: Patch, caller: Caller) -> bool:
        """False where somebody else was first."""
        owner = node.user_id or SHARED
        place = await self._shelf.place(caller, owner)
        if isinstance(node, File):
            return await self._change_file(node, patch, place)
        text = await self._text_of(node.id, owner) if needs_text(node, patch) else ""
        stored = Stored(node, frozenset(await self._names_of(node.id, owner)), text=text)
        change = await asyncio.to_thread(plan_change, stored, patch, window=self._shelf.window)
        return change is None or await self._write(node, change, place)

    async def _change_file(self, file: File, patch: Patch, place: Place) -> bool:
        change = plan_file_change(file, patch)
        if change is None:
            return True

        async def write() -> bool:
            async with self._shelf.pool.acquire() as conn:
                return await write_file_change(conn, file, change, place)

        return await twice(write)

    async def _write(self, node: Node, change: Change, place: Place) -> bool:
        chunks = change.prepared.chunks if change.chunks else ()
        vectors = await self._shelf.vectors_of(chunks)

        async def write() -> bool:
            async with self._shelf.pool.acquire() as conn:
                return await write_change(conn, node, change, vectors=vectors, place=place)

        written = await twice(write)
        await self._shelf.count(len(chunks) if written else 0)
        return written

    async def _names_of(self, node_id: UUID, owner: str) -> list[str]:
        return list(await twice(lambda: self._shelf.pool.fetchval(SQL["names_of_node"], owner, node_id)))

    async def _text_of(self, node_id: UUID, user: str) -> str:
        return await twice(lambda: self._shelf.pool.fetchval(SQL["text_of_node"], user, node_id)) or ""


def not_found(model: type[Any], node_id: UUID) -> NotFound:
    """The fault for what is not there, or not the caller's to see."""
    return NotFound(f"there is no {model.__name__.lower()} {node_id}, or it is somebody else's")


def _require_owner(node: Node, caller: Caller) -> None:
    if node.user_id is None and ADMIN_SCOPE not in caller.scopes:
        raise NotPermitted(f"this {node.kind} is the whole tenant's; changing it needs the scope admin")
