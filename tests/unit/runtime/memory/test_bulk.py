"""Bulk loads store what single writes store, once, whoever writes beside them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from rem_runtime.memory.errors import InvalidInput, NotPermitted
from rem_runtime.memory.ingest import Document, EntityInput, bulk
from rem_runtime.memory.ingest.bulk import Loaded
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, ANN, Ask, labels

pytestmark = pytest.mark.postgres

THINGS: list[dict[str, Any]] = [
    {
        "kind": "entity",
        "label": "Sarah Chen",
        "type": "person",
        "description": "Leads the migration.",
        "aliases": ["schen"],
        "properties": {"region": "EMEA"},
        "graph_edges": [
            {"dst": "Mercury", "rel_type": "works on", "weight": 0.9},
            {
                "dst": "Berlin",
                "rel_type": "lives_in",
                "properties": {"since": 2020},
                "valid": {"since": "2020-01-01T00:00Z"},
            },
        ],
        "tags": ["lead"],
        "metadata": {"source": "hr"},
    },
    {"kind": "entity", "label": "Mercury", "type": "project"},
    {"kind": "resource", "uri": "notes/mercury.md", "content": "# Mercury\n\nSee [Sarah](../people/sarah-chen.md)."},
    {"kind": "resource", "uri": "other/mercury.md", "content": "# Mercury\n\nAnother one of that name."},
    {"kind": "moment", "label": "Kick-off", "starts_at": "2026-03-01T10:00Z", "summary": "Ann opened the meeting."},
    {"kind": "moment", "label": "Kick-off", "starts_at": "2026-04-01T10:00Z", "summary": "Bob opened the meeting."},
    {"kind": "user", "label": "Ann", "email": "ann@acme.example", "summary": "Likes dumplings."},
]
TABLES = {
    "node": "owner, kind, type, key, label, data, metadata, tags, starts_at, ends_at, fuzzy_text, content_hash",
    "name": "key, owner, kind, canonical",
    "edge": "rel, dst_key, dst_kind, dst_label, weight, properties, owner, valid",
    "chunk": "ord, heading, text, owner, kind",
    "posting": "term, owner, tf, len",
}


def lines(things: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(thing) for thing in things]


async def stored(pool: asyncpg.Pool) -> dict[str, list[str]]:
    return {
        table: sorted(str(tuple(row)) for row in await pool.fetch(f"select {columns} from {table}"))
        for table, columns in TABLES.items()
    }


async def one_by_one(memory: Memory, things: list[dict[str, Any]]) -> None:
    for thing in things:
        fields = {name: value for name, value in thing.items() if name != "kind"}
        match thing["kind"]:
            case "entity":
                await memory.put_entity(EntityInput.model_validate(fields), ADMIN)
            case "resource":
                await memory.ingest(Document.model_validate(fields), ADMIN)
            case _:
                await memory.load(lines([thing]), ADMIN, owner="")


async def test_it_is_the_same_as_one_by_one(memory: Memory, pool: asyncpg.Pool) -> None:
    await one_by_one(memory, THINGS)
    singly = await stored(pool)
    await pool.execute("delete from posting")
    for table in ("chunk", "edge", "name", "node"):
        await pool.execute(f"delete from {table}")
    assert await memory.load(lines(THINGS), ADMIN, owner="") == Loaded(created=7)
    assert await stored(pool) == singly


async def test_again_is_nothing_and_changes_replace(
    memory: Memory, pool: asyncpg.Pool, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BATCH", 3)
    await memory.load(lines(THINGS), ADMIN, owner="")
    before = await stored(pool)
    assert await memory.load(lines(THINGS), ADMIN, owner="") == Loaded(unchanged=7)
    assert await stored(pool) == before
    changed = [{**THINGS[0], "description": "Left in May."}, {**THINGS[1]}, {"kind": "entity", "label": "New"}]
    assert await memory.load(lines(changed), ADMIN, owner="") == Loaded(created=1, replaced=1, unchanged=1)
    node = (await ask("LOOKUP schen")).results[0].node
    assert node is not None
    assert node.description == "Left in May."  # type: ignore[union-attr]
    assert "Sarah Chen" in labels(await ask("SEARCH left in May MODE lexical"))


async def test_of_two_with_one_identity_the_last_counts(memory: Memory, ask: Ask) -> None:
    twice = [
        {"kind": "entity", "label": "Mercury", "type": "planet"},
        {"kind": "entity", "label": "mercury", "type": "god"},
    ]
    assert await memory.load(lines(twice), ADMIN, owner="") == Loaded(created=1)
    assert (await ask("LOOKUP mercury")).results[0].node.type == "god"  # type: ignore[union-attr]


async def test_everything_is_found_by_every_verb(memory: Memory, ask: Ask) -> None:
    await memory.load(lines(THINGS), ADMIN, owner="")
    assert labels(await ask("LOOKUP mercury")) == ["Mercury", "Mercury", "Mercury"]
    assert labels(await ask("FUZZY sara chan")) == ["Sarah Chen"]
    assert labels(await ask("SEARCH dumplings")) == ["Ann"]
    assert labels(await ask("TRAVERSE Sarah Chen REL works_on OUT"))[0] == "Mercury"
    assert labels(await ask("TRAVERSE Sarah Chen REL lives_in AS OF 2019")) == []
    assert labels(await ask("TRAVERSE Sarah Chen REL lives_in")) == ["Berlin"]


async def test_texts_wait_for_their_vectors(memory: Memory, pool: asyncpg.Pool) -> None:
    await memory.load(lines(THINGS), ADMIN, owner="")
    waiting = await pool.fetch("select payload ->> 'node_id' as id from job where kind = 'embed' and state = 'pending'")
    without = await pool.fetch("select distinct node_id::text as id from chunk")
    assert sorted(row["id"] for row in waiting) == sorted(row["id"] for row in without)
    assert await pool.fetchval("select count(*) from embedding") == 0


async def test_a_faulty_line_is_named_and_what_came_before_is_kept(
    memory: Memory, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BATCH", 2)
    for bad, says in (
        ("{", "line 4: not JSON"),
        ("[]", 'line 4: each line is an object with "kind"'),
        ('{"kind": "person"}', "one of entity, moment, user, resource"),
        ('{"kind": "entity"}', "line 4: label: Field required"),
        ('{"kind": "entity", "label": "x", "owner": "ann"}', "said once"),
        ('{"kind": "entity", "label": "--"}', "line 4: a label needs"),
    ):
        with pytest.raises(InvalidInput, match=says.replace("(", r"\(")):
            await memory.load([*lines(THINGS[:2]), "", bad, *lines(THINGS[2:])], ADMIN, owner="")
        assert await pool.fetchval("select count(*) from node") == 2


async def test_whose_it_is(memory: Memory, ask: Ask) -> None:
    with pytest.raises(NotPermitted):
        await memory.load(lines(THINGS), ANN, owner="")
    await memory.load(lines(THINGS), ANN)
    assert labels(await ask("LOOKUP mercury", ADMIN)) == []
    assert len(labels(await ask("LOOKUP mercury", ANN))) == 3
    await memory.load(lines(THINGS), ADMIN, owner="")
    assert len(labels(await ask("LOOKUP mercury", ADMIN))) == 3


async def test_loads_and_writes_side_by_side_store_each_thing_once(memory: Memory, pool: asyncpg.Pool) -> None:
    many = [{"kind": "entity", "label": f"Thing {number}", "description": "A thing."} for number in range(60)]
    await asyncio.gather(
        memory.load(lines(many), ADMIN, owner=""),
        memory.load(lines(many[::-1]), ADMIN, owner=""),
        *(
            memory.put_entity(EntityInput(label=f"Thing {number}", description="A thing."), ADMIN)
            for number in range(0, 60, 7)
        ),
    )
    assert await pool.fetchval("select count(*) from node") == 60
    assert await pool.fetchval("select count(*) from name where canonical") == 60
    assert await pool.fetchval("select count(*) from chunk") == 60
