"""TRAVERSE: along edges, both ways, through names that nothing is stored under, with every clause."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import pytest
import pytest_asyncio

from rem_runtime.memory.answers import QueryAnswer
from rem_runtime.memory.ingest import EntityInput
from rem_runtime.memory.models import InlineEdge, Validity
from rem_runtime.memory.retrieval.traverse import MAX_EDGES
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, Ask, Remember, labels

pytestmark = pytest.mark.postgres


def edge(dst: str, rel: str = "knows", weight: float = 0.5, **rest: object) -> InlineEdge:
    return InlineEdge.model_validate({"dst": dst, "rel_type": rel, "weight": weight, **rest})


def paths(answer: QueryAnswer) -> dict[str, list[str]]:
    return {
        hit.label: [f"{hop.src} {'<' if hop.reverse else '>'}{hop.rel} {hop.dst}" for hop in hit.path]
        for hit in answer.results
    }


@pytest_asyncio.fixture(loop_scope="session")
async def company(memory: Memory, remember: Remember) -> None:
    """Ann → Bob → Cid, Bob → Ann; a document about Ann and Zoe, another about Zoe; nothing is stored about Zoe."""
    for label, edges in {
        "Ann": (edge("Bob", weight=0.9), edge("Acme", "works at", 0.3)),
        "Bob": (edge("Cid"), edge("Ann", "reports to")),
        "Cid": (edge("Dan"),),
        "Dan": (),
    }.items():
        await memory.put_entity(EntityInput(label=label, aliases=(f"{label} alias",), graph_edges=edges), ADMIN)
    await remember("one.md", "---\npeople: [Ann alias, Zoe]\n---\n# One\n[two](two.md)")
    await remember("two.md", "---\npeople: [Zoe]\n---\n# Two")


@pytest.mark.usefixtures("company")
class TestTraverse:
    async def test_out(self, ask: Ask) -> None:
        answer = await ask("TRAVERSE ann OUT DEPTH 3")
        assert labels(answer) == ["Bob", "Acme", "Cid", "Dan"]
        assert [hit.depth for hit in answer.results] == [1, 1, 2, 3]
        assert [hit.kind for hit in answer.results] == ["entity", None, "entity", "entity"]
        assert paths(answer)["Dan"] == ["Ann >knows Bob", "Bob >knows Cid", "Cid >knows Dan"]
        assert answer.results[0].node is not None
        assert answer.results[1].key == "acme"

    async def test_in_follows_every_name(self, ask: Ask) -> None:
        assert paths(await ask("TRAVERSE ann IN")) == {"Bob": ["Bob <reports_to Ann"], "One": ["One <people Ann"]}

    async def test_both_ways_through_a_name_that_nothing_is_stored_under(self, ask: Ask) -> None:
        answer = await ask("TRAVERSE ann alias DEPTH 3 REL people")
        assert paths(answer)["Two"] == ["One <people Ann", "One >people Zoe", "Two <people Zoe"]
        assert answer.defaults["direction"] == "BOTH"

    async def test_from_a_name_that_nothing_is_stored_under(self, ask: Ask) -> None:
        answer = await ask("TRAVERSE zoe")
        assert sorted(labels(answer)) == ["One", "Two"]
        assert "nothing is named" in answer.notes[0]
        assert labels(await ask("TRAVERSE nobody DEPTH 5")) == []
        plan = await ask("TRAVERSE zoe DEPTH 0")
        assert [(count.rel, count.direction, count.count) for count in plan.results[0].edges] == [("people", "in", 2)]

    async def test_a_kind_before_a_name_that_nothing_is_stored_under(self, ask: Ask) -> None:
        assert sorted(labels(await ask("TRAVERSE person/zoe"))) == ["One", "Two"]
        plan = await ask("TRAVERSE person/zoe DEPTH 0")
        assert [count.count for count in plan.results[0].edges] == [2]

    async def test_links_lead_to_the_document(self, ask: Ask) -> None:
        assert labels(await ask("TRAVERSE one REL links_to OUT")) == ["Two"]
        assert labels(await ask("TRAVERSE two.md REL links_to IN")) == ["One"]

    async def test_filters(self, ask: Ask) -> None:
        assert labels(await ask("TRAVERSE ann OUT WEIGHT >= 0.5")) == ["Bob"]
        assert labels(await ask("TRAVERSE ann OUT REL 'Works at'")) == ["Acme"]
        assert labels(await ask("TRAVERSE ann OUT REL works_at, knows")) == ["Bob", "Acme"]
        cut = await ask("TRAVERSE ann OUT LIMIT 1")
        assert labels(cut) == ["Bob"]
        assert "2 were reached, LIMIT 1" in cut.notes[0]

    async def test_a_circle_ends(self, ask: Ask) -> None:
        assert sorted(labels(await ask("TRAVERSE ann DEPTH 5"))) == ["Acme", "Bob", "Cid", "Dan", "One", "Two", "Zoe"]

    async def test_the_plan(self, ask: Ask) -> None:
        answer = await ask("TRAVERSE ann DEPTH 0")
        assert {(count.rel, count.direction, count.count) for count in answer.results[0].edges} == {
            ("knows", "out", 1), ("works_at", "out", 1), ("reports_to", "in", 1), ("people", "in", 1),
        }  # fmt: skip
        only = await ask("TRAVERSE ann DEPTH 0 OUT REL knows LIMIT 1")
        assert [count.rel for count in only.results[0].edges] == ["knows"]


async def test_as_of_is_when_it_held(memory: Memory, ask: Ask) -> None:
    then = Validity(since=datetime(2020, 1, 1, tzinfo=UTC), until=datetime(2021, 1, 1, tzinfo=UTC))
    since = Validity(since=datetime(2021, 1, 1, tzinfo=UTC))
    await memory.put_entity(
        EntityInput(label="Ann", graph_edges=(edge("Old Inc", valid=then), edge("New Inc", valid=since))), ADMIN
    )
    assert labels(await ask("TRAVERSE ann")) == ["New Inc"]
    assert labels(await ask("TRAVERSE ann AS OF 2020-06")) == ["Old Inc"]
    assert labels(await ask("TRAVERSE ann AS OF 2021")) == ["New Inc"]
    assert labels(await ask("TRAVERSE ann AS OF 2019")) == []
    assert (await ask("TRAVERSE ann DEPTH 0 AS OF 2019")).results[0].edges == ()


async def test_a_hub_is_cut_at_its_strongest_and_it_is_said(memory: Memory, ask: Ask) -> None:
    edges = tuple(edge(f"n{n}", weight=n / 100) for n in range(MAX_EDGES + 10))
    await memory.put_entity(EntityInput(label="Hub", graph_edges=edges), ADMIN)
    answer = await ask("TRAVERSE hub LIMIT 100")
    assert labels(answer) == [f"n{n}" for n in range(MAX_EDGES + 9, 9, -1)]
    assert "cut" in answer.notes[0]
    exact = tuple(edge(f"n{n}") for n in range(MAX_EDGES))
    await memory.put_entity(EntityInput(label="Hub", graph_edges=exact), ADMIN)
    assert (await ask("TRAVERSE hub LIMIT 100")).notes == ()


async def test_dst_kind_chooses_among_homonyms(memory: Memory, remember: Remember, ask: Ask) -> None:
    await remember("mercury.md", "# Mercury")
    await memory.put_entity(EntityInput(label="Mercury"), ADMIN)
    await memory.put_entity(EntityInput(label="Any", graph_edges=(edge("mercury"),)), ADMIN)
    await memory.put_entity(EntityInput(label="One", graph_edges=(edge("mercury", dst_kind="entity"),)), ADMIN)
    assert [hit.kind for hit in (await ask("TRAVERSE any OUT")).results] == ["resource", "entity"]
    assert [hit.kind for hit in (await ask("TRAVERSE one OUT")).results] == ["entity"]
    assert labels(await ask("TRAVERSE resource/mercury IN")) == ["Any"]
    assert labels(await ask("TRAVERSE entity/mercury IN")) == ["Any", "One"]


async def test_closed_edges_and_deleted_nodes_are_not_walked(memory: Memory, ask: Ask, pool: asyncpg.Pool) -> None:
    for label in ("A", "B", "C"):
        await memory.put_entity(EntityInput(label=label, graph_edges=(edge("B"), edge("C"))), ADMIN)
    await pool.execute(
        "update edge set closed_at = now() where src = (select id from node where label = 'A') and dst_key = 'b'"
    )
    await pool.execute("update node set deleted_at = now() where label = 'C'")
    await pool.execute("delete from name where key = 'c'")
    assert [(hit.label, hit.kind) for hit in (await ask("TRAVERSE a OUT")).results] == [("C", None)]
    assert labels(await ask("TRAVERSE b IN")) == []


async def test_equal_weights_stand_in_the_order_of_names_however_they_came(memory: Memory, ask: Ask) -> None:
    names = [f"N{n}" for n in (7, 3, 9, 1, 5)]
    for label in names[::2]:
        await memory.put_entity(EntityInput(label=label, graph_edges=(edge("Below"), edge("Hub"))), ADMIN)
    await memory.put_entity(EntityInput(label="Hub", graph_edges=tuple(edge(name) for name in names)), ADMIN)
    for label in names[1::2]:
        await memory.put_entity(EntityInput(label=label, graph_edges=(edge("Below"), edge("Hub"))), ADMIN)
    assert labels(await ask("TRAVERSE hub OUT")) == sorted(names)
    assert labels(await ask("TRAVERSE hub IN")) == sorted(names)
    answer = await ask("TRAVERSE hub OUT DEPTH 2")
    assert labels(answer) == [*sorted(names), "Below"]
    assert paths(answer)["Below"] == ["Hub >knows N1", "N1 >knows Below"], "the first of equal ways"


async def test_a_level_where_everything_was_reached_before_ends_it(memory: Memory, ask: Ask) -> None:
    many = tuple(edge(f"n{n}", weight=n / 100) for n in range(MAX_EDGES + 1))
    await memory.put_entity(EntityInput(label="A", graph_edges=many), ADMIN)
    await memory.put_entity(EntityInput(label="N50", graph_edges=many), ADMIN)
    answer = await ask("TRAVERSE a OUT DEPTH 5 LIMIT 100")
    assert len(answer.results) == MAX_EDGES
    assert "cut" in answer.notes[0]
    assert labels(await ask("TRAVERSE n0 OUT DEPTH 5")) == []


async def test_bodies_are_those_of_the_first_and_whole(memory: Memory, ask: Ask) -> None:
    for n in range(4):
        await memory.put_entity(EntityInput(label=f"T{n}", description="d", graph_edges=(edge(f"T{n + 1}"),)), ADMIN)
    answer = await ask("TRAVERSE t0 OUT DEPTH 5 LIMIT 2")
    assert [hit.node for hit in answer.results] == [(await ask(f"LOOKUP t{n}")).results[0].node for n in (1, 2)]
    assert answer.notes == ("cut: 4 were reached, LIMIT 2 are shown",)
