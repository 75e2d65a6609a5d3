"""Text on its way to a line: Markdown made readable, words emphasised, lines broken, hints given."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.text import Text

from rem_runtime.client.emphasis import emphasised, words_of
from rem_runtime.client.excerpt import flow, paragraphs
from rem_runtime.client.hints import hints
from rem_runtime.client.layout import beside, wrapped


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("---\ntitle: x\n---\n# Title\n\nSee [the **budget**](b.md), `now`.", "Title: See the budget, now."),
        ('See [Sarah\n  Chen](../a_(b).md "her") and [[notes/x|the note]] <https://x.org>.', None),
        ("# Only a heading", "Only a heading"),
        ("---\ntitle: x\n---\n", "--- title: x ---"),
        ("--- not front matter", "--- not front matter"),
        ("2 * 3 ** 4, __init__, snake_case_name, a*b*c", "2 * 3 ** 4, __init__, snake_case_name, a*b*c"),
        ("*one* _two_ ~~three~~ **four\nfive** \\*six\\*", "one two three four five *six*"),
        ("> said\n> twice\n\n---\n\n- [x] done\n* and\n  more\n2) two", "said twice • done • and more 2) two"),
        ("| a | b |\n|---|:-:|\n| 1 | `2` |\n\nAfter.", "a · b; 1 · 2. After."),
        ("| 1 | x \\| y |", "1 · x | y"),
        (
            "```python\na = [1](2)\n# no heading\n```\nrest<br>here <!-- hidden\n -->",
            "a = [1](2); # no heading. rest here",
        ),
        ("Setext\n======\n\ntext\r\n\r\nmore", "Setext text more"),
        ("", ""),
    ],
)
def test_markdown_becomes_readable(markdown: str, text: str | None) -> None:
    assert flow(paragraphs(markdown)) == (text if text is not None else "See Sarah Chen and the note https://x.org.")


def test_headings_that_are_shown_beside_it_are_left_out() -> None:
    assert paragraphs("# T\n\n## Dates\nMay.\n\n## Why?\nSo.", skip={"t", "Dates"}) == ["May.", "Why?", "So."]
    assert paragraphs("# T\n", skip={"T"}) == ["T"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SEARCH which queues were chosen IN resource LIMIT 3", {"queu", "chosen"}),
        ('SEARCH "what is IN the ""Box""?"', {"box"}),
        ("SEARCH 'Kafka' WHERE status = open", {"kafka"}),
        ("LOOKUP Kafka", set()),
        ("", set()),
    ],
)
def test_the_words_of_a_search(query: str, words: set[str]) -> None:
    assert words_of(query) == words


def test_a_word_is_emphasised_in_its_forms() -> None:
    text = emphasised("Ordering an order, orders; reorder", words_of("SEARCH ordered"), style="bold")
    assert [text.plain[span.start : span.end] for span in text.spans] == ["Ordering", "order", "orders"]


def test_lines_break_at_blanks_but_not_in_names() -> None:
    text = Text("Ask Sarah Chen, or Tom O'Brien of Northwind Logistics Limited.")
    lines = wrapped(text, width=16, keep={"Sarah Chen", "Tom O'Brien", "Northwind Logistics Limited"})
    assert [line.plain for line in lines] == [
        "Ask Sarah Chen,",
        "or Tom O'Brien",
        "of",
        "Northwind Logistics Limited.",
    ]


@pytest.mark.parametrize("said", ["x" * 50, "東京都の渋谷区" * 5, "short " + "y" * 31 + " end", "é 👩‍👩‍👧 " * 9])
def test_no_line_is_wider_than_asked_and_nothing_is_lost(said: str) -> None:
    lines = wrapped(Text(said), width=10)
    assert max(cell_len(line.plain) for line in lines) <= 10
    assert "".join(line.plain for line in lines).replace(" ", "") == said.replace(" ", "")


def test_a_cut_is_marked_within_the_width() -> None:
    lines = [line.plain for line in beside(Text("lead → "), Text("word " * 20), width=30, most_lines=2)]
    assert lines == ["lead → word word word word", "       word word word word …"]
    one = [line.plain for line in beside(Text("> "), Text("all of it"), width=30, most_lines=1)]
    assert one == ["> all of it"]


@pytest.mark.parametrize(
    ("verb", "query", "said"),
    [
        ("LOOKUP", "LOOKUP person/O'Brien", ['"FUZZY O\'Brien"', '"SEARCH O\'Brien"']),
        ("LOOKUP", 'LOOKUP "a, b", c', ["try rem ask 'a, b, c'"]),
        (
            "LOOKUP",
            'LOOKUP "Tom ""Tiny"" O\'Brien"',
            ["""'FUZZY "Tom ""Tiny"" O'"'"'Brien"'""", """try rem ask 'Tom "Tiny" O'"'"'Brien' for"""],
        ),
        ("SEARCH", "SEARCH x", ["rem ingest DIR"]),
        ("SEARCH", "SEARCH x WHERE a IN (b) AND c IN (d)", ["without WHERE and IN,"]),
        ("SEARCH", 'SEARCH "the IN clause"', ["rem ingest DIR"]),
        ("FUZZY", "FUZZY sara chan THRESHOLD 0.9", ["without THRESHOLD,", "'SEARCH sara chan'"]),
        ("TRAVERSE", "TRAVERSE Ann DEPTH 2 REL knows", ["without REL,", "'FUZZY Ann'", "'SEARCH Ann'"]),
        ("SQL", "SQL SELECT 1", []),
    ],
)
def test_nothing_found_comes_with_what_to_try(verb: str, query: str, said: list[str]) -> None:
    found = hints(verb, query)
    assert len(found) == len(said)
    for line, part in zip(found, said, strict=True):
        assert part in line
