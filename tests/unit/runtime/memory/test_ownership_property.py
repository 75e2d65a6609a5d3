"""Generated memories and questions: what others own changes no answer.

Ann, Bob and the tenant store random things under names that they share, with edges across. Then everything that is not
Bob's to see is stored as well, and each question of Bob's has to be answered as before, but for scores: documents are
counted tenant-wide, by decision.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest

from rem_runtime.memory.caller import Caller
from rem_runtime.memory.conversation.inputs import MessageInput, SessionInput
from rem_runtime.memory.conversation.listing import MessagesWanted, SessionsWanted
from rem_runtime.memory.ingest import Document, EntityInput
from rem_runtime.memory.models import InlineEdge, Moment
from rem_runtime.memory.pages import Page
from rem_runtime.memory.records import Wanted
from rem_runtime.memory.records.inputs import MomentInput
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, ANN, BOB

pytestmark = pytest.mark.postgres

SCENARIOS = 6
QUESTIONS = 60
NAMES = ("mercury", "gemini", "apollo", "Sarah Chen", "atlas", "a.b", "C++", "phantom")
WORDS = ("elephant", "giraffe", "harbour", "invoice", "queue", "bridge", "TIDB-142", "dumplings")
RELATIONS = ("knows", "works_on", "hides")
TYPES = ("person", "project", None)


def _edges(rng: random.Random) -> tuple[InlineEdge, ...]:
    return tuple(
        InlineEdge(
            dst=name,
            rel_type=rng.choice(RELATIONS),
            weight=round(rng.uniform(0.1, 1), 2),
            dst_kind=rng.choice([None, None, "entity", "resource"]),
        )
        for name in rng.sample(NAMES, rng.randint(0, 4))
    )


def _sentence(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(2, 8))).capitalize() + "."


async def _store(memory: Memory, rng: random.Random, caller: Caller, things: int) -> None:
    for number in range(things):
        name = rng.choice(NAMES[:-1])
        if rng.random() < 0.2:
            moment = MomentInput(
                label=name, starts_at=datetime(2026, rng.randint(1, 9), 3, tzinfo=UTC), summary=_sentence(rng),
                type=rng.choice(TYPES), graph_edges=_edges(rng),
            )  # fmt: skip
            await memory.records.put_moment(moment, caller)
        elif rng.random() < 0.25:
            session = await memory.conversations.create_session(SessionInput(name=name), caller)
            said = [MessageInput(role=rng.choice(["user", "assistant"]), content=_sentence(rng)) for _ in range(3)]
            await memory.append_messages(session.id, said, caller)
        elif rng.random() < 0.5:
            entity = EntityInput(
                label=name,
                type=rng.choice(TYPES),
                description=rng.choice([None, _sentence(rng)]),
                aliases=tuple(rng.sample(NAMES, rng.randint(0, 1))),
                graph_edges=_edges(rng),
                properties={"region": rng.choice(["EMEA", "APAC"])},
            )
            await memory.put_entity(entity, caller)
        else:
            lists = "".join(f"{relation}: [{rng.choice(NAMES)}]\n" for relation in RELATIONS if rng.random() < 0.4)
            day = f"date: 2026-0{rng.randint(1, 9)}-11\n"
            content = f"---\ntitle: {name}\n{day}{lists}---\n\n{_sentence(rng)}\n\n{_sentence(rng)}\n"
            # A uri may be the same as another owner's.
            await memory.ingest(Document(uri=f"{name}-{number % 3}.md", content=content), caller)


def _question(rng: random.Random) -> str:
    name = rng.choice(NAMES)
    words = " ".join(rng.choices(WORDS, k=rng.randint(1, 3)))
    kinds = rng.choice(["", " IN entity", " IN resource", " IN person, resource", " IN message", " IN moment"])
    match rng.randrange(4):
        case 0:
            return "LOOKUP " + ", ".join(rng.choice(["", "", "person/", "resource/"]) + n for n in rng.sample(NAMES, 2))
        case 1:
            return f"FUZZY {name[: rng.randint(3, 9)].strip()}{kinds.replace(' IN message', '')} LIMIT 1000 THRESHOLD 0"
        case 2:
            where = rng.choice(["", "", " WHERE region = EMEA", " WHERE label = mercury", ' WHERE type != "person"'])
            time = rng.choice(["", "", " SINCE 2026-04", " UNTIL 2026-05", " DURING 2026-03 .. 2026-07"])
            mode = rng.choice(["", " MODE lexical", " MODE dense"])
            return f"SEARCH {words}{kinds}{where}{time}{mode} LIMIT 1000"
        case _:
            clauses = [
                rng.choice(["", " OUT", " IN", " BOTH"]),
                rng.choice(["", f" REL {rng.choice(RELATIONS)}"]),
                rng.choice(["", " WEIGHT >= 0.5"]),
                rng.choice(["", " AS OF 2026-05"]),
            ]
            return f"TRAVERSE {name} DEPTH {rng.randint(0, 4)}{''.join(clauses)} LIMIT 1000"


async def _answers(memory: Memory, questions: list[str], caller: Caller) -> dict[str, Any]:
    """Every answer and list as comparable values."""
    said: dict[str, Any] = {}
    for question in questions:
        answer = await memory.query(question, caller)
        hits = [hit.model_dump(mode="json") for hit in answer.results]
        for hit in hits:
            hit.pop("score")
            for passage in hit["passages"]:
                passage.pop("score")
            if question.startswith("SEARCH"):
                hit["passages"].sort(key=lambda passage: passage["ord"])
        ordered = question.startswith(("LOOKUP", "TRAVERSE"))
        said[question] = hits if ordered else sorted(hits, key=json.dumps)
    said["resources"] = _listed(await memory.list_resources(caller, limit=200))
    said["entities"] = _listed(await memory.list_entities(caller, limit=200))
    said["moments"] = _listed(await memory.records.page(Moment, caller, Wanted(limit=200)))
    said["sessions"] = _listed(await memory.conversations.sessions(caller, SessionsWanted(limit=200)))
    said["messages"] = _listed(await memory.conversations.messages(caller, MessagesWanted(limit=200)))
    return said


def _listed(page: Page[Any]) -> list[Any]:
    return [item.model_dump(mode="json") for item in page.items]


@pytest.mark.parametrize("seed", range(SCENARIOS))
async def test_what_others_own_changes_no_answer(memory: Memory, seed: int) -> None:
    rng = random.Random(seed)
    await _store(memory, rng, ADMIN, 8)
    await _store(memory, rng, BOB, 6)
    questions = list(dict.fromkeys(_question(rng) for _ in range(QUESTIONS)))
    before = await _answers(memory, questions, BOB)
    shared = await _answers(memory, questions, Caller.of(""))
    await _store(memory, rng, ANN, 14)
    assert await _answers(memory, questions, BOB) == before
    assert await _answers(memory, questions, Caller.of("")) == shared
    of_ann = await _answers(memory, questions, ANN)
    assert sum(of_ann[question] != before[question] for question in questions) > QUESTIONS / 3
