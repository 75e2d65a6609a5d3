"""examples/acme: what the demo shows holds for the whole corpus and every question that is published with it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from rem_crds.v1alpha1 import DreamCycle, RemAgent, RemTenant
from rem_runtime.memory.caller import Caller
from rem_runtime.memory.dialect import parse
from rem_runtime.memory.ingest import Document
from rem_runtime.memory.store import Memory

ACME = Path(__file__).parents[4] / "examples" / "acme"
CORPUS = sorted(ACME.glob("corpus/**/*.md"))
QUESTIONS: list[dict[str, Any]] = yaml.safe_load((ACME / "questions.yaml").read_text())["questions"]
COUNTS = {"find": 40, "who_what": 24, "when": 36, "connected": 36, "merge": 24}
# What holds on both halves today; the aim is .95 (docs/adr/0011).
FOUND_SHARE = 0.875
BENCHMARK: dict[str, list[dict[str, Any]]] = {
    name: yaml.safe_load((ACME / "questions" / f"{name}.yaml").read_text("utf-8"))["questions"] for name in COUNTS
}
ADMIN = Caller.of("", {"read", "write", "admin"})
KINDS = {"RemTenant": RemTenant, "RemAgent": RemAgent, "DreamCycle": DreamCycle}


@pytest.fixture
async def acme(memory: Memory) -> Memory:
    """The corpus as `rem ingest` stores it."""
    for path in CORPUS:
        document = Document(
            uri=path.relative_to(ACME / "corpus").as_posix(), content=path.read_text(), media_type="text/markdown"
        )
        await memory.ingest(document, ADMIN)
    return memory


def test_there_is_enough_of_it() -> None:
    assert len(CORPUS) >= 215
    assert len(QUESTIONS) >= 12
    assert sum(bool(question.get("demo")) for question in QUESTIONS) == 3


def is_held_out(question: dict[str, Any]) -> bool:
    """Half of them, for good: nobody looks at these while tuning."""
    return hashlib.sha256(question["ask"].encode()).digest()[0] % 2 == 0


def test_the_benchmark_is_whole() -> None:
    assert {name: len(questions) for name, questions in BENCHMARK.items()} == COUNTS
    everything = [question for questions in BENCHMARK.values() for question in questions]
    assert len({question["ask"] for question in everything}) == len(everything)
    assert 0.4 < sum(map(is_held_out, everything)) / len(everything) < 0.6
    for question in everything:
        parse(question["query"])
        assert question.get("expect") or question.get("expect_any"), question["ask"]
        assert question["needs"] in range(5), question["ask"]
        assert question["answer"], question["ask"]
        assert question["from"], question["ask"]
        for path in question["from"]:
            assert (ACME / "corpus" / path).is_file(), (question["ask"], path)
    assert {question["needs"] for question in BENCHMARK["find"]} == {0}


@pytest.mark.parametrize("held_out", [False, True], ids=["open", "held out"])
async def test_the_right_document_is_among_the_first_five(acme: Memory, held_out: bool) -> None:
    questions = [question for question in BENCHMARK["find"] if is_held_out(question) is held_out]
    missed = []
    for question in questions:
        answer = await acme.query(question["query"] + " LIMIT 5", ADMIN)
        wanted = set(question.get("expect") or question["expect_any"])
        if not wanted & {result.label for result in answer.results}:
            missed.append(question["ask"])
    assert len(questions) - len(missed) >= FOUND_SHARE * len(questions), missed


async def test_every_question_is_answered(acme: Memory) -> None:
    missed = {}
    for question in QUESTIONS:
        answer = await acme.query(question["query"], ADMIN)
        labels = [result.label for result in answer.results]
        if not set(question["expect"]) <= set(labels):
            missed[question["query"]] = labels
    assert missed == {}


async def test_every_link_leads_to_a_document(acme: Memory) -> None:
    """A link that resolves to nothing is a slip in the corpus."""
    page = await acme.list_resources(ADMIN, limit=100)
    resources = list(page.items)
    while page.next_cursor is not None:
        page = await acme.list_resources(ADMIN, cursor=page.next_cursor, limit=100)
        resources += page.items
    assert len(resources) == len(CORPUS)
    targets = {edge.dst for resource in resources for edge in resource.graph_edges if edge.rel_type == "links_to"}
    assert targets
    for label in targets:
        answer = await acme.query(f'LOOKUP "{label.replace(chr(34), chr(34) * 2)}"', ADMIN)
        assert answer.results, label


def test_the_objects_fit_the_contract() -> None:
    kinds = []
    for path in sorted(ACME.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            if "apiVersion" in document:
                KINDS[document["kind"]].model_validate(document)
                kinds.append(document["kind"])
    assert sorted(kinds) == ["DreamCycle", "RemAgent", "RemAgent", "RemTenant"]
