"""The bench's own parts: a figure says whether its target is met, calls take turns, a corpus is generated once."""

from __future__ import annotations

import json
from pathlib import Path

import asyncpg
import pytest

from tests.bench import run
from tests.bench.databases import Corpus, Databases, without_indexes
from tests.bench.graph import graph, samples
from tests.bench.harness import Context, Figure, Timing, interleaved, size_name
from tests.bench.names import misspelt


def test_a_figure_compares_with_its_target() -> None:
    assert Figure.within("a", 1.5, 1.0, times=1.5).met is True
    assert Figure.within("a", 1.51, 1.0, times=1.5).met is False
    assert Figure.share("a", 60, 100, at_least=0.7, unit="rows/s").met is False
    assert Figure.at_most("a", 10, 10, unit="ms").met is True
    assert Figure.at_least("a", 0.98, 0.99, unit="").met is False
    assert Figure.shown("a", 1.0, floor=2.0) == Figure("a", 1.0, "ms", 2.0, 0.5)


def test_bench_json_has_exactly_the_fields_that_were_promised(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "bench.json"
    run.write_json([Figure.within("a", 3.14159265, 2.0, times=1.5), Figure.shown("b", 1)], file)
    rows = json.loads(file.read_text())
    assert [list(row) for row in rows] == [["name", "value", "unit", "floor", "ratio", "target", "met"]] * 2
    assert rows[0] == {
        "name": "a", "value": 3.142, "unit": "ms", "floor": 2.0, "ratio": 1.571, "target": "≤ 1.5 ×", "met": False,
    }  # fmt: skip
    assert run.table_of([Figure.within("a", 1, 2, times=1)]).row_count == 1


async def test_calls_take_turns_and_each_is_handed_the_round() -> None:
    seen: list[tuple[str, int]] = []

    async def call(name: str, number: int) -> None:
        seen.append((name, number))

    timed = await interleaved(
        {name: (lambda number, name=name: call(name, number)) for name in "ab"}, rounds=3, warmup=1, seconds=60
    )
    assert seen == [("a", 0), ("b", 0), ("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2)]
    assert timed["a"].rounds == 3


def test_percentiles() -> None:
    timing = Timing.of([n / 1000 for n in range(1, 102)])
    assert (timing.p50, timing.p99) == (pytest.approx(51), pytest.approx(100))
    assert [size_name(size) for size in (10_000, 100_000, 1_000_000)] == ["10k", "100k", "1M"]


def test_a_part_is_registered_by_a_module_that_is_there() -> None:
    for module in run.PARTS.values():
        assert (run.ROOT / (module.replace(".", "/") + ".py")).is_file()


def test_a_misspelt_label_is_another_and_like_it() -> None:
    for number in range(50):
        text = misspelt("Sarah Chen", number)
        assert text != "Sarah Chen"
        assert len(text.split()) == 2


@pytest.mark.postgres
async def test_a_corpus_is_made_once_and_again_when_its_generator_changed(tmp_path: Path) -> None:
    said: list[str] = []
    async with Databases(tmp_path / "bench") as databases:
        context = Context(databases, quick=True, say=said.append)
        for _ in range(2):
            async with context.corpus(graph(300)) as bench:
                assert await bench.pool.fetchval("select count(*) from node") == 302
                assert await bench.pool.fetchval("select count(*) from edge") == 300 * 5 + 300
                assert len({sample.label for sample in await samples(bench.pool, 500, user="ann")}) == 270
        assert [line for line in said if line.startswith("generating")] == ["generating graph, 300"]
        indexes = await _indexes(bench.superuser_dsn)
        async with context.scratch() as empty:
            assert await empty.pool.fetchval("select count(*) from node") == 0
            assert await _indexes(empty.superuser_dsn) == indexes, "what is dropped for filling is made again"
        async with context.corpus(Corpus("graph", 300, _other)) as bench:
            assert await bench.pool.fetchval("select count(*) from node") == 0
        assert len(said) == 4
        names = {row[0] for row in await _fetch(bench.superuser_dsn, "select datname from pg_database")}
        assert {name for name in names if name.startswith(("corpus", "scratch"))} == {
            Corpus("graph", 300, _other).database
        }


async def _other(conn: asyncpg.Connection, size: int) -> None:
    async with without_indexes(conn, "node"):
        assert size == 300


async def _indexes(dsn: str) -> set[str]:
    return {row[0] for row in await _fetch(dsn, "select indexname from pg_indexes where schemaname = 'public'")}


async def _fetch(dsn: str, sql: str) -> list[asyncpg.Record]:
    conn = await asyncpg.connect(dsn)
    try:
        return list(await conn.fetch(sql))
    finally:
        await conn.close()
