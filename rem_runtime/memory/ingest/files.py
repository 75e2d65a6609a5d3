"""Files into the memory: bytes are read, the File node says how far it came, the text becomes a Resource.

A file that is stored is found as its document, which has the same uri; one that is not is found by its own name.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import posixpath
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import asyncpg

from rem_runtime.memory.embedding.embedder import Embedder
from rem_runtime.memory.errors import InvalidInput, UnreadableFile
from rem_runtime.memory.ingest.chunks import Window
from rem_runtime.memory.ingest.clean import clean_json, clean_text
from rem_runtime.memory.ingest.file import FileInput, FileResult
from rem_runtime.memory.ingest.ingest import ingest_prepared
from rem_runtime.memory.ingest.prepared import Source, prepare_reading
from rem_runtime.memory.ingest.readers import READERS_VERSION, formats
from rem_runtime.memory.ingest.readers.process import ReaderPool
from rem_runtime.memory.ingest.write import Place
from rem_runtime.memory.keys import fuzzy_text, normalise_key
from rem_runtime.memory.schema.apply import CHUNKER_VERSION
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "files.sql")
_MAX_URI = 1024

__all__ = ["FileInput", "FileResult", "ingest_file"]

State = Literal["processing", "stored", "failed"]


async def ingest_file(
    pool: asyncpg.Pool, embedder: Embedder, readers: ReaderPool, file: FileInput, place: Place
) -> FileResult:
    """Read a file and store its document; the same file again writes nothing.

    Raises UnreadableFile, whose node keeps the reason, and InvalidInput where there is no uri to file it under.
    """
    upload = _Upload.of(file, place)
    async with pool.acquire() as conn:
        found = await upload.unchanged(conn)
        if found is not None:
            return found
        file_id = await upload.begin(conn)
    window = Window(embedder.token_ends, embedder.max_tokens)
    try:
        reading = await readers.read_file(file.data, uri=upload.file.uri, media_type=file.media_type)
        prepare = partial(prepare_reading, reading, upload.source, window=window, rules=CHUNKER_VERSION)
        prepared = await asyncio.to_thread(prepare)
    except InvalidInput as error:
        async with pool.acquire() as conn:
            await upload.settle(conn, file_id, state="failed", reason=str(error))
        raise UnreadableFile(str(error), file_id=file_id) from error
    stored = await ingest_prepared(pool, embedder, prepared, place)
    async with pool.acquire() as conn:
        await upload.settle(
            conn, file_id, state="stored", media_type=reading.media_type, document_hash=prepared.content_hash.hex()
        )
    return FileResult(
        id=file_id,
        resource_id=stored.id,
        uri=upload.file.uri,
        label=stored.label,
        owner=place.owner,
        media_type=reading.media_type,
        size_bytes=len(file.data),
        chunks=stored.chunks,
        edges=stored.edges,
        created=stored.created,
        unchanged=False,
        notes=reading.notes,
    )


@dataclass(frozen=True, slots=True)
class _Upload:
    """One file on its way, and its node."""

    file: FileInput
    place: Place
    label: str
    content_hash: bytes

    @classmethod
    def of(cls, file: FileInput, place: Place) -> _Upload:
        uri = clean_text(file.uri)
        if not uri.strip() or len(uri) > _MAX_URI:
            raise InvalidInput(f"a file needs a uri of 1 to {_MAX_URI} characters, under which it is kept")
        given = [READERS_VERSION, file.media_type, str(file.timestamp), clean_json(dict(file.metadata))]
        said = json.dumps(given, ensure_ascii=False, sort_keys=True, default=str).encode()
        content_hash = hashlib.sha256(hashlib.sha256(file.data).digest() + said).digest()
        return cls(replace(file, uri=uri), place, posixpath.basename(uri.rstrip("/")) or uri, content_hash)

    @property
    def source(self) -> Source:
        return Source(self.file.uri, timestamp=self.file.timestamp, metadata=self.file.metadata)

    async def unchanged(self, conn: asyncpg.Connection) -> FileResult | None:
        """What is stored of exactly this file, as long as its document is still the one that was made of it."""
        row = await conn.fetchrow(SQL["find_file"], self.place.owner, self.file.uri)
        same = row is not None and row["content_hash"] == self.content_hash and row["state"] == "stored"
        if row is None or not same or row["resource_hash"] is None or row["document_hash"] != row["resource_hash"]:
            return None
        return FileResult(
            id=row["id"],
            resource_id=row["resource_id"],
            uri=self.file.uri,
            label=row["label"],
            owner=self.place.owner,
            media_type=row["media_type"],
            size_bytes=len(self.file.data),
            chunks=row["chunks"],
            edges=row["edges"],
            created=False,
            unchanged=True,
        )

    async def begin(self, conn: asyncpg.Connection) -> UUID:
        """The File node, in state processing; raises InvalidInput for a name without a letter or digit."""
        key = normalise_key(self.label)
        async with conn.transaction():
            file_id: UUID = await conn.fetchval(
                SQL["put_file"], self.place.tenant, self.place.owner, key, self.label,
                self._data("processing"), fuzzy_text(key), self.content_hash,
            )  # fmt: skip
            await conn.execute(SQL["name_file"], key, self.place.owner, file_id)
        return file_id

    async def settle(self, conn: asyncpg.Connection, file_id: UUID, *, state: State, **facts: str | None) -> None:
        """How it ended. A newer upload of the same uri keeps its own state."""
        stored = state == "stored"
        data = self._data(state, **facts)
        shown = "" if stored else fuzzy_text(normalise_key(self.label))
        async with conn.transaction():
            settled = await conn.fetchval(SQL["settle_file"], file_id, self.place.owner, data, shown, self.content_hash)
            if settled and stored:
                await conn.execute(SQL["unname_file"], file_id, self.place.owner)

    def _data(self, state: State, **facts: str | None) -> dict[str, Any]:
        named = formats.of_name(self.file.uri)
        guessed = named.media_type if named else None
        declared = self.file.media_type if formats.says_something(self.file.media_type) else guessed
        known = {"media_type": declared, **facts}
        return {
            "uri": self.file.uri,
            "size_bytes": len(self.file.data),
            "state": state,
            **{name: value for name, value in known.items() if value is not None},
        }
