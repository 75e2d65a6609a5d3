"""Many documents at once: while one group is embedded, the one before is written and the one after taken apart.

Each document is stored whole, in one transaction with its group; one that cannot be stored takes no other with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

import asyncpg
import numpy as np

from rem_runtime.memory.answers import IngestFailure, IngestResult
from rem_runtime.memory.embedding.embedder import Embedder, Vectors
from rem_runtime.memory.errors import EmbedderError, InvalidInput, MemoryFault
from rem_runtime.memory.ingest.bulk import SQL as BULK_SQL
from rem_runtime.memory.ingest.bulk import insert_nodes
from rem_runtime.memory.ingest.chunks import Window
from rem_runtime.memory.ingest.document import Document
from rem_runtime.memory.ingest.prepared import Prepared, prepare_read_document
from rem_runtime.memory.ingest.readers.process import ReaderPool
from rem_runtime.memory.ingest.write import SQL, Place, Written, write_node
from rem_runtime.memory.schema.apply import CHUNKER_VERSION

# A group's transaction holds the owner's lock, for about a tenth of a second; a group's texts keep the embedder busy
# while that lasts.
GROUP_DOCUMENTS = 32
GROUP_CHUNKS = 64

# What PostgreSQL says of a value, not of itself.
_UNFIT = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError, UnicodeError)

PlaceOf = Callable[[str | None], Awaitable[Place]]
Outcome = IngestResult | IngestFailure


@dataclass(frozen=True, slots=True)
class _Item:
    """One document on its way."""

    index: int
    prepared: Prepared

    @property
    def uri(self) -> str:
        return str(self.prepared.data["uri"])


@dataclass(slots=True)
class _Group:
    """Documents of one owner that are written together, each uri once."""

    place: Place
    items: list[_Item] = field(default_factory=list)
    vectors: dict[int, Vectors] | None = None
    """By index; None where a job makes them later."""

    @property
    def chunks(self) -> int:
        return sum(len(item.prepared.chunks) for item in self.items)


class Ingesting:
    """One list of documents."""

    def __init__(self, pool: asyncpg.Pool, embedder: Embedder, readers: ReaderPool, *, place_of: PlaceOf) -> None:
        self._pool = pool
        self._embedder = embedder
        self._readers = readers
        self._place_of = place_of
        self._window = Window(embedder.token_ends, embedder.max_tokens)
        self._outcomes: dict[int, Outcome] = {}

    async def run(self, documents: Iterable[Document]) -> tuple[Outcome, ...]:
        """What became of each, in their order. Raises what the database raises when it is away; what was written until
        then is stored, and the list can be sent again."""
        prepared: asyncio.Queue[_Group | None] = asyncio.Queue(1)
        embedded: asyncio.Queue[_Group | None] = asyncio.Queue(1)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._take_apart(documents, prepared))
                tasks.create_task(self._embed(prepared, embedded))
                tasks.create_task(self._write(embedded))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        return tuple(self._outcomes[index] for index in sorted(self._outcomes))

    async def _take_apart(self, documents: Iterable[Document], out: asyncio.Queue[_Group | None]) -> None:
        async for group in self._groups(documents):
            await out.put(group)
        await out.put(None)

    async def _groups(self, documents: Iterable[Document]) -> AsyncIterator[_Group]:
        group: _Group | None = None
        uris: set[str] = set()
        for index, document in enumerate(documents):
            try:
                place = await self._place_of(document.owner)
                item = _Item(index, await self._prepare(document, place.owner))
            except MemoryFault as error:
                self._fail(index, document.uri, error)
                continue
            full = group is not None and (len(group.items) >= GROUP_DOCUMENTS or group.chunks >= GROUP_CHUNKS)
            if group is not None and (full or group.place != place or item.uri in uris):
                yield group
                group = None
            if group is None:
                group, uris = _Group(place), set()
            group.items.append(item)
            uris.add(item.uri)
        if group is not None:
            yield group

    async def _prepare(self, document: Document, owner: str) -> Prepared:
        reading = await self._readers.read_text(
            document.content, uri=document.uri, media_type=document.media_type, owner=owner
        )
        return await asyncio.to_thread(
            prepare_read_document, document, reading, window=self._window, rules=CHUNKER_VERSION
        )

    async def _embed(self, groups: asyncio.Queue[_Group | None], out: asyncio.Queue[_Group | None]) -> None:
        while (group := await groups.get()) is not None:
            await self._leave_out_unchanged(group)
            if self._embedder.inline and group.items:
                group.vectors = await self._vectors(group)
            await out.put(group)
        await out.put(None)

    async def _leave_out_unchanged(self, group: _Group) -> None:
        """The same content again is neither embedded nor written."""
        rows = await self._pool.fetch(SQL["find_resources"], group.place.owner, [item.uri for item in group.items])
        stored = {row["uri"]: row for row in rows}
        left = []
        for item in group.items:
            row = stored.get(item.uri)
            if row is not None and row["content_hash"] == item.prepared.content_hash:
                written = Written(row["id"], created=False, unchanged=True)
                self._done(item, group.place, written, stored=row)
            else:
                left.append(item)
        group.items = left

    async def _vectors(self, group: _Group) -> dict[int, Vectors] | None:
        try:
            return await self._embedded(group.items)
        except EmbedderError:
            if not self._embedder.inline:
                return None  # another model has become the active one
        vectors: dict[int, Vectors] = {}
        for item in list(group.items):
            try:
                vectors |= await self._embedded([item])
            except EmbedderError as error:
                self._fail(item.index, item.uri, error)
                group.items.remove(item)
        return vectors

    async def _embedded(self, items: Sequence[_Item]) -> dict[int, Vectors]:
        rows = await self._embedder.embed([chunk.full_text for item in items for chunk in item.prepared.chunks])
        ends = np.cumsum([len(item.prepared.chunks) for item in items])[:-1]
        return {item.index: part for item, part in zip(items, np.split(rows, ends), strict=True)}

    async def _write(self, groups: asyncio.Queue[_Group | None]) -> None:
        while (group := await groups.get()) is not None:
            if not group.items:
                continue
            async with self._pool.acquire() as conn:
                try:
                    written = await _write_group(conn, group)
                except _UNFIT:
                    await self._write_singly(conn, group)
                else:
                    for item in group.items:
                        self._done(item, group.place, written[item.index])

    async def _write_singly(self, conn: asyncpg.Connection, group: _Group) -> None:
        """One of them cannot be stored."""
        for item in group.items:
            try:
                written = await write_node(conn, item.prepared, _of(group, item), group.place)
            except _UNFIT as error:
                self._fail(item.index, item.uri, InvalidInput(f"the database cannot hold it: {type(error).__name__}"))
            else:
                self._done(item, group.place, written)

    def _done(self, item: _Item, place: Place, written: Written, *, stored: asyncpg.Record | None = None) -> None:
        """`stored` is what was there already: it may have got another label or other edges since."""
        prepared = item.prepared
        label, chunks, edges = prepared.label, len(prepared.chunks), len(prepared.edges)
        if stored is not None:
            label, chunks, edges = stored["label"], stored["chunks"], stored["edges"]
        self._outcomes[item.index] = IngestResult(
            id=written.id,
            uri=item.uri,
            label=label,
            owner=place.owner,
            chunks=chunks,
            edges=edges,
            created=written.created,
            unchanged=written.unchanged,
        )

    def _fail(self, index: int, uri: str, error: Exception) -> None:
        self._outcomes[index] = IngestFailure(index=index, uri=uri, error=str(error))


async def _write_group(conn: asyncpg.Connection, group: _Group) -> dict[int, Written]:
    """In one transaction under the owner's lock: no other writer of these documents is met in any order."""
    place = group.place
    async with conn.transaction():
        await conn.execute(BULK_SQL["lock_owner"], place.owner)
        rows = await conn.fetch(SQL["find_resources"], place.owner, [item.uri for item in group.items])
        known = {row["uri"] for row in rows}
        fresh = [item for item in group.items if item.uri not in known]
        written: dict[int, Written] = {}
        if fresh:
            parts = [part for item in fresh if (part := _of(group, item)) is not None]
            vectors = np.concatenate(parts) if parts else None
            ids = await insert_nodes(conn, [item.prepared for item in fresh], place, vectors=vectors)
            for item, node_id in zip(fresh, ids, strict=True):
                written[item.index] = Written(node_id, created=True, unchanged=False)
        for item in group.items:
            if item.uri in known:
                written[item.index] = await write_node(conn, item.prepared, _of(group, item), place)
    return written


def _of(group: _Group, item: _Item) -> Vectors | None:
    return None if group.vectors is None else group.vectors[item.index]
