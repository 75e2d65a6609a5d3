"""Files into the memory: bytes are read, the File node says how far it came, the text becomes a Resource.

In two steps, so that the bytes need not lie in memory while the text is embedded: `read_file`, `store_file`. Nothing is
locked in between; whoever finds at the end that the file was deleted, or sent anew, writes nothing.

A file that is stored is found as its document, which has the same uri; one that is not is found by its own name.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import posixpath
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import asyncpg

from rem_runtime.memory.embedding.embedder import Embedder
from rem_runtime.memory.errors import Busy, Conflict, EmbedderUnavailable, InvalidInput, NotFound, UnreadableFile
from rem_runtime.memory.ingest.chunks import Window
from rem_runtime.memory.ingest.clean import clean_json, clean_text
from rem_runtime.memory.ingest.file import FileInput, FileResult
from rem_runtime.memory.ingest.ingest import ingest_prepared
from rem_runtime.memory.ingest.prepared import Prepared, Source, prepare_reading
from rem_runtime.memory.ingest.readers import READERS_VERSION, formats
from rem_runtime.memory.ingest.readers.process import ReaderPool
from rem_runtime.memory.ingest.write import Place
from rem_runtime.memory.keys import fuzzy_text, normalise_key
from rem_runtime.memory.models.inputs import MAX_URI_BYTES
from rem_runtime.memory.schema.apply import CHUNKER_VERSION
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "files.sql")
_MAX_URI = 1024

__all__ = ["FileInput", "FileResult", "ReadFile", "read_file", "store_file"]

log = logging.getLogger(__name__)

State = Literal["processing", "stored", "failed"]


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that was read and is not stored yet; its bytes are gone."""

    upload: _Upload
    file_id: UUID
    prepared: Prepared
    media_type: str
    notes: tuple[str, ...]


async def read_file(
    pool: asyncpg.Pool, embedder: Embedder, readers: ReaderPool, file: FileInput, place: Place
) -> ReadFile | FileResult:
    """What a file says; or what became of it, if exactly this file is stored already.

    Raises UnreadableFile, whose node keeps the reason, InvalidInput where there is no uri to file it under, and Busy.
    """
    upload = _Upload.of(file, place)
    async with pool.acquire() as conn:
        found = await upload.unchanged(conn)
        if found is not None:
            return found
        file_id = await upload.begin(conn)
    window = Window(embedder.token_ends, embedder.max_tokens)
    async with _failing(pool, upload, file_id):
        reading = await readers.read_file(file.data, uri=upload.file.uri, media_type=file.media_type, owner=place.owner)
        prepare = partial(prepare_reading, reading, upload.source, window=window, rules=CHUNKER_VERSION)
        prepared = await asyncio.to_thread(prepare)
    return ReadFile(upload, file_id, prepared, reading.media_type, reading.notes)


async def store_file(pool: asyncpg.Pool, embedder: Embedder, read: ReadFile) -> FileResult:
    """Store the document of a file that was read, unless the file was deleted (NotFound) or a newer upload of it came
    (Conflict) meanwhile."""
    upload, prepared = read.upload, read.prepared

    async def settle(conn: asyncpg.Connection) -> None:
        facts = {"media_type": read.media_type, "document_hash": prepared.content_hash.hex()}
        if not await upload.settle(conn, read.file_id, state="stored", **facts):
            raise await upload.overtaken(conn, read.file_id)

    async with _failing(pool, upload, read.file_id):
        stored = await ingest_prepared(pool, embedder, prepared, upload.place, beside=settle)
    return FileResult(
        id=read.file_id,
        resource_id=stored.id,
        uri=upload.file.uri,
        label=stored.label,
        owner=upload.place.owner,
        media_type=read.media_type,
        size_bytes=upload.size_bytes,
        chunks=stored.chunks,
        edges=stored.edges,
        created=stored.created,
        unchanged=False,
        notes=read.notes,
    )


@contextlib.asynccontextmanager
async def _failing(pool: asyncpg.Pool, upload: _Upload, file_id: UUID) -> AsyncIterator[None]:
    """What goes wrong is the end of the file, and its node says so; what a reader or the memory refuses is
    UnreadableFile."""
    try:
        yield
    except (NotFound, Conflict):
        raise  # it is another's file by now
    except Exception as error:
        try:
            async with pool.acquire() as conn:
                await upload.settle(conn, file_id, state="failed", reason=_reason(error))
        except Exception as second:  # noqa: BLE001 - the first is what the caller has to know
            log.warning("file stays in processing", extra={"file": str(file_id), "error": type(second).__name__})
        if isinstance(error, InvalidInput):
            raise UnreadableFile(str(error), file_id=file_id) from error
        raise


def _reason(error: Exception) -> str:
    """For whoever sent the file: what names hosts or statements is not theirs to read."""
    if isinstance(error, InvalidInput | Busy):
        return str(error)
    if isinstance(error, EmbedderUnavailable):
        return "the model that makes vectors does not answer; send it again"
    return f"it could not be stored ({type(error).__name__}); send it again"


@dataclass(frozen=True, slots=True)
class _Upload:
    """One file on its way, and its node."""

    file: FileInput
    """Without its bytes."""
    size_bytes: int
    place: Place
    label: str
    content_hash: bytes

    @classmethod
    def of(cls, file: FileInput, place: Place) -> _Upload:
        uri = clean_text(file.uri)
        if not uri.strip() or len(uri) > _MAX_URI or len(uri.encode()) > MAX_URI_BYTES:
            bounds = f"1 to {_MAX_URI} characters, at most {MAX_URI_BYTES} bytes"
            raise InvalidInput(f"a file needs a uri of {bounds}, under which it is kept")
        given = [READERS_VERSION, file.media_type, str(file.timestamp), clean_json(dict(file.metadata))]
        said = json.dumps(given, ensure_ascii=False, sort_keys=True, default=str).encode()
        content_hash = hashlib.sha256(hashlib.sha256(file.data).digest() + said).digest()
        label = posixpath.basename(uri.rstrip("/")) or uri
        return cls(replace(file, uri=uri, data=b""), len(file.data), place, label, content_hash)

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
            size_bytes=self.size_bytes,
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

    async def settle(self, conn: asyncpg.Connection, file_id: UUID, *, state: State, **facts: str | None) -> bool:
        """How it ended; False where it was deleted, or a newer upload of the same uri has a state of its own."""
        stored = state == "stored"
        data = self._data(state, **facts)
        shown = "" if stored else fuzzy_text(normalise_key(self.label))
        async with conn.transaction():
            settled = await conn.fetchval(SQL["settle_file"], file_id, self.place.owner, data, shown, self.content_hash)
            if settled and stored:
                await conn.execute(SQL["unname_file"], file_id, self.place.owner)
        return settled is not None

    async def overtaken(self, conn: asyncpg.Connection, file_id: UUID) -> Conflict | NotFound:
        """Why it could not be settled."""
        if await conn.fetchval(SQL["lives"], file_id, self.place.owner):
            return Conflict("a newer upload of it came while this one was read; nothing of this one is stored")
        return NotFound("the file was deleted while it was read; nothing of it is stored")

    def _data(self, state: State, **facts: str | None) -> dict[str, Any]:
        named = formats.of_name(self.file.uri)
        guessed = named.media_type if named else None
        declared = self.file.media_type if formats.says_something(self.file.media_type) else guessed
        known = {"media_type": declared, **facts}
        return {
            "uri": self.file.uri,
            "size_bytes": self.size_bytes,
            "state": state,
            **{name: value for name, value in known.items() if value is not None},
        }
