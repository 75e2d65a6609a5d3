"""LOOKUP and FUZZY: by name, exact and nearly so."""

from __future__ import annotations

import pytest

from rem_runtime.memory.errors import InvalidInput, NotAvailable
from rem_runtime.memory.ingest import EntityInput
from rem_runtime.memory.models import InlineEdge
from rem_runtime.memory.retrieval.references import MAX_HOMONYMS, split_kinds
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, ANN, Ask, Remember, labels

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize(
    "name",
    [
        "Sarah Chen",
        "sarah_chen",
        "SARAH-CHEN",
        '"sarah  chen"',
        "S. Chen",
        "person/sarah chen",
        "entity/Sarah Chen",
        "entities/s._chen",
    ],
)
async def test_every_way_to_write_a_name(memory: Memory, ask: Ask, name: str) -> None:
    await memory.put_entity(EntityInput(label="Sarah Chen", type="person", aliases=("S. Chen",)), ADMIN)
    answer = await ask(f"LOOKUP {name}")
    assert labels(answer) == ["Sarah Chen"]
    assert answer.verb == "LOOKUP"
    assert answer.took_ms["total"] > 0


async def test_a_list_keeps_its_order_and_says_what_is_not_there(memory: Memory, ask: Ask) -> None:
    for label in ("C", "C++", "C#", "O'Brien"):
        await memory.put_entity(EntityInput(label=label), ADMIN)
    answer = await ask("LOOKUP c#, O’Brien, nobody, C, c++")
    assert labels(answer) == ["C#", "O'Brien", "C", "C++"]
    assert [hit.ref for hit in answer.results] == ["c#", "O’Brien", "C", "c++"]
    assert answer.notes == ("nothing is named 'nobody'; FUZZY finds names that are nearly right",)


async def test_a_slash_may_be_part_of_the_name(memory: Memory, ask: Ask) -> None:
    await memory.put_entity(EntityInput(label="TCP/IP", type="technology"), ADMIN)
    await memory.put_entity(EntityInput(label="IP", type="tcp"), ADMIN)
    await memory.put_entity(EntityInput(label="Mercury", type="planet"), ADMIN)
    await memory.put_entity(EntityInput(label="planet Mercury", type="song"), ADMIN)
    assert labels(await ask("LOOKUP tcp/ip")) == ["IP"], "whoever writes a type means it"
    assert labels(await ask('LOOKUP "TCP-IP"')) == ["TCP/IP"]
    assert labels(await ask("LOOKUP planet/mercury")) == ["Mercury"]
    assert labels(await ask("LOOKUP song/mercury")) == []
    assert labels(await ask("LOOKUP and/or")) == []


async def test_ones_own_come_before_the_shared(memory: Memory, ask: Ask) -> None:
    await memory.put_entity(EntityInput(label="Mercury", type="planet"), ADMIN)
    await memory.put_entity(EntityInput(label="Mercury", type="metal"), ANN)
    answer = await ask("LOOKUP mercury", ANN)
    assert [hit.node.user_id for hit in answer.results] == ["ann", None]  # type: ignore[union-attr]


async def test_homonyms_are_cut_and_it_is_said(remember: Remember, ask: Ask) -> None:
    for n in range(MAX_HOMONYMS + 2):
        await remember(f"{n}.md", "# Notes")
    answer = await ask("LOOKUP notes")
    assert len(answer.results) == MAX_HOMONYMS
    assert "say which" in answer.notes[0]


async def test_the_strongest_edges_are_shown(memory: Memory, ask: Ask) -> None:
    edges = tuple(InlineEdge(dst=f"n{n}", rel_type="knows", weight=n / 100) for n in range(80))
    await memory.put_entity(EntityInput(label="Hub", graph_edges=edges), ADMIN)
    node = (await ask("LOOKUP hub")).results[0].node
    assert node is not None
    assert [edge.dst for edge in node.graph_edges] == [f"n{n}" for n in range(79, 29, -1)]


async def test_a_name_of_nothing_is_refused(ask: Ask) -> None:
    with pytest.raises(InvalidInput, match="at least one"):
        await ask('LOOKUP "---"')


async def test_fuzzy_finds_what_is_nearly_right(memory: Memory, ask: Ask) -> None:
    for label, kind in (("Sarah Chen", "person"), ("Icy Planet Anchor", "thing"), ("Unrelated", "thing")):
        await memory.put_entity(EntityInput(label=label, type=kind), ADMIN)
    answer = await ask("FUZZY sara chan")
    assert labels(answer) == ["Sarah Chen"]
    assert answer.defaults == {"limit": 10, "threshold": 0.3}
    assert labels(await ask("FUZZY icy")) == ["Icy Planet Anchor"], "a word is compared with words"
    assert labels(await ask("FUZZY sara chan THRESHOLD 0.9")) == []
    assert labels(await ask("FUZZY sara chan IN thing")) == []
    assert labels(await ask("FUZZY sara chan IN person LIMIT 1")) == ["Sarah Chen"]
    assert labels(await ask("FUZZY sara chan IN resource, person")) == ["Sarah Chen"]


async def test_sql_mode_is_not_there_yet(ask: Ask) -> None:
    with pytest.raises(NotAvailable, match="SQL mode is not available in this version"):
        await ask("SQL SELECT 1")


def test_kinds_and_types() -> None:
    assert split_kinds(["Resources", "person", "message", "Team Lead"]) == (
        ["resource", "message"],
        ["person", "team_lead"],
    )
    assert split_kinds([]) == (None, None)
    with pytest.raises(InvalidInput):
        split_kinds(["--"])
