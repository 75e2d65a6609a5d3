"""What the parts of the memory that write are handed: the pool, the embedder, and where what is written goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import asyncpg

from rem_runtime.memory.caller import Caller
from rem_runtime.memory.embedding.embedder import Embedder, Vectors
from rem_runtime.memory.ingest.chunks import Chunk, Window
from rem_runtime.memory.ingest.write import Place


@dataclass(frozen=True, slots=True)
class Shelf:
    """One memory's surroundings."""

    pool: asyncpg.Pool
    embedder: Embedder
    place: Callable[[Caller, str | None], Awaitable[Place]]
    """Where what the caller writes for an owner goes; raises NotPermitted, InvalidInput."""
    count: Callable[[int], Awaitable[None]]
    """Told how many chunks were written, for the statistics."""

    @property
    def window(self) -> Window:
        """How chunks are cut for this embedder."""
        return Window(self.embedder.token_ends, self.embedder.max_tokens)

    async def vectors_of(self, chunks: Sequence[Chunk]) -> Vectors | None:
        """Made before any transaction: a slow model holds no lock. None where a job makes them later."""
        return await self.embedder.embed([chunk.full_text for chunk in chunks]) if self.embedder.inline else None
