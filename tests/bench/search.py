"""SEARCH: how long it takes, part by part, and whether it finds what an exact search finds.

The question is embedded by the real embedder, for its time; then its vector is exchanged for a synthetic one, since the
passages' vectors are (see `passages`). Times are compared with a `select 1` over the same pool: the targets are for a
machine where that takes 0.14 ms.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import mean, median

import numpy as np

from rem_runtime.memory.caller import Caller
from rem_runtime.memory.embedding import MiniLM
from rem_runtime.memory.embedding.embedder import Vectors
from rem_runtime.memory.store import Memory
from tests.bench.databases import Bench
from tests.bench.harness import Context, Figure, Timing, interleaved, size_name
from tests.bench.passages import FILTERS, OWNERS, Asked, owner_name, passages, questions
from tests.bench.truth import Truth, recall

FLOOR_MS = 0.14
# p50, p99
TARGETS = {10_000: (10, 25), 100_000: (18, 40)}
FILTERED_TARGET = 15
QUESTIONS = 200
USER = owner_name(0)
CALLER = Caller.of(USER)


class Exchanged:
    """The real embedder, which then answers with the question's synthetic vector."""

    def __init__(self, real: MiniLM, asked: Sequence[Asked]) -> None:
        self._real = real
        self._vectors = {one.text: one.vector for one in asked}
        self.model, self.dimensions, self.max_tokens = real.model, real.dimensions, real.max_tokens
        self.inline = True
        self.token_ends = real.token_ends

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """The time of the one, the vector of the other."""
        await self._real.embed(texts)
        return np.stack([self._vectors[text] for text in texts])


async def measure(context: Context) -> list[Figure]:
    """All figures of SEARCH."""
    figures: list[Figure] = []
    for size in (size for size in context.sizes if size in TARGETS):
        async with context.corpus(passages(size)) as bench:
            context.say(f"SEARCH, {size:,} passages")
            figures += await _whole(context, bench, size)
    size = max(size for size in context.sizes if size in TARGETS)
    for owners in OWNERS:
        async with context.corpus(passages(size, owners=owners)) as bench:
            context.say(f"SEARCH with filters, {size:,} passages of {owners} users")
            figures += await _filtered(context, bench, f"{size_name(size)}, {owners} user{'s' * (owners > 1)}")
    context.note(
        "SEARCH: the text is generated (Zipf), the passages' vectors are synthetic; a question takes the real "
        "embedder's time. Recall is of the things answered, against all distances and against BM25 by the textbook."
    )
    return figures


async def _whole(context: Context, bench: Bench, size: int) -> list[Figure]:
    asked = await questions(bench.pool, QUESTIONS, user=USER)
    memory = Memory(bench.pool, Exchanged(context.embedder, asked), tenant="bench")
    parts: defaultdict[str, list[float]] = defaultdict(list)

    async def hybrid(number: int) -> None:
        answer = await memory.query(f"SEARCH {asked[number % len(asked)].text}", CALLER)
        for part, took in answer.took_ms.items():
            parts[part].append(took)

    timed = await interleaved(
        {"hybrid": hybrid, "floor": lambda _: bench.pool.fetchval("select 1")}, rounds=context.rounds(1000)
    )
    name, (p50, p99) = f"SEARCH hybrid {size_name(size)}", TARGETS[size]
    figures = [_within(f"{name}, p50", timed["hybrid"].p50, timed["floor"], p50)]
    figures.append(_within(f"{name}, p99", timed["hybrid"].p99, timed["floor"], p99))
    figures += [
        Figure.shown(f"{name}, of which {part}, p50", median(parts[part]))
        for part in ("embed", "estimate", "lexical", "dense", "fuse", "bodies")
    ]
    truth = await Truth.read(bench.pool, USER)
    await truth.read_terms(bench.pool, (one.text for one in asked))
    dense, lexical = await _recalls(bench, memory, truth, asked, "")
    return [
        *figures,
        Figure.at_least(f"SEARCH dense {size_name(size)}, recall@10 against all distances", dense, 0.99, unit=""),
        Figure.at_least(f"SEARCH lexical {size_name(size)}, first 10 of textbook BM25's", lexical, 0.99, unit=""),
    ]


async def _filtered(context: Context, bench: Bench, where: str) -> list[Figure]:
    asked = await questions(bench.pool, QUESTIONS, user=USER)
    memory = Memory(bench.pool, Exchanged(context.embedder, asked), tenant="bench")
    truth = await Truth.read(bench.pool, USER)
    await truth.read_terms(bench.pool, (one.text for one in asked))
    figures = []
    for name, clause in {"no filter": "", **FILTERS}.items():
        timed = await interleaved(
            {
                "search": lambda n, clause=clause: memory.query(
                    f"SEARCH {asked[n % len(asked)].text} {clause}", CALLER
                ),
                "floor": lambda _: bench.pool.fetchval("select 1"),
            },
            rounds=context.rounds(300),
        )
        title, floor = f"SEARCH {where}, {name}", timed["floor"]
        if clause:
            figures.append(_within(f"{title}, p50", timed["search"].p50, floor, FILTERED_TARGET))
        else:
            figures.append(Figure.shown(f"{title}, p50", timed["search"].p50, floor=floor.p50))
        dense, lexical = await _recalls(bench, memory, truth, asked[:100], name)
        figures.append(Figure.at_least(f"{title}, dense recall@10", dense, 0.99, unit=""))
        figures.append(Figure.at_least(f"{title}, lexical first 10", lexical, 0.99, unit=""))
    return figures


async def _recalls(
    bench: Bench, memory: Memory, truth: Truth, asked: Sequence[Asked], filtered: str
) -> tuple[float, float]:
    clause = FILTERS.get(filtered, "")
    kept = truth.kept_by(filtered) if clause else None
    dense, lexical = [], []
    for one in asked:
        answer = await memory.query(f"SEARCH {one.text} {clause} MODE dense", CALLER)
        dense.append(recall(answer, truth.nearest(one.vector, kept)))
        terms = [row[0] for row in await bench.pool.fetch("select rem_terms($1)", one.text)]
        answer = await memory.query(f"SEARCH {one.text} {clause} MODE lexical", CALLER)
        lexical.append(recall(answer, truth.lexical(terms, kept)))
    return mean(dense), mean(lexical)


def _within(name: str, value: float, floor: Timing, target_ms: float) -> Figure:
    return Figure.within(name, value, floor.p50, times=round(target_ms / FLOOR_MS, 1))
