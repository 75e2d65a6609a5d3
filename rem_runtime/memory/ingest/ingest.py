"""From what was sent to what is stored: prepare (pure), embed (CPU), write (one transaction), in that order."""

from __future__ import annotations

import asyncio

import asyncpg

from rem_runtime.memory.answers import IngestResult
from rem_runtime.memory.embedding.embedder import Embedder
from rem_runtime.memory.ingest.chunks import Window
from rem_runtime.memory.ingest.document import Document
from rem_runtime.memory.ingest.entity import EntityInput
from rem_runtime.memory.ingest.prepared import Prepared, prepare_entity, prepare_read_document
from rem_runtime.memory.ingest.readers.process import ReaderPool
from rem_runtime.memory.ingest.write import SQL, Beside, Place, Written, write_node
from rem_runtime.memory.schema.apply import CHUNKER_VERSION


async def ingest_document(
    pool: asyncpg.Pool, embedder: Embedder, readers: ReaderPool, document: Document, place: Place
) -> IngestResult:
    """Store a document; the same content again writes nothing. Raises InvalidInput, Busy."""
    # HTML, JSON and the like are read in a process of their own; the rest is CPU, so in a thread.
    reading = await readers.read_text(
        document.content, uri=document.uri, media_type=document.media_type, owner=place.owner
    )
    prepared = await asyncio.to_thread(
        prepare_read_document, document, reading, window=_window(embedder), rules=CHUNKER_VERSION
    )
    return await ingest_prepared(pool, embedder, prepared, place)


async def ingest_prepared(
    pool: asyncpg.Pool, embedder: Embedder, prepared: Prepared, place: Place, *, beside: Beside | None = None
) -> IngestResult:
    """Store a document that is taken apart already: what a reader made of a file."""
    stored = await pool.fetchrow(SQL["stored_hash"], place.owner, prepared.data["uri"])
    if stored is not None and stored["content_hash"] == prepared.content_hash:
        if beside is not None:
            async with pool.acquire() as conn, conn.transaction():
                await beside(conn)
        written = Written(stored["id"], created=False, unchanged=True)
        label, chunks, edges = stored["label"], stored["chunks"], stored["edges"]
    else:
        written = await _store(pool, embedder, prepared, place, beside)
        label, chunks, edges = prepared.label, len(prepared.chunks), len(prepared.edges)
    return IngestResult(
        id=written.id,
        uri=prepared.data["uri"],
        label=label,
        owner=place.owner,
        chunks=chunks,
        edges=edges,
        created=written.created,
        unchanged=written.unchanged,
    )


async def put_entity(pool: asyncpg.Pool, embedder: Embedder, entity: EntityInput, place: Place) -> tuple[Written, int]:
    """Store an entity; with it, how many chunks were written. Raises InvalidInput."""
    # A long description takes a second: in a thread, as documents.
    prepared = await asyncio.to_thread(prepare_entity, entity, window=_window(embedder), rules=CHUNKER_VERSION)
    written = await _store(pool, embedder, prepared, place)
    return written, 0 if written.unchanged else len(prepared.chunks)


async def refresh_statistics(pool: asyncpg.Pool) -> bool:
    """Count terms anew for SEARCH; False when another process is at it."""
    async with pool.acquire() as conn, conn.transaction():
        if not await conn.fetchval(SQL["try_lock_statistics"]):
            return False
        await conn.execute(SQL["refresh_statistics"])
    return True


async def _store(
    pool: asyncpg.Pool, embedder: Embedder, prepared: Prepared, place: Place, beside: Beside | None = None
) -> Written:
    # Outside the transaction: a slow model holds no lock and no connection.
    vectors = await embedder.embed([chunk.full_text for chunk in prepared.chunks]) if embedder.inline else None
    async with pool.acquire() as conn:
        return await write_node(conn, prepared, vectors, place, beside=beside)


def _window(embedder: Embedder) -> Window:
    return Window(embedder.token_ends, embedder.max_tokens)
