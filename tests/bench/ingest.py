"""Loading and ingesting: COPY of the same rows, and the embedder alone, are the floors."""

from __future__ import annotations

import asyncio
import io
import random
import time
from collections.abc import Iterator

import asyncpg

from rem_runtime.memory.caller import Caller
from rem_runtime.memory.ingest import Document, EntityInput
from rem_runtime.memory.ingest.bulk import load_nodes
from rem_runtime.memory.ingest.chunks import Window
from rem_runtime.memory.ingest.prepared import Prepared, prepare_document, prepare_entity
from rem_runtime.memory.ingest.write import Place
from rem_runtime.memory.models import InlineEdge
from rem_runtime.memory.schema.apply import CHUNKER_VERSION
from tests.bench.databases import Bench
from tests.bench.harness import Context, Figure

_NODES = 100_000
_DEGREE = 5
_DOCUMENTS = 150
_IN_FLIGHT = 4  # as many uploads as the command line has on the way
_TABLES = ("node", "name", "edge")
_ADMIN = Caller.of("", {"read", "write", "admin"})


async def measure(context: Context) -> list[Figure]:
    """Both figures."""
    return [*await _load(context), *await _ingest(context)]


async def _load(context: Context) -> list[Figure]:
    size = _NODES // 10 if context.quick else _NODES
    window = Window(context.embedder.token_ends, context.embedder.max_tokens)
    context.say(f"bulk load of {size:,} nodes with {_DEGREE} edges each, then COPY of the same rows")
    async with context.scratch() as bench:
        started = time.perf_counter()
        loaded = await load_nodes(bench.pool, _entities(size, window), Place("bench", "", 1))
        seconds = time.perf_counter() - started
        if loaded.created != size:
            raise RuntimeError(f"{loaded.created} of {size} nodes were created")
        copies = [await _copied_out(bench, table) for table in _TABLES]
    async with context.scratch() as bench:
        started = time.perf_counter()
        for table, copy in zip(_TABLES, copies, strict=True):
            await _copied_in(bench, table, copy)
        floor_seconds = time.perf_counter() - started
    return [
        Figure.share(
            f"bulk load with edges, {size:,} nodes", size / seconds, size / floor_seconds, at_least=0.7, unit="nodes/s"
        )
    ]


def _entities(size: int, window: Window) -> Iterator[Prepared]:
    rng = random.Random(5)
    for number in range(size):
        entity = EntityInput(
            label=f"Thing {number} {rng.randrange(10**6)}",
            type=rng.choice(["person", "project", "place"]),
            properties={"region": rng.choice(["EMEA", "APAC"]), "number": number},
            graph_edges=tuple(
                InlineEdge(dst=f"Thing {rng.randrange(size)}", rel_type=f"relation_{edge}", weight=rng.random())
                for edge in range(_DEGREE)
            ),
        )
        yield prepare_entity(entity, window=window, rules=CHUNKER_VERSION)


async def _copied_out(bench: Bench, table: str) -> bytes:
    buffer = io.BytesIO()
    connection = await asyncpg.connect(bench.superuser_dsn)
    try:
        await connection.copy_from_table(table, output=buffer, format="binary")
    finally:
        await connection.close()
    return buffer.getvalue()


async def _copied_in(bench: Bench, table: str, copy: bytes) -> None:
    connection = await asyncpg.connect(bench.superuser_dsn)
    try:
        await connection.copy_to_table(table, source=io.BytesIO(copy), format="binary")
    finally:
        await connection.close()


async def _ingest(context: Context) -> list[Figure]:
    count = _DOCUMENTS // 5 if context.quick else _DOCUMENTS
    documents = list(_documents(count))
    window = Window(context.embedder.token_ends, context.embedder.max_tokens)
    texts = [
        chunk.full_text
        for document in documents
        for chunk in prepare_document(document, window=window, rules=CHUNKER_VERSION).chunks
    ]
    context.say(f"ingest of {count} documents ({len(texts)} chunks), and the embedder alone")
    started = time.perf_counter()
    await context.embedder.embed(texts)
    floor_seconds = time.perf_counter() - started
    async with context.scratch() as bench:
        memory = context.memory(bench)
        todo = iter(documents)

        async def drain() -> None:
            for document in todo:
                await memory.ingest(document, _ADMIN)

        started = time.perf_counter()
        await asyncio.gather(*(drain() for _ in range(_IN_FLIGHT)))
        seconds = time.perf_counter() - started
        stored = await bench.pool.fetchval("select count(*) from embedding")
        if stored != len(texts):
            raise RuntimeError(f"{stored} of {len(texts)} chunks have a vector")
    return [
        Figure.share(
            "ingest with vectors", len(texts) / seconds, len(texts) / floor_seconds, at_least=0.85, unit="chunks/s"
        )
    ]


def _documents(count: int) -> Iterator[Document]:
    """Markdown of 2 to 12 sections of about 110 words each."""
    rng = random.Random(3)
    vocabulary = [
        f"{rng.choice('bcdfgklmnprst')}{rng.choice('aeiou')}{rng.choice('lmnrst')}{n % 97}" for n in range(5_000)
    ]
    for number in range(count):
        sections = [
            f"## Section {section}\n\n" + " ".join(rng.choices(vocabulary, k=rng.randint(60, 160)))
            for section in range(rng.randint(2, 12))
        ]
        text = f"# Document {number}\n\n" + "\n\n".join(sections)
        yield Document(uri=f"bench/{number}.md", content=text, owner="")
