"""What SEARCH should answer, computed without it: every distance, and BM25 from the terms by the textbook.

For each passage that a user sees its thing, vector and terms, in memory; how rare a term is, over all users' passages.
An
answer is judged by things, as SEARCH gives them: a thing's score is its best passage's.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
from numpy.typing import NDArray

from rem_runtime.memory.answers import QueryAnswer

_BATCH = 5_000
_TIE = 1e-3
_PASSAGES = """
select c.id, coalesce(c.node_id, c.message_id) as thing, c.at, n.type,
    coalesce(n.metadata, m.metadata) ->> 'team' as team, e.v
from chunk c
left join node n on n.id = c.node_id
left join message m on m.id = c.message_id
join embedding e on e.chunk_id = c.id and e.model = 1
where c.owner = $1
order by c.id"""
_TERMS = """
select c.id, array(select rem_terms(c.heading || ' ' || c.text)) as terms from chunk c where c.id between $1 and $2"""

Floats = NDArray[np.float32]


@dataclass(slots=True)
class Truth:
    """The passages that one user sees."""

    rows: list[asyncpg.Record]
    vectors: Floats
    counts: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    """For each term, how often it stands in a passage (by its place in `rows`)."""
    lengths: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    frequencies: Counter[str] = field(default_factory=Counter)
    """For each term, how many passages have it, of all users."""
    mean_length: float = 0
    total: int = 0

    @classmethod
    async def read(cls, conn: asyncpg.Connection | asyncpg.Pool, user: str) -> Truth:
        """All passages of the user, with their vectors."""
        rows = await conn.fetch(_PASSAGES, user)
        return cls(rows, np.stack([row["v"].to_numpy() for row in rows]).astype(np.float32))

    async def read_terms(self, conn: asyncpg.Connection | asyncpg.Pool, asked: Iterable[str]) -> None:
        """The terms of every passage, for as far as somebody asks for them."""
        wanted = {row[0] for text in asked for row in await conn.fetch("select rem_terms($1)", text)}
        places = {row["id"]: place for place, row in enumerate(self.rows)}
        self.lengths = np.zeros(len(self.rows))
        length = 0
        for start in range(1, await conn.fetchval("select max(id) from chunk") + 1, _BATCH):
            for row in await conn.fetch(_TERMS, start, start + _BATCH - 1):
                self.total += 1
                length += len(row["terms"])
                place = places.get(row["id"])
                if place is not None:
                    self.lengths[place] = len(row["terms"])
                for term in wanted.intersection(row["terms"]):
                    self.frequencies[term] += 1
                    if place is not None:
                        self.counts[term][place] = row["terms"].count(term)
        self.mean_length = length / self.total

    def nearest(self, vector: Floats, kept: NDArray[np.bool_] | None = None) -> dict[UUID, float]:
        """Every thing's similarity."""
        # As they are compared: numbers of half precision.
        return self._best(self.vectors @ vector.astype(np.float16).astype(np.float32), kept)

    def lexical(self, terms: Sequence[str], kept: NDArray[np.bool_] | None = None) -> dict[UUID, float]:
        """BM25 of every thing that has one of the terms."""
        scores: defaultdict[int, float] = defaultdict(float)
        for term in terms:
            df = self.frequencies[term]
            rarity = math.log(1 + (self.total - df + 0.5) / (df + 0.5))
            for place, tf in self.counts.get(term, {}).items():
                length = self.lengths[place] / self.mean_length
                scores[place] += rarity * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * length))
        every = np.full(len(self.rows), -np.inf, np.float32)
        every[list(scores)] = list(scores.values())
        return self._best(every, kept)

    def kept_by(self, name: str) -> NDArray[np.bool_]:
        """Which passages one of FILTERS keeps."""
        tests = {
            "WHERE": lambda row: row["team"] == "team 7",
            "IN": lambda row: row["type"] == "instrument",
            "DURING": lambda row: (row["at"].year, row["at"].month) == (2024, 3) and row["at"].day <= 10,
        }
        return np.array([tests[name](row) for row in self.rows])

    def _best(self, scores: NDArray[Any], kept: NDArray[np.bool_] | None) -> dict[UUID, float]:
        places = np.flatnonzero(np.isfinite(scores) if kept is None else kept & np.isfinite(scores))
        best: dict[UUID, float] = {}
        for place in places[np.argsort(-scores[places], kind="stable")][:2_000]:
            best.setdefault(self.rows[place]["thing"], float(scores[place]))
        return best


def recall(answer: QueryAnswer, truth: dict[UUID, float], *, wanted: int = 10) -> float:
    """The share of the true first that the answer has; what has the last one's score counts as much as it."""
    ranked = sorted(truth.values(), reverse=True)[:wanted]
    if not ranked:
        return 1.0
    least = ranked[-1] - _TIE * abs(ranked[-1])
    return min(1.0, sum(truth.get(thing, -math.inf) >= least for thing in things(answer)) / len(ranked))


def things(answer: QueryAnswer) -> Collection[UUID]:
    """What an answer names, once each."""
    return {thing for hit in answer.results if (thing := hit.message_id or (hit.node and hit.node.id))}
