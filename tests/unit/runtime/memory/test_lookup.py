"""LOOKUP and FUZZY: by name, exact and nearly so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest import EntityInput
from rem_runtime.memory.models import Entity, InlineEdge, Validity
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


async def test_one_name_and_a_list_answer_alike(memory: Memory, remember: Remember, ask: Ask) -> None:
    await remember("notes.md", "# Mercury\n\nA planet.")
    await remember("mine.md", "# Mercury\n\nMine.", caller=ANN)
    edges = (InlineEdge(dst="Sun", rel_type="near", weight=0.7, properties={"au": 0.39}),)
    await memory.put_entity(EntityInput(label="Mercury", type="planet", graph_edges=edges), ANN)
    for caller in (ANN, ADMIN):
        one, several = await ask("LOOKUP mercury", caller), await ask("LOOKUP mercury, nobody", caller)
        assert one.results == several.results
        assert len(one.results) == (3 if caller is ANN else 1)
    assert [hit.passages[0].text for hit in one.results] == ["# Mercury\n\nA planet."]


async def test_a_node_is_read_as_its_model_says(memory: Memory, ask: Ask) -> None:
    since = datetime(2024, 5, 1, tzinfo=UTC)
    edges = (
        InlineEdge(dst="B", rel_type="knows", weight=0.3, properties={"deep": [1, {"x": None}]}, valid=None),
        InlineEdge(dst="C", rel_type="knows", dst_kind="entity", weight=1e-7, valid=Validity(since=since)),
        InlineEdge(dst="D", rel_type="knows", weight=1, valid=Validity(until=since)),
    )
    made, _ = await memory.put_entity(
        EntityInput(label="A", type="person", description="x", properties={"n": 1.5}, tags=("t",), graph_edges=edges),
        ANN,
    )
    node = (await ask("LOOKUP a", ANN)).results[0].node
    assert isinstance(node, Entity)
    assert node == made
    assert node.graph_edges == tuple(sorted(edges, key=lambda edge: -edge.weight))
    assert Entity.model_validate(node.model_dump()) == node, "what is trusted is what would have been validated"
    assert Entity.model_validate_json(node.model_dump_json()) == node
    assert node.model_copy(update={"label": "Z"}).label == "Z"
    with pytest.raises(ValidationError):
        node.label = "Z"  # type: ignore[misc]


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


async def test_fuzzy_finds_a_thing_by_any_of_its_names_once(memory: Memory, ask: Ask) -> None:
    await memory.put_entity(EntityInput(label="Robert Okafor", aliases=("Bobby Okafor", "Bob the Builder")), ADMIN)
    await memory.put_entity(EntityInput(label="Icy Planet Anchor 0"), ADMIN)
    (hit,) = (await ask("FUZZY bob the bilder")).results
    assert (hit.label, hit.alias) == ("Robert Okafor", "bob-the-builder")
    (hit,) = (await ask("FUZZY robert okafr")).results
    assert (hit.label, hit.alias) == ("Robert Okafor", None)
    (hit,) = (await ask("FUZZY okafor")).results
    assert (hit.alias, hit.score) == (None, 1.0), "its label where another name is as like"
    assert labels(await ask("FUZZY icy")) == ["Icy Planet Anchor 0"]
    assert labels(await ask("FUZZY icy planet ankor 0")) == ["Icy Planet Anchor 0"]


async def test_fuzzy_compares_with_words_when_no_whole_name_is_like_it(memory: Memory, ask: Ask) -> None:
    label = "Minutes of the quarterly meeting about the budget for the northern harbour"
    await memory.put_entity(EntityInput(label=label), ADMIN)
    answer = await ask("FUZZY norhern harbour")
    assert labels(answer) == [label]
    assert answer.notes == ("no name is like this as a whole; these have words that are like it",)


async def test_a_lower_threshold_lets_more_through_and_is_forgotten(memory: Memory, ask: Ask) -> None:
    for label in ("Sarah Chen", "Sam Charlton"):
        await memory.put_entity(EntityInput(label=label), ADMIN)
    for _ in range(8):  # over every connection of the pool
        assert labels(await ask("FUZZY sarah chen")) == ["Sarah Chen"]
        assert labels(await ask("FUZZY sarah chen THRESHOLD 0.05")) == ["Sarah Chen", "Sam Charlton"]


async def test_fuzzy_knows_letters_of_every_alphabet(memory: Memory, ask: Ask) -> None:
    for label in ("Zoë Ångström", "Дмитрий Соколов", "Παπαδόπουλος"):
        await memory.put_entity(EntityInput(label=label), ADMIN)
    assert labels(await ask("FUZZY zoë angström")) == ["Zoë Ångström"]
    assert labels(await ask("FUZZY дмитри соколов")) == ["Дмитрий Соколов"]
    assert labels(await ask("FUZZY παπαδοπουλος")) == ["Παπαδόπουλος"]


def test_kinds_and_types() -> None:
    assert split_kinds(["Resources", "person", "message", "Team Lead"]) == (
        ["resource", "message"],
        ["person", "team_lead"],
    )
    assert split_kinds([]) == (None, None)
    with pytest.raises(InvalidInput):
        split_kinds(["--"])
