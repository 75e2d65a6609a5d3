"""What every verb's module works with: who asks, the connection pool, and the parts that an answer is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import asyncpg

from rem_runtime.memory.answers import Hit
from rem_runtime.memory.embedding.embedder import Embedder
from rem_runtime.memory.sql.mode import SqlMode


@dataclass(frozen=True, slots=True)
class Asking:
    """One question's surroundings."""

    pool: asyncpg.Pool
    embedder: Embedder
    model_id: int
    user: str
    scopes: frozenset[str] = frozenset()
    sql: SqlMode | None = None
    """None: SQL mode is off."""


@dataclass(slots=True)
class Outcome:
    """What a verb's module fills: results, what it took for granted, what must be said, how long each part took."""

    hits: list[Hit] = field(default_factory=list)
    rows: tuple[dict[str, Any], ...] | None = None
    defaults: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    took_ms: dict[str, float] = field(default_factory=dict)

    def default(self, name: str, given: Any, value: Any) -> Any:
        """What was given, or the default, which the answer then names."""
        if given is not None:
            return given
        self.defaults[name] = value
        return value

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Adds the time of the block to a part."""
        start = perf_counter()
        try:
            yield
        finally:
            self.took_ms[part] = round(self.took_ms.get(part, 0.0) + (perf_counter() - start) * 1000, 3)
