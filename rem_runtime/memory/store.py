"""The face of the memory: what an API, a command line or a worker calls. Thin: each method is one call into a part.

Nodes by id are `memory.records`, sessions and messages `memory.conversations`, vectors that are owed `memory.drain`:
slices with methods of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

import asyncpg

from rem_runtime.memory.answers import IngestFailure, IngestResult, QueryAnswer, StoredDocument
from rem_runtime.memory.cached_plans import twice
from rem_runtime.memory.caller import Caller, owner_for
from rem_runtime.memory.conversation import Conversations, MessageInput
from rem_runtime.memory.embedding import Embedder
from rem_runtime.memory.embedding.current import CurrentEmbedder
from rem_runtime.memory.embedding.drain import Drain
from rem_runtime.memory.erasure import ErasedKind, ErasureReport
from rem_runtime.memory.erasure.erase import delete_thing, erase_user
from rem_runtime.memory.errors import SchemaError
from rem_runtime.memory.ingest import Document, EntityInput, FileInput, FileResult
from rem_runtime.memory.ingest.bulk import Loaded, load_nodes
from rem_runtime.memory.ingest.chunks import Window
from rem_runtime.memory.ingest.files import ReadFile, read_file, store_file
from rem_runtime.memory.ingest.ingest import ingest_document, put_entity, refresh_statistics
from rem_runtime.memory.ingest.many import Ingesting
from rem_runtime.memory.ingest.readers.process import ReaderPool
from rem_runtime.memory.ingest.write import SQL as WRITE_SQL
from rem_runtime.memory.ingest.write import Place
from rem_runtime.memory.load import prepare_lines
from rem_runtime.memory.models import Entity, Message, Resource
from rem_runtime.memory.pages import Page
from rem_runtime.memory.records import Records, Wanted
from rem_runtime.memory.retrieval.executor import answer_query
from rem_runtime.memory.retrieval.parts import Asking
from rem_runtime.memory.schema import SCHEMA_VERSION
from rem_runtime.memory.schema.apply import CHUNKER_VERSION
from rem_runtime.memory.shelf import Shelf
from rem_runtime.memory.sql import SqlMode
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).with_suffix(".sql"))
# The statistics are counted anew when the corpus has grown by this part since, so that the work stays proportional.
_STALE_SHARE = 0.05


class Memory:
    """One tenant's memory over a pool made by `pool.open_pool` and an embedder; safe to share between requests."""

    def __init__(self, pool: asyncpg.Pool, embedder: Embedder, *, tenant: str = "", sql: SqlMode | None = None) -> None:
        self._pool = pool
        self._sql = sql
        self._embedder = CurrentEmbedder(pool, embedder)
        self._readers = ReaderPool()
        self._tenant = tenant
        self._unrefreshed = 0
        shelf = Shelf(pool, self._embedder, place=self._place, count=self._count)
        self.records = Records(shelf)
        self.conversations = Conversations(shelf)
        self.drain = Drain(pool, self._embedder, model_id=self._embedder.own_model_id)

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
        result = await ingest_document(self._pool, self._embedder, self._readers, document, place)
        await self._count(0 if result.unchanged else result.chunks)
        return result

    async def ingest_many(
        self, documents: Iterable[Document], caller: Caller
    ) -> tuple[IngestResult | IngestFailure, ...]:
        """Store many documents, faster than one by one; what became of each, in their order. One that cannot be
        stored is a failure with its index, and the others are stored."""
        run = Ingesting(self._pool, self._embedder, self._readers, place_of=partial(self._place, caller))
        outcomes = await run.run(documents)
        new = [one for one in outcomes if isinstance(one, IngestResult) and not one.unchanged]
        await self._count(sum(one.chunks for one in new))
        return outcomes

    async def ingest_file(self, file: FileInput, caller: Caller) -> FileResult:
        """Read a file, store its document; raises as the two steps do."""
        read = await self.read_file(file, caller)
        return read if isinstance(read, FileResult) else await self.store_file(read)

    async def read_file(self, file: FileInput, caller: Caller) -> ReadFile | FileResult:
        """The first step, after which the bytes are done with; or what became of it, where it is stored already.
        Raises UnreadableFile (its node says why), InvalidInput, NotPermitted, Busy."""
        place = await self._place(caller, file.owner)
        return await read_file(self._pool, self._embedder, self._readers, file, place)

    async def store_file(self, read: ReadFile) -> FileResult:
        """The second step; raises UnreadableFile, NotFound (deleted meanwhile), Conflict (a newer one came)."""
        result = await store_file(self._pool, self._embedder, read)
        await self._count(0 if result.unchanged else result.chunks)
        return result

    async def get_resource(self, resource_id: UUID, caller: Caller) -> StoredDocument:
        """One document with its text; raises NotFound."""
        return await self.records.get_document(resource_id, caller)

    async def list_resources(self, caller: Caller, *, cursor: str | None = None, limit: int = 50) -> Page[Resource]:
        """Documents, newest first; raises InvalidInput for a cursor that is none."""
        return await self.records.page(Resource, caller, Wanted(cursor=cursor, limit=limit))

    async def put_entity(self, entity: EntityInput, caller: Caller) -> tuple[Entity, bool]:
        """Create or replace the entity of that label and owner; True when it is new."""
        place = await self._place(caller, entity.owner)
        written, chunks = await put_entity(self._pool, self._embedder, entity, place)
        await self._count(chunks)
        # As the owner sees it: an admin may write what only somebody else can read.
        return await self.records.get(Entity, written.id, Caller(place.owner)), written.created

    async def get_entity(self, entity_id: UUID, caller: Caller) -> Entity:
        """One entity; raises NotFound."""
        return await self.records.get(Entity, entity_id, caller)

    async def list_entities(self, caller: Caller, *, cursor: str | None = None, limit: int = 50) -> Page[Entity]:
        """Entities, newest first; raises InvalidInput for a cursor that is none."""
        return await self.records.page(Entity, caller, Wanted(cursor=cursor, limit=limit))

    async def append_messages(
        self, session_id: UUID, messages: Sequence[MessageInput], caller: Caller
    ) -> tuple[Message, ...]:
        """Append to a session, in this order; raises NotFound, NotPermitted, InvalidInput."""
        return await self.conversations.append(session_id, messages, caller)

    async def delete(
        self,
        caller: Caller,
        *,
        kind: ErasedKind,
        thing_id: UUID,
        purge: bool = False,
        if_match: Collection[str] | None = None,
    ) -> ErasureReport:
        """Hide one thing with its parts, or erase it with what rested on it alone; with `if_match` only that version.

        Raises NotFound, NotPermitted, PreconditionFailed.
        """
        return await delete_thing(self._pool, caller, kind=kind, thing_id=thing_id, purge=purge, if_match=if_match)

    async def forget_user(self, user: str, caller: Caller) -> ErasureReport:
        """Erase everything of one user and what was derived from it; raises InvalidInput, NotPermitted."""
        return await erase_user(self._pool, user, caller)

    async def load(self, lines: Iterable[str], caller: Caller, *, owner: str | None = None) -> Loaded:
        """Store lines of JSON in bulk; their vectors follow. Raises InvalidInput with the line, NotPermitted."""
        place = await self._place(caller, owner)
        window = Window(self._embedder.token_ends, self._embedder.max_tokens)
        loaded = await load_nodes(self._pool, prepare_lines(lines, window=window, rules=CHUNKER_VERSION), place)
        await self.refresh_statistics()
        return loaded

    async def query(self, text: str, caller: Caller) -> QueryAnswer:
        """Ask in the dialect; raises DialectError, InvalidInput, NotAvailable, NotPermitted."""
        model = await self._embedder.active_id()
        asking = Asking(self._pool, self._embedder, model, caller.user, scopes=caller.scopes, sql=self._sql)
        return await twice(lambda: answer_query(text, asking))

    async def refresh_statistics(self) -> bool:
        """Bring SEARCH's term statistics up to date (after a batch); False when somebody else is at it."""
        self._unrefreshed = 0
        return await refresh_statistics(self._pool)

    async def _place(self, caller: Caller, asked: str | None) -> Place:
        return Place(self._tenant, owner_for(caller, asked), await self._embedder.active_id())

    async def _count(self, chunks: int) -> None:
        if not chunks:
            return
        self._unrefreshed += chunks
        if self._unrefreshed > _STALE_SHARE * await self._pool.fetchval(WRITE_SQL["corpus_size"]):
            await self.refresh_statistics()
