"""What a person sees: labels, kinds, passages, paths, and text that looks like markup."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from rem_runtime.client.errors import InvalidQueryError
from rem_runtime.client.render import show_answer
from rem_runtime.client.report import show_error

FOOT = {"query": "Q", "verb": "LOOKUP", "took_ms": {"total": 4.21}, "notes": []}


def shown(*, width: int = 100, full: bool = False, **answer: Any) -> list[str]:
    file = io.StringIO()
    show_answer(Console(file=file, width=width, highlight=False), {**FOOT, **answer}, full=full)
    lines = file.getvalue().splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    return lines


def test_a_search_shows_label_kind_and_best_passages() -> None:
    hit = {
        "kind": "resource",
        "label": "Launch review [draft]",
        "score": 0.91,
        "node": {"kind": "resource", "uri": "notes/launch.md"},
        "passages": [
            {"text": "# Dates\nThe launch\n  moved to [bold]May[/bold].", "heading": "Launch review [draft] > Dates"},
            {"text": "word " * 100, "heading": "Launch review [draft]"},
            {"text": "third", "heading": ""},
        ],
    }
    lines = shown(results=[hit], notes=["scores are bounded"])
    assert lines[:2] == [
        " 1. Launch review [draft]  0.91  resource · notes/launch.md",
        "    · Dates: The launch moved to [bold]May[/bold].",
    ]
    assert lines[2].startswith("    · word word")
    assert lines[3].startswith("      word word")
    assert lines[4].endswith("word …")
    assert len(lines) == 7
    assert lines[-2:] == ["note: scores are bounded", "Q · 1 result · 4.2 ms"]
    assert not any("third" in line for line in lines)


def test_a_lookup_shows_what_is_known_and_where_it_leads() -> None:
    node = {
        "kind": "entity",
        "type": "person",
        "description": "Leads Mercury.",
        "metadata": {"title": "Sarah Chen", "people": ["Atlas"], "role": "sponsor", "empty": None},
        "graph_edges": [
            {"dst": "Project Mercury", "rel_type": "leads"},
            {"dst": "notes/launch.md", "rel_type": "links_to"},
            {"dst": "Atlas", "rel_type": "leads"},
        ],
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
        "    role: sponsor",
        "    leads → Project Mercury, Atlas",
        "    links_to → notes/launch.md",
        " 2. Mercury  named, nothing stored",
        "Q · 2 results · 4.2 ms",
    ]


def test_a_traverse_shows_the_way() -> None:
    path = [
        {"src": "Ann", "rel": "works_on", "dst": "Mercury", "weight": 0.5, "reverse": False},
        {"src": "Bea", "rel": "works_on", "dst": "Mercury", "weight": 0.5, "reverse": True},
    ]
    near = {"kind": None, "label": "Mercury", "depth": 1, "path": path[:1], "node": None}
    hits = [
        near,
        *({"kind": "entity", "label": name, "depth": 2, "path": path, "node": None} for name in ("Bea", "Bo")),
    ]
    assert shown(verb="TRAVERSE", results=hits)[:-1] == [
        "Depth 1",
        " 1. Ann ─works_on→ Mercury  named, nothing stored",
        "Depth 2",
        " 2. Ann ─works_on→ Mercury ←works_on─ Bea  entity",
        " 3. Ann ─works_on→ Mercury ←works_on─ Bo  entity",
    ]
    assert shown(verb="TRAVERSE", width=30, results=hits[1:2])[1:-1] == [
        " 1. Ann ─works_on→ Mercury",
        "    ←works_on─ Bea  entity",
    ]


def test_a_plan_shows_counts() -> None:
    edges = [
        {"rel": "works_on", "direction": "out", "count": 3},
        {"rel": "links_to", "direction": "in", "count": 1},
        {"rel": "people", "direction": "out", "count": 2},
    ]
    lines = shown(results=[{"kind": "entity", "label": "Bea", "depth": 0, "edges": edges}])
    assert lines[1:3] == ["    → works_on × 3, people × 2", "    ← links_to × 1"]


def test_nothing_found_is_said_with_what_the_server_noted() -> None:
    lines = shown(query="LOOKUP nobody", results=[], notes=["nothing is named 'nobody'"])
    assert lines == [
        "Nothing found.",
        "note: nothing is named 'nobody'",
        "try rem ask 'FUZZY nobody' for a name like it",
        "try rem ask 'SEARCH nobody' for what is written about it",
        "LOOKUP nobody · 0 results · 4.2 ms",
    ]


def test_what_a_document_says_is_shown_when_a_lookup_brings_it() -> None:
    node = {"kind": "resource", "uri": "m.md", "graph_edges": [{"dst": "Sarah Chen", "rel_type": "people"}]}
    passages = [{"text": "---\ntitle: Mercury\n---\n# Mercury\n\nReplaces the broker.", "heading": "Mercury"}]
    lines = shown(results=[{"kind": "resource", "label": "Mercury", "node": node, "passages": passages}])
    assert lines[:-1] == [" 1. Mercury  resource · m.md", "    Replaces the broker.", "    people → Sarah Chen"]


def test_many_names_of_one_relation_are_counted_not_listed() -> None:
    edges = [{"dst": f"Name {number}", "rel_type": "people"} for number in range(16)]
    hit = {"kind": "entity", "label": "All", "node": {"graph_edges": edges}}
    assert shown(results=[hit], width=120)[1].endswith("Name 9, … 6 more")
    full = shown(results=[hit], width=120, full=True)
    assert full[2].endswith("Name 15")


def test_what_does_not_fit_beside_the_name_stands_below_it() -> None:
    hit = {"kind": "resource", "label": "Architecture review", "node": {"uri": "meetings/2026-02-10-review.md"}}
    assert shown(results=[hit], width=40)[:2] == [
        " 1. Architecture review",
        "    resource · meetings/2026-02-10-review.md",
    ]


def test_in_full_every_passage_paragraph_and_row_is_shown() -> None:
    text = "# T\n\nFirst.\n\n- one\n- two and\n  more\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    passages = [{"text": text, "heading": "T"}, *({"text": f"passage {number}"} for number in range(3))]
    hit = {"kind": "resource", "label": "T", "passages": passages, "node": {"kind": "resource"}}
    assert shown(verb="SEARCH", results=[hit], full=True)[1:-1] == [
        "    · First.",
        "      • one",
        "      • two and more",
        "      a · b",
        "      1 · 2",
        "    · passage 0",
        "    · passage 1",
        "    · passage 2",
    ]


def test_plain_text_is_not_taken_for_markdown() -> None:
    hit = {
        "kind": "resource",
        "label": "T",
        "passages": [{"text": "# 5 *stars* | none"}],
        "node": {"media_type": "text/plain"},
    }
    assert shown(results=[hit])[1] == "    # 5 *stars* | none"


def test_a_terminal_gets_emphasis_and_obeys_no_document() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, highlight=False, force_terminal=True, color_system="standard")
    hit = {"kind": "resource", "label": "L\x1b[31m\x07", "passages": [{"text": "The queues\x1b]0;x\x07 were lost."}]}
    show_answer(console, {**FOOT, "verb": "SEARCH", "query": "SEARCH which queue LIMIT 3", "results": [hit]})
    said = file.getvalue()
    assert "\x1b[1;33mqueues\x1b[0m" in said
    assert "\x1b[2mSEARCH which queue LIMIT 3" in said
    assert "\x1b[31m" not in said
    assert "\x1b]" not in said
    assert "\x07" not in said


def test_a_caret_stands_under_its_place_on_its_line() -> None:
    file = io.StringIO()
    error = InvalidQueryError("wrong", query="SEARCH a\n\tLIMIT many", position=16, hint="")
    show_error(Console(file=file, width=20, highlight=False), error)
    assert file.getvalue().splitlines()[1].expandtabs() == "  \tLIMIT many".expandtabs()
    assert file.getvalue().splitlines()[2].expandtabs() == "  \t      ^".expandtabs()
