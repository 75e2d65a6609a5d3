"""SEARCH: BM25 over postings and distances over vectors, fused; one row per thing, with its best passages.

While the question is embedded, its words are looked up. All statements are of one snapshot: an answer is of one moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from rem_runtime.memory.dialect.ast import Search
from rem_runtime.memory.embedding.embedder import Vectors
from rem_runtime.memory.errors import EmbedderError, EmbedderUnavailable
from rem_runtime.memory.retrieval.bm25 import Terms, is_exact, weigh
from rem_runtime.memory.retrieval.filters import ALL_KINDS, Filter, filter_of
from rem_runtime.memory.retrieval.fusion import fuse, in_context
from rem_runtime.memory.retrieval.parts import Asking, Outcome
from rem_runtime.memory.retrieval.passages import fetch_hits
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "search.sql")

DEFAULT_LIMIT = 10
EMBED_SECONDS = 5.0  # a connection waits for it, and whoever asked
# Up to here distances are computed one by one: exact, and faster than an index that has to skip what a filter drops.
EXACT_ROWS = 5_000
ARM_ROWS = 100  # chunks that the words bring; a thing may have several
NEAR_ROWS = 50  # chunks that the vectors bring; behind a filter each is ten that were looked at
LEADING_POSTINGS = 10_000
LEADING_BEST = 500
LEADING_BEST_FILTERED = 200  # each is tested, and those before it that did not pass
MOST_LAG = 1_000  # as far as it is counted

_NOTHING_PASSES = (
    "no text passes the clauses after the words, whatever the words are; are the kinds, types, fields and times right?"
)


@dataclass(slots=True)
class _Question:
    """One search: what its statements need, and what they have found."""

    asking: Asking
    conn: asyncpg.Connection
    outcome: Outcome
    filter: Filter
    mode: str
    wanted: int
    terms: Terms = field(default_factory=Terms)
    ids: list[int] | None = None
    """All chunks that pass the filter, where they are few; None where the indexes are asked."""
    lexical: dict[int, float] = field(default_factory=dict)
    dense: dict[int, float] = field(default_factory=dict)
    places: dict[int, UUID] = field(default_factory=dict)
    """The node or message of each chunk."""

    @property
    def rows(self) -> int:
        """How many chunks the words bring."""
        return max(ARM_ROWS, 3 * self.wanted)


async def search(query: Search, asking: Asking) -> Outcome:
    """What is written about this, the best first; raises InvalidInput, and in MODE dense EmbedderUnavailable."""
    outcome = Outcome()
    mode = outcome.default("mode", query.mode, "hybrid")
    limit = outcome.default("limit", query.limit, DEFAULT_LIMIT)
    chosen = filter_of(query)
    embedding = asyncio.create_task(_embed(query.label, asking, outcome)) if mode != "lexical" else None
    try:
        async with _snapshot(asking.pool, chosen) as conn:
            question = _Question(asking, conn, outcome, chosen, mode, limit)
            with outcome.timed("estimate"):
                await _open(question, query.label)
            if chosen.is_set and question.ids == []:
                outcome.notes.append(_NOTHING_PASSES)
            if mode != "dense":
                with outcome.timed("lexical"):
                    await _ask_words(question)
            vector = await _awaited(embedding, mode, outcome) if embedding else None
            if vector is None:
                await _place(question)
            else:
                with outcome.timed("dense"):
                    await _ask_vectors(question, vector)
            with outcome.timed("fuse"):
                scores = fuse(question.lexical, question.dense, most=question.terms.mass)
            with outcome.timed("bodies"):
                outcome.hits = await fetch_hits(
                    conn, asking.user, scores, question.places, texts=SQL["passages"], wanted=limit
                )
    finally:
        if embedding:
            embedding.cancel()
    return outcome


@asynccontextmanager
async def _snapshot(pool: asyncpg.Pool, chosen: Filter) -> AsyncIterator[asyncpg.Connection]:
    async with pool.acquire() as conn:
        await conn.execute(SQL["begin_filtered" if chosen.is_set else "begin"])
        try:
            yield conn
        finally:
            if not conn.is_closed():
                await conn.execute("rollback")  # it only read


async def _embed(text: str, asking: Asking, outcome: Outcome) -> Vectors:
    """Raises EmbedderUnavailable for whatever reason there is no vector in time."""
    with outcome.timed("embed"):
        try:
            async with asyncio.timeout(EMBED_SECONDS):
                vector: Vectors = (await asking.embedder.embed([text]))[0]
        except TimeoutError as error:
            raise EmbedderUnavailable(f"its vector was not there within {EMBED_SECONDS:g} s") from error
        except EmbedderUnavailable:
            raise
        except EmbedderError as error:
            raise EmbedderUnavailable(str(error), passes=False) from error
        return vector


async def _awaited(embedding: asyncio.Task[Vectors], mode: str, outcome: Outcome) -> Vectors | None:
    try:
        return await embedding
    except EmbedderUnavailable as error:
        if mode == "dense":
            raise
        outcome.notes.append(f"by words alone, since the question could not be embedded: {error}")
        return None


async def _open(question: _Question, text: str) -> None:
    """The terms, what is still without vectors, and all that passes the filter where that is little."""
    chosen, user = question.filter, question.asking.user
    kinds = () if chosen.needs_bodies else chosen.kinds or ALL_KINDS
    row = await question.conn.fetchrow(
        SQL["opening"], user, text, kinds, chosen.since, chosen.until, EXACT_ROWS
    )  # fmt: skip
    assert row is not None
    question.terms = weigh(row)
    question.ids = row["ids"]
    if chosen.needs_bodies:
        question.ids = await question.conn.fetchval(
            SQL["candidates"], user, *chosen.arguments[:4], *chosen.hints.arguments, ALL_KINDS, EXACT_ROWS
        )
    if lag := row["lag"]:
        many = f"{MOST_LAG} or more" if lag >= MOST_LAG else str(lag)
        question.outcome.notes.append(f"{many} texts have no vector yet; they are found by their words only")


async def _ask_words(question: _Question) -> None:
    terms, user = question.terms, question.asking.user
    if question.ids is not None and question.filter.is_set:
        rows = await question.conn.fetch(
            SQL["lexical_among"], user, terms.terms, terms.weights, terms.length_factor, question.ids, question.rows
        )
        question.lexical = _scores(rows, "score")
        return
    first = terms.split(LEADING_POSTINGS)
    statement, best = "lexical", LEADING_BEST
    more: tuple[object, ...] = ()
    if question.filter.is_set:
        statement, best, more = "lexical_filtered", LEADING_BEST_FILTERED, question.filter.arguments
    rows = await question.conn.fetch(
        SQL[statement], user, terms.terms[:first], terms.weights[:first], terms.terms[first:], terms.weights[first:],
        terms.length_factor, best, question.rows, *more,
    )  # fmt: skip
    question.lexical = _scores(rows, "score")
    dropped = rows[0]["last_partial"] if rows and rows[0]["considered"] >= best else 0.0
    scores = list(question.lexical.values())
    if not is_exact(scores, wanted=question.wanted, rest_bound=terms.bound(first), last_partial=dropped):
        question.outcome.notes.append("bounded: the words are so common that not every text with them was scored")


async def _ask_vectors(question: _Question, vector: Vectors) -> None:
    """The nearest, and the other score of what either arm brought."""
    question.outcome.defaults["dense"] = "hnsw" if question.ids is None else "exact"
    near, more = _near(question)
    asking, terms = question.asking, question.terms
    most = max(NEAR_ROWS, 3 * question.wanted)
    numbers = {"dimensions": asking.embedder.dimensions, "model": asking.model_id, "rows": most}
    hybrid = bool(question.lexical)
    rows = await question.conn.fetch(
        SQL["dense"].format(near=near.format(**numbers), **numbers), asking.user, vector, list(question.lexical),
        terms.terms if hybrid else (), terms.weights if hybrid else (), terms.length_factor, *more,
    )  # fmt: skip
    if question.mode == "dense":
        question.dense = _scores(rows, "dense")
    else:
        question.dense = {chunk: in_context(own, around) for chunk, own, around in _cosines(rows)}
    if hybrid:
        question.lexical |= _scores(rows, "lexical")
    elif question.mode == "hybrid" and question.dense:
        question.outcome.notes.append("no word of it occurs; what follows is only the nearest in meaning")
    question.places = _places(rows)


def _near(question: _Question) -> tuple[str, tuple[object, ...]]:
    """The part of the statement that finds the nearest, and its arguments."""
    if question.ids is not None:
        return SQL["near_exact"], (question.ids,)
    if question.filter.is_set:
        return SQL["near_filtered"], question.filter.arguments
    return SQL["near"], ()


async def _place(question: _Question) -> None:
    question.places = _places(await question.conn.fetch(SQL["places"], question.asking.user, list(question.lexical)))


def _scores(rows: Iterable[Mapping[str, Any]], column: str) -> dict[int, float]:
    return {row["chunk_id"]: row[column] for row in rows if row[column] is not None}


def _cosines(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, float, float]]:
    return ((row["chunk_id"], row["dense"], row["around"]) for row in rows if row["dense"] is not None)


def _places(rows: Iterable[Mapping[str, Any]]) -> dict[int, UUID]:
    return {row["chunk_id"]: row["message_id"] or row["node_id"] for row in rows}
