"""SEARCH: BM25 over postings and distances over vectors, fused; one row per thing, with its best passages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from rem_runtime.memory.answers import Hit, Passage
from rem_runtime.memory.dialect.ast import Search
from rem_runtime.memory.ingest.write import vector_texts
from rem_runtime.memory.retrieval.bm25 import Terms, is_exact, weigh
from rem_runtime.memory.retrieval.bodies import fetch_nodes
from rem_runtime.memory.retrieval.filters import Filter, filter_of
from rem_runtime.memory.retrieval.fusion import fuse, group_chunks
from rem_runtime.memory.retrieval.parts import Asking, Outcome
from rem_runtime.memory.retrieval.references import MESSAGE_KIND
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "search.sql")

DEFAULT_LIMIT = 10
MAX_PASSAGES = 3
# Up to here distances are computed one by one: exact, and faster than an index that has to skip what a filter drops.
EXACT_ROWS = 3_000
ARM_ROWS = 100  # chunks that each arm brings; a thing may have several
LEADING_POSTINGS = 5_000
LEADING_BEST = 500


@dataclass(frozen=True, slots=True)
class _Question:
    """One search, with everything its statements need."""

    text: str
    filter: Filter
    asking: Asking
    conn: asyncpg.Connection
    outcome: Outcome
    wanted: int
    ids: list[int] | None
    """All chunks that pass the filter, where they are few; None where the indexes are asked."""

    @property
    def rows(self) -> int:
        """How many chunks an arm brings."""
        return max(ARM_ROWS, 3 * self.wanted)


async def search(query: Search, asking: Asking) -> Outcome:
    """What is written about this, the best first."""
    outcome = Outcome()
    mode = outcome.default("mode", query.mode, "hybrid")
    limit = outcome.default("limit", query.limit, DEFAULT_LIMIT)
    chosen = filter_of(query)
    embedding = asyncio.create_task(_embed(query.label, asking, outcome)) if mode != "lexical" else None
    try:
        async with _snapshot(asking.pool) as conn:
            ids = await _candidates(conn, chosen, asking, outcome)
            question = _Question(query.label, chosen, asking, conn, outcome, wanted=limit, ids=ids)
            scores = await _scores(question, embedding, mode)
            outcome.hits = await _hits(question, scores)
    finally:
        if embedding:
            embedding.cancel()
    return outcome


@asynccontextmanager
async def _snapshot(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    async with pool.acquire() as conn:
        await conn.execute(SQL["begin"])
        try:
            yield conn
        finally:
            if not conn.is_closed():
                await conn.execute("rollback")  # it only read


async def _embed(text: str, asking: Asking, outcome: Outcome) -> str:
    with outcome.timed("embed"):
        return vector_texts(await asking.embedder.embed([text]))[0]


async def _candidates(conn: asyncpg.Connection, chosen: Filter, asking: Asking, outcome: Outcome) -> list[int] | None:
    with outcome.timed("estimate"):
        row = await conn.fetchrow(SQL["candidates"], asking.user, *chosen.arguments, EXACT_ROWS)
    assert row is not None
    if row["lag"]:
        outcome.notes.append(f"{row['lag']} texts have no vector yet; they are found by their words only")
    ids = row["ids"] or []
    return ids if len(ids) <= EXACT_ROWS else None


async def _scores(question: _Question, embedding: asyncio.Task[str] | None, mode: str) -> dict[int, float]:
    lexical: dict[int, float] = {}
    terms = weigh(())
    if mode != "dense":
        with question.outcome.timed("lexical"):
            terms = weigh(await question.conn.fetch(SQL["weigh"], question.text))
            lexical = await _lexical(question, terms)
    if embedding is None:
        return fuse(lexical, {})
    vector = await embedding
    dense = await _dense(question, vector)
    if mode == "dense":
        return fuse({}, dense)
    if dense and not lexical:
        question.outcome.notes.append("no word of it occurs; what follows is only the nearest in meaning")
    # A chunk that only one arm brought has a score in the other too, only not among its best.
    with question.outcome.timed("fuse"):
        if missing := [chunk for chunk in dense if chunk not in lexical]:
            lexical |= await _lexical_among(question, terms, missing)
        if missing := [chunk for chunk in lexical if chunk not in dense]:
            dense |= await _dense_among(question, vector, missing)
        return fuse(lexical, dense)


async def _lexical(question: _Question, terms: Terms) -> dict[int, float]:
    if question.ids is not None:
        return await _lexical_among(question, terms, question.ids)
    first = terms.split(LEADING_POSTINGS)
    rows = await question.conn.fetch(
        SQL["lexical"], question.asking.user, terms.terms[:first], terms.weights[:first], terms.terms[first:],
        terms.weights[first:], terms.mean_length, LEADING_BEST, question.rows, question.filter.is_set,
        *question.filter.arguments,
    )  # fmt: skip
    scores = {row["chunk_id"]: row["score"] for row in rows}
    dropped = rows[0]["last_partial"] if rows and rows[0]["considered"] >= LEADING_BEST else 0.0
    certain = is_exact(
        list(scores.values()), wanted=question.wanted, rest_bound=terms.bound(first), last_partial=dropped
    )
    if not certain:
        question.outcome.notes.append("bounded: the words are so common that not every text with them was scored")
    return scores


async def _lexical_among(question: _Question, terms: Terms, ids: list[int]) -> dict[int, float]:
    rows = await question.conn.fetch(
        SQL["lexical_among"], question.asking.user, terms.terms, terms.weights, terms.mean_length, ids, question.rows
    )
    return {row["chunk_id"]: row["score"] for row in rows}


async def _dense(question: _Question, vector: str) -> dict[int, float]:
    with question.outcome.timed("dense"):
        if question.ids is not None:
            question.outcome.defaults["dense"] = "exact"
            return await _dense_among(question, vector, question.ids)
        question.outcome.defaults["dense"] = "hnsw"
        rows = await question.conn.fetch(
            SQL["dense"].format(dimensions=question.asking.embedder.dimensions), question.asking.user,
            question.asking.model_id, vector, question.rows, *question.filter.arguments,
        )  # fmt: skip
    return {row["chunk_id"]: row["score"] for row in rows}


async def _dense_among(question: _Question, vector: str, ids: list[int]) -> dict[int, float]:
    rows = await question.conn.fetch(SQL["dense_among"], ids, question.asking.model_id, vector, question.rows)
    return {row["chunk_id"]: row["score"] for row in rows}


async def _hits(question: _Question, scores: dict[int, float]) -> list[Hit]:
    user, conn = question.asking.user, question.conn
    with question.outcome.timed("bodies"):
        places = await conn.fetch(SQL["places"], user, list(scores))
        things = {row["id"]: (row["message_id"] is not None, row["message_id"] or row["node_id"]) for row in places}
        best = group_chunks(scores, things)[: question.wanted]
        shown = [chunk for _, chunks in best for chunk, _ in chunks[:MAX_PASSAGES]]
        texts = {row["id"]: row for row in await conn.fetch(SQL["passages"], user, shown)}
        nodes = await fetch_nodes(conn, user, [thing for (is_message, thing), _ in best if not is_message])
        messages = await _messages(question, [thing for (is_message, thing), _ in best if is_message])
    hits = []
    for (is_message, thing), chunks in best:
        passages = tuple(_passage(texts[chunk], score) for chunk, score in chunks[:MAX_PASSAGES] if chunk in texts)
        score = round(chunks[0][1], 4)
        if is_message and thing in messages:
            hits.append(messages[thing].model_copy(update={"score": score, "passages": passages}))
        elif not is_message and thing in nodes:
            node = nodes[thing]
            hits.append(Hit(kind=node.kind, key=node.key, label=node.label, node=node, score=score, passages=passages))
    return hits


async def _messages(question: _Question, ids: list[UUID]) -> dict[UUID, Hit]:
    rows = await question.conn.fetch(SQL["messages"], question.asking.user, ids) if ids else []
    return {
        row["id"]: Hit(
            kind=MESSAGE_KIND, key=str(row["id"]), label=row["role"], message_id=row["id"], session_id=row["session_id"]
        )
        for row in rows
    }


def _passage(row: Mapping[str, Any], score: float) -> Passage:
    return Passage(text=row["text"], heading=row["heading"], ord=row["ord"], at=row["at"], score=round(score, 4))
