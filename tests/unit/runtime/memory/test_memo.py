"""The memo: short, and what it names can be asked for as it stands there."""

from __future__ import annotations

import pytest

from rem_runtime.memory.answers import EdgeCount, Hit
from rem_runtime.memory.dialect import parse
from rem_runtime.memory.dialect.ast import Lookup
from rem_runtime.memory.ingest import EntityInput
from rem_runtime.memory.memo import memo_of
from rem_runtime.memory.models import InlineEdge
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, Ask, labels


def _hit(key: str, **fields: object) -> Hit:
    return Hit.model_validate({"kind": "entity", "key": key, "label": key, **fields})


def test_results_with_scores() -> None:
    hits = [_hit("ann", score=1.0), _hit("smith,-jones", score=0.256)]
    assert memo_of("SEARCH who", hits) == 'SEARCH who -> 2 results\nentity/ann 1.00; "entity/smith,-jones" 0.26'


def test_a_plan_names_the_relations() -> None:
    edges = (EdgeCount(rel="works_on", direction="out", count=3), EdgeCount(rel="mentions", direction="in", count=1))
    memo = memo_of("TRAVERSE ann DEPTH 0", [_hit("ann", depth=0, edges=edges), _hit("ann", depth=0)])
    assert memo.splitlines() == [
        "TRAVERSE ann DEPTH 0 -> 2 results",
        "entity/ann: works_on out 3, mentions in 1",
        "entity/ann: no edges",
    ]


def test_it_stays_short() -> None:
    memo = memo_of("LOOKUP " + "x" * 20_000, [_hit(f"thing-{number}") for number in range(100)])
    assert len(memo) < 600
    assert memo.endswith("and 88 more")
    assert memo_of("SQL SELECT 1", [], rows=1) == "SQL SELECT 1 -> 1 row"


@pytest.mark.postgres
async def test_every_reference_finds_its_thing_again(memory: Memory, ask: Ask) -> None:
    names = ["Smith, Jones & Co", "O'Brien", "C++", 'say "hello"', "a/b", "IN", "[draft]", "Ärger 中"]
    edges = tuple(InlineEdge(dst=name, rel_type="knows") for name in names)
    for name in names:
        await memory.put_entity(EntityInput(label=name), ADMIN)
    await memory.put_entity(EntityInput(label="hub", graph_edges=edges), ADMIN)
    answer = await ask("TRAVERSE hub OUT")
    references = [part.rpartition(" (")[0] for part in answer.memo.splitlines()[1].split("; ")]
    assert len(references) == len(names)
    for reference, hit in zip(references, answer.results, strict=True):
        assert isinstance(parse(f"LOOKUP {reference}"), Lookup)
        assert labels(await ask(f"LOOKUP {reference}")) == [hit.label]
