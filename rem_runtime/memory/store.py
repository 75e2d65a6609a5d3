"""The face of the memory: what an API, a command line or a worker calls. Thin: each method is one call into a part."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import asyncpg

from rem_runtime.memory.answers import IngestResult, QueryAnswer, StoredDocument
from rem_runtime.memory.caller import Caller, owner_for
from rem_runtime.memory.embedding import Embedder
from rem_runtime.memory.errors import EmbedderError, NotFound, SchemaError
from rem_runtime.memory.ingest import Document, EntityInput
from rem_runtime.memory.ingest.ingest import ingest_document, put_entity, refresh_statistics
from rem_runtime.memory.ingest.write import SQL as WRITE_SQL
from rem_runtime.memory.ingest.write import Place
from rem_runtime.memory.models import Entity, Node, Resource
from rem_runtime.memory.pages import Page, decode_cursor, encode_cursor, page_size
from rem_runtime.memory.retrieval.bodies import SQL as NODE_SQL
from rem_runtime.memory.retrieval.bodies import fetch_nodes
from rem_runtime.memory.retrieval.executor import answer_query
from rem_runtime.memory.retrieval.parts import Asking
from rem_runtime.memory.schema import SCHEMA_VERSION
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).with_suffix(".sql"))
_NEWEST = UUID(int=2**128 - 1)
# The statistics are counted anew when the corpus has grown by this part since, so that the work stays proportional.
_STALE_SHARE = 0.05

Result = TypeVar("Result")
Kind = TypeVar("Kind", Resource, Entity)


class Memory:
    """One tenant's memory over a pool made by `pool.open_pool` and an embedder; safe to share between requests."""

    def __init__(self, pool: asyncpg.Pool, embedder: Embedder, *, tenant: str = "") -> None:
        self._pool = pool
        self._embedder = embedder
        self._tenant = tenant
        self._model_id: int | None = None
        self._unrefreshed = 0

    async def ping(self) -> None:
        """One round trip to the database; raises what asyncpg raises when it is not there."""
        await self._pool.fetchval(SQL["ping"])

    async def schema_version(self) -> int:
        """The version of the tables; raises SchemaError where there are none or this runtime does not fit them."""
        try:
            row = await self._pool.fetchrow(SQL["schema"])
        except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError) as error:
            raise SchemaError("the database has no tables of ours; run `rem-runtime schema apply`") from error
        if row is None or row["schema_version"] < SCHEMA_VERSION:
            raise SchemaError("the tables are older than this runtime; run its `rem-runtime schema apply`")
        if row["min_reader"] > SCHEMA_VERSION:
            raise SchemaError(f"the tables need a runtime of schema version {row['min_reader']}; use a newer image")
        return int(row["schema_version"])

    async def ingest(self, document: Document, caller: Caller) -> IngestResult:
        """Store a document whole: idempotent by content; raises InvalidInput, NotPermitted."""
        place = await self._place(caller, document.owner)
        result = await ingest_document(self._pool, self._embedder, document, place)
        await self._count(0 if result.unchanged else result.chunks)
        return result

    async def get_resource(self, resource_id: UUID, caller: Caller) -> StoredDocument:
        """One document with its text; raises NotFound."""
        node = await self._get(Resource, resource_id, caller)
        text = await _twice(lambda: self._pool.fetchval(NODE_SQL["text_of_node"], caller.user, resource_id))
        return StoredDocument(**dict(node), content=text or "")

    async def list_resources(self, caller: Caller, *, cursor: str | None = None, limit: int = 50) -> Page[Resource]:
        """Documents, newest first; raises InvalidInput for a cursor that is none."""
        return await self._list(Resource, "resource", caller, cursor=cursor, limit=limit)

    async def put_entity(self, entity: EntityInput, caller: Caller) -> tuple[Entity, bool]:
        """Create or replace the entity of that label and owner; True when it is new."""
        place = await self._place(caller, entity.owner)
        written, chunks = await put_entity(self._pool, self._embedder, entity, place)
        await self._count(chunks)
        # As the owner sees it: an admin may write what only somebody else can read.
        nodes = await fetch_nodes(self._pool, place.owner, [written.id])
        node = nodes.get(written.id)
        if not isinstance(node, Entity):
            raise NotFound(f"the entity {entity.label!r} was deleted while it was written")
        return node, written.created

    async def get_entity(self, entity_id: UUID, caller: Caller) -> Entity:
        """One entity; raises NotFound."""
        return await self._get(Entity, entity_id, caller)

    async def list_entities(self, caller: Caller, *, cursor: str | None = None, limit: int = 50) -> Page[Entity]:
        """Entities, newest first; raises InvalidInput for a cursor that is none."""
        return await self._list(Entity, "entity", caller, cursor=cursor, limit=limit)

    async def query(self, text: str, caller: Caller) -> QueryAnswer:
        """Ask in the dialect; raises DialectError, InvalidInput, NotAvailable."""
        asking = Asking(self._pool, self._embedder, await self._active_model(), caller.user)
        return await _twice(lambda: answer_query(text, asking))

    async def refresh_statistics(self) -> bool:
        """Bring SEARCH's term statistics up to date (after a batch); False when somebody else is at it."""
        self._unrefreshed = 0
        return await refresh_statistics(self._pool)

    async def _place(self, caller: Caller, asked: str | None) -> Place:
        return Place(self._tenant, owner_for(caller, asked), await self._active_model())

    async def _active_model(self) -> int:
        """The stored model's number; raises where it is not the one that this process embeds with."""
        if self._model_id is None:
            row = await self._pool.fetchrow(SQL["active_model"])
            if row is None:
                raise SchemaError("the database has no embedding model; run `rem-runtime schema apply`")
            if (row["name"], row["dimensions"]) != (self._embedder.model, self._embedder.dimensions):
                raise EmbedderError(
                    f"the stored vectors are of {row['name']} ({row['dimensions']}), the embedder is "
                    f"{self._embedder.model} ({self._embedder.dimensions}); vectors of two models cannot be compared"
                )
            self._model_id = int(row["id"])
        return self._model_id

    async def _count(self, chunks: int) -> None:
        if not chunks:
            return
        self._unrefreshed += chunks
        if self._unrefreshed > _STALE_SHARE * await self._pool.fetchval(WRITE_SQL["corpus_size"]):
            await self.refresh_statistics()

    async def _get(self, model: type[Kind], node_id: UUID, caller: Caller) -> Kind:
        nodes = await _twice(lambda: fetch_nodes(self._pool, caller.user, [node_id]))
        node = nodes.get(node_id)
        if not isinstance(node, model):
            raise NotFound(f"there is no {model.__name__.lower()} {node_id}, or it is somebody else's")
        return node

    async def _list(
        self, model: type[Kind], kind: str, caller: Caller, *, cursor: str | None, limit: int
    ) -> Page[Kind]:
        size, before = page_size(limit), decode_cursor(cursor) if cursor else _NEWEST

        async def read() -> tuple[list[UUID], dict[UUID, Node]]:
            rows = await self._pool.fetch(NODE_SQL["list_nodes"], caller.user, kind, before, size + 1)
            ids = [row["id"] for row in rows]
            return ids, await fetch_nodes(self._pool, caller.user, ids[:size])

        ids, nodes = await _twice(read)
        items = [node for node in (nodes.get(one) for one in ids[:size]) if isinstance(node, model)]
        return Page(items=tuple(items), next_cursor=encode_cursor(ids[size - 1]) if len(ids) > size else None)


async def _twice(read: Callable[[], Awaitable[Result]]) -> Result:
    """A schema change invalidates prepared statements; asyncpg prepares anew the second time. Only for reads."""
    try:
        return await read()
    except asyncpg.InvalidCachedStatementError:
        return await read()
