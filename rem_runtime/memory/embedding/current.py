"""Which model's vectors are asked and stored now, and whether this process has its embedder.

A model is changed while processes run (`schema.model_switch`). One whose embedder is of another model than the active
one goes on: it searches by words and leaves vectors to those that have the right one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from rem_runtime.memory.embedding.embedder import Embedder, Vectors
from rem_runtime.memory.errors import EmbedderUnavailable, SchemaError
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "current.sql")

# How long a process may not know of a switch. The old vectors are kept for longer than that.
RECHECK_SECONDS = 5.0


class CurrentEmbedder:
    """An `Embedder` that makes vectors only while the active model is its own."""

    def __init__(self, pool: asyncpg.Pool, embedder: Embedder) -> None:
        self._pool = pool
        self._embedder = embedder
        self._active_id: int | None = None
        self._read_at = 0.0
        self._other = ""

    @property
    def model(self) -> str:
        """This process's model."""
        return self._embedder.model

    @property
    def dimensions(self) -> int:
        """The length of its vectors."""
        return self._embedder.dimensions

    @property
    def max_tokens(self) -> int:
        """Its window."""
        return self._embedder.max_tokens

    @property
    def inline(self) -> bool:
        """Not where the vectors would be of the wrong model: a job is queued for another process."""
        return self._embedder.inline and not self._other

    def token_ends(self, text: str) -> Sequence[int]:
        """As its tokeniser counts."""
        return self._embedder.token_ends(text)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """One row per text; raises EmbedderUnavailable where they could not be compared with the stored ones."""
        self._require_own()
        return await self._embedder.embed(texts)

    async def active_id(self) -> int:
        """The active model's number, at most a few seconds old; raises SchemaError where there is none."""
        now = time.monotonic()
        if self._active_id is None or now >= self._read_at + RECHECK_SECONDS:
            await self._read(now)
        assert self._active_id is not None
        return self._active_id

    async def own_model_id(self) -> int:
        """The same; raises EmbedderUnavailable where it is not this process's."""
        active = await self.active_id()
        self._require_own()
        return active

    async def _read(self, now: float) -> None:
        row = await self._pool.fetchrow(SQL["active_model"])
        if row is None:
            raise SchemaError("the database has no embedding model; run `rem-runtime schema apply`")
        own = (row["name"], row["dimensions"]) == (self.model, self.dimensions)
        self._other = "" if own else f"{row['name']} ({row['dimensions']})"
        self._active_id, self._read_at = row["id"], now

    def _require_own(self) -> None:
        if self._other:
            raise EmbedderUnavailable(
                f"the stored vectors are of {self._other}, this process's of {self.model} ({self.dimensions}), and "
                "vectors of two models cannot be compared: set EMBEDDING__MODEL to the first, or run "
                "`rem-runtime embed migrate`",
                passes=False,
            )
