"""What a person sees: labels, kinds, passages, paths, and text that looks like markup."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from rem_runtime.client.errors import InvalidQueryError
from rem_runtime.client.excerpt import excerpt
from rem_runtime.client.render import show_answer, show_error

FOOT = {"query": "Q", "verb": "LOOKUP", "took_ms": {"total": 4.21}, "notes": []}


def shown(**answer: Any) -> list[str]:
    file = io.StringIO()
    show_answer(Console(file=file, width=100, highlight=False), {**FOOT, **answer})
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_search_shows_label_kind_and_best_passages() -> None:
    hit = {
        "kind": "resource",
        "label": "Launch review [draft]",
        "score": 0.91,
        "node": {"kind": "resource", "uri": "notes/launch.md"},
        "passages": [
            {"text": "# Dates\nThe launch\n  moved to [bold]May[/bold].", "heading": "Launch review [draft] > Dates"},
            {"text": "word " * 100, "heading": ""},
            {"text": "third", "heading": ""},
        ],
    }
    lines = shown(results=[hit], notes=["scores are bounded"])
    assert lines[:2] == [
        " 1. Launch review [draft]  0.91  resource · notes/launch.md",
        "    Dates: The launch moved to [bold]May[/bold].",
    ]
    assert lines[-3].endswith("word …")
    assert lines[-2:] == ["note: scores are bounded", "Q · 1 result · 4.2 ms"]
    assert not any("third" in line for line in lines)


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("---\ntitle: x\n---\n# Title\n\nSee [the **budget**](b.md), `now`.", "See the budget, now."),
        ("# Only a heading", "# Only a heading"),
        ("---\ntitle: x\n---\n", "--- title: x ---"),
        ("--- not front matter", "--- not front matter"),
        ("2 * 3 ** 4, __init__", "2 * 3 ** 4, __init__"),
        ("one two three four five six", "one two three four …"),
        ("x" * 30, "x" * 18 + " …"),
    ],
)
def test_an_excerpt_is_plain_and_short(markdown: str, text: str) -> None:
    assert excerpt(markdown, characters=20) == text


def test_a_lookup_shows_what_is_known_and_where_it_leads() -> None:
    node = {
        "kind": "entity",
        "type": "person",
        "description": "Leads Mercury.",
        "graph_edges": [{"dst": "Project Mercury", "rel_type": "leads"}],
    }
    lines = shown(
        results=[
            {"kind": "entity", "label": "Sarah Chen", "node": node},
            {"kind": None, "key": "mercury", "label": "Mercury"},
        ]
    )
    assert lines == [
        " 1. Sarah Chen  entity · person",
        "    Leads Mercury.",
        "    → leads Project Mercury",
        " 2. Mercury  named, nothing stored",
        "Q · 2 results · 4.2 ms",
    ]


def test_a_traverse_shows_the_way() -> None:
    path = [
        {"src": "Ann", "rel": "works_on", "dst": "Mercury", "weight": 0.5, "reverse": False},
        {"src": "Bea", "rel": "works_on", "dst": "Mercury", "weight": 0.5, "reverse": True},
    ]
    lines = shown(results=[{"kind": "entity", "label": "Bea", "depth": 2, "path": path, "node": None}])
    assert lines[1] == "    Ann -works_on→ Mercury ←works_on- Bea"


def test_a_plan_shows_counts() -> None:
    edges = [{"rel": "works_on", "direction": "out", "count": 3}, {"rel": "links_to", "direction": "in", "count": 1}]
    lines = shown(results=[{"kind": "entity", "label": "Bea", "depth": 0, "edges": edges}])
    assert lines[1:3] == ["    → works_on × 3", "    ← links_to × 1"]


def test_nothing_found_is_said_with_what_the_server_noted() -> None:
    lines = shown(results=[], notes=["nothing is named 'nobody'"])
    assert lines == ["Nothing found.", "note: nothing is named 'nobody'", "Q · 0 results · 4.2 ms"]


def test_a_caret_stands_under_its_place_on_its_line() -> None:
    file = io.StringIO()
    error = InvalidQueryError("wrong", query="SEARCH a\n\tLIMIT many", position=16, hint="")
    show_error(Console(file=file, width=20, highlight=False), error)
    assert file.getvalue().splitlines()[1].expandtabs() == "  \tLIMIT many".expandtabs()
    assert file.getvalue().splitlines()[2].expandtabs() == "  \t      ^".expandtabs()
