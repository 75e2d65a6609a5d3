"""examples/acme: what the demo shows holds for the whole corpus and every question that is published with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from rem_crds.v1alpha1 import DreamCycle, RemAgent, RemTenant
from rem_runtime.memory.caller import Caller
from rem_runtime.memory.ingest import Document
from rem_runtime.memory.store import Memory

ACME = Path(__file__).parents[4] / "examples" / "acme"
CORPUS = sorted(ACME.glob("corpus/**/*.md"))
QUESTIONS: list[dict[str, Any]] = yaml.safe_load((ACME / "questions.yaml").read_text())["questions"]
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
    assert len(CORPUS) >= 40
    assert len(QUESTIONS) >= 12
    assert sum(bool(question.get("demo")) for question in QUESTIONS) == 3


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
    assert page.next_cursor is None
    targets = {edge.dst for resource in page.items for edge in resource.graph_edges if edge.rel_type == "links_to"}
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
