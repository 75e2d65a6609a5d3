"""Every example of docs/dialect.md is asked of a small memory, and finds what is there to be found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rem_runtime.memory.dialect import parse
from rem_runtime.memory.dialect.ast import Sql
from rem_runtime.memory.ingest import EntityInput
from rem_runtime.memory.models import InlineEdge
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, Ask, Remember

pytestmark = pytest.mark.postgres
DOCS = Path(__file__).parents[4] / "docs" / "dialect.md"
_TEXT = DOCS.read_text("utf-8")
EXAMPLES = [
    *re.findall(r"\| `((?:LOOKUP|FUZZY|SEARCH|TRAVERSE|SQL) [^`]+)` \|", _TEXT),
    *(line for block in re.findall(r"```rem\n(.*?)```", _TEXT, re.DOTALL) for line in block.splitlines()),
]
_INVOICES = """---
title: Invoices
date: 2026-03-05
status: open
amount: 1200
tags: [billing]
properties: {region: APAC}
---
Invoices of the billing outage, and the release budget. TIDB-142 and the IN clause of SQL are in it.
What did Ann, the PM, say? Who reviews the migration plan?
"""
_ENTITIES = [
    ("Sarah Chen", "person", [("Project Mercury", "works_on"), ("Ann", "reports_to")]),
    ("Project Mercury", "project", []),
    ("Mercury", "person", []),
    ("Gemini", "project", []),
    ("Smith, Jones & Co", "organization", []),
    ("O'Brien", "person", []),
    ("C++", "technology", []),
    ("Merchant", "concept", []),
]


@pytest.fixture
async def filled(memory: Memory, remember: Remember) -> Memory:
    for label, kind, edges in _ENTITIES:
        entity = EntityInput(
            label=label,
            type=kind,
            description=f"The budget of {label}.",
            aliases=("Mercury",) if kind == "project" else (),
            graph_edges=tuple(InlineEdge(dst=dst, rel_type=rel, weight=0.9) for dst, rel in edges),
        )
        await memory.put_entity(entity, ADMIN)
    await remember("invoices.md", _INVOICES)
    await remember("mercury.md", "# Mercury\n\nThe project.")
    return memory


async def test_every_example_finds_something(filled: Memory, ask: Ask) -> None:
    assert len(EXAMPLES) > 30
    empty = []
    for example in EXAMPLES:
        if isinstance(parse(example), Sql):
            continue  # docs/sql-mode.md has those
        answer = await ask(example)
        assert answer.memo.startswith(answer.query)
        if not answer.results:
            empty.append(example)
    assert empty == []
