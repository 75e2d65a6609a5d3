"""What `rem ask` shows: the answer for a person at a terminal, or the same words in a pipe. Makes text, sends nothing.

Everything that comes from the server is printed as plain text: labels and passages may hold what rich takes for markup,
or what a terminal obeys. Labels stand whole, on one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from rem_runtime.client.emphasis import emphasised, words_of
from rem_runtime.client.excerpt import flow, paragraphs, printable
from rem_runtime.client.hints import hints
from rem_runtime.client.layout import beside, show_lines, width_of
from rem_runtime.client.rows import row_lines

# The first results have room, the others a line or two: ten fit on a screen.
_RESULTS_WITH_ROOM = 3
_PASSAGES = 2
_LINES_PER_PASSAGE = 3
_LINES_OF_THE_OTHERS = 2
_NAMES_PER_RELATION = 10
_INDENT = " " * 4

# Front matter that says nothing new beside a label and its edges.
_SAID_ELSEWHERE = frozenset({"title", "aliases", "kind", "type", "uri", "label"})
_TEXT_FIELDS = ("description", "summary", "content", "text")

_ITEM = re.compile(r"• |\d+[.)] ")

_RELATION = "green"
_MATCH = "bold yellow"
_WHAT = "cyan"


@dataclass(frozen=True, slots=True)
class _Page:
    """What all results of one answer have in common."""

    verb: str
    words: frozenset[str]
    width: int
    full: bool


def show_answer(console: Console, answer: dict[str, Any], *, full: bool = False) -> None:
    """The results in order, then what the server noted about them; `full`: nothing is shortened."""
    query = printable(answer.get("query", ""))
    page = _Page(str(answer.get("verb", "")), words_of(query), width_of(console), full)
    results = answer.get("results") or []
    rows = answer.get("rows")
    if rows:
        show_lines(console, row_lines(rows, width=console.width, full=full))
    depth = None
    for number, hit in enumerate(results, start=1):
        if hit.get("path") and hit.get("depth") != depth:
            depth = hit.get("depth")
            show_lines(console, [Text(f"Depth {depth}", style="bold")])
        show_lines(console, _hit(number, hit, page))
    if not results and not rows:
        show_lines(console, [Text("Nothing found.", style="bold")])
    for note in answer.get("notes") or []:
        show_lines(console, beside(Text("note: "), Text(printable(note)), width=page.width))
    if not results and rows is None:
        show_lines(console, (Text(hint) for hint in hints(page.verb, query)))
    found = count(len(results), "result") if rows is None else count(len(rows), "row")
    took = (answer.get("took_ms") or {}).get("total")
    timing = f" · {took:.1f} ms" if isinstance(took, int | float) else ""
    show_lines(console, [Text(f"{query} · {found}{timing}", style="dim")])


def count(number: int, noun: str) -> str:
    """`1 result`, `2 results`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _hit(number: int, hit: dict[str, Any], page: _Page) -> Iterator[Text]:
    label = _label_of(hit)
    title, keep = _way(hit, label) if hit.get("path") else (Text(label, style="bold"), {label})
    score = hit.get("score")
    if isinstance(score, int | float):
        title.append(f"  {score:.2f}", style="magenta")
    yield from _head(number, title, _what_it_is(hit), keep=keep, width=page.width)
    yield from _told(hit, label, page, best=number <= _RESULTS_WITH_ROOM)
    if hit.get("edges"):
        yield from _plan(hit["edges"], page)
    elif page.full or page.verb == "LOOKUP" or (page.verb == "FUZZY" and number <= _RESULTS_WITH_ROOM):
        node = hit.get("node") or {}
        yield from _facts_of(node, page)
        yield from _edges_of(node, page)


def _head(number: int, title: Text, what: str, *, keep: set[str], width: int) -> Iterator[Text]:
    """The number, the name or the way to it, and what it is: on the same line if that has room for it."""
    lines = list(beside(Text(f"{number:>2}. ", style="dim"), title, width=width, keep=keep))
    if lines[-1].cell_len + 2 + len(what) <= width:
        lines[-1].append(f"  {what}", style=_WHAT)
        yield from lines
    else:
        yield from lines
        yield from beside(Text(_INDENT), Text(what, style=_WHAT), width=width, keep={what})


def _label_of(hit: dict[str, Any]) -> str:
    return printable(hit.get("label") or hit.get("key") or "?")


def _what_it_is(hit: dict[str, Any]) -> str:
    node = hit.get("node") or {}
    if hit.get("kind") is None:
        return "named, nothing stored"
    words = [hit["kind"], node.get("type"), node.get("uri")]
    if hit["kind"] != "resource":
        words.append(_day(node.get("starts_at")))
    return " · ".join(printable(word) for word in words if word)


def _day(time: Any) -> str:
    return str(time)[:10] if time else ""


def _way(hit: dict[str, Any], label: str) -> tuple[Text, set[str]]:
    """`a ─works_on→ b`, or `a ←works_on─ b` for an edge followed backwards; and what must stay in one piece."""
    hops = hit["path"]
    start = printable(hops[0].get("dst" if hops[0].get("reverse") else "src"))
    way, keep = Text(start), {start, label}
    for number, hop in enumerate(hops, start=1):
        relation = printable(hop.get("rel"))
        arrow = f"←{relation}─" if hop.get("reverse") else f"─{relation}→"
        last = number == len(hops)
        end = label if last else printable(hop.get("src" if hop.get("reverse") else "dst"))
        way.append(" ").append(arrow, style=_RELATION).append(" ").append(end, style="bold" if last else "")
        keep |= {f"{arrow} {end}", end}
    return way, keep


def _told(hit: dict[str, Any], label: str, page: _Page, *, best: bool) -> Iterator[Text]:
    """What the thing says: the passages of the answer, else what its node tells of it."""
    node = hit.get("node") or {}
    passages = hit.get("passages") or []
    shown = passages if page.full else passages[: _PASSAGES if best else 1]
    keep = {label, *(printable(edge.get("dst")) for edge in node.get("graph_edges") or [])}
    markdown = node.get("media_type") != "text/plain"
    for passage in shown:
        headings = _headings_of(passage, label)
        parts = paragraphs(str(passage.get("text", "")), markdown=markdown, skip={label, *headings})
        lead = Text(_INDENT + ("· " if len(shown) > 1 else ""))
        yield from _text(lead, headings, parts, page=page, keep=keep, best=best)
    told = next((str(node[field]) for field in _TEXT_FIELDS if node.get(field)), "")
    if told and not passages:
        yield from _text(Text(_INDENT), [], paragraphs(told, skip={label}), page=page, keep=keep, best=best)


def _headings_of(passage: dict[str, Any], label: str) -> list[str]:
    """What the passage stands under; the document's own title is not said again."""
    headings = [printable(part).strip() for part in str(passage.get("heading") or "").split(" > ")]
    return [heading for heading in headings if heading and heading != label]


def _text(
    lead: Text, headings: list[str], parts: list[str], *, page: _Page, keep: set[str], best: bool
) -> Iterator[Text]:
    above = Text(" > ".join(headings) + ": " if headings else "", style="italic dim")
    most_lines = None if page.full else _LINES_PER_PASSAGE if best else _LINES_OF_THE_OTHERS
    pieces = [line for part in parts for line in part.split("\n")] if page.full else [flow(parts)]
    for number, piece in enumerate(pieces):
        # Further lines of a list item stand under its words, not under its bullet.
        item = _ITEM.match(piece) if page.full and not above.plain else None
        marker = item[0] if item else ""
        start = Text.assemble(lead if number == 0 else " " * lead.cell_len, marker)
        words = emphasised(piece.removeprefix(marker), page.words, style=_MATCH)
        body = Text.assemble(above, words)
        yield from beside(start, body, width=page.width, keep=keep, most_lines=most_lines)
        above = Text()


def _facts_of(node: dict[str, Any], page: _Page) -> Iterator[Text]:
    """What its front matter or properties say that no edge says."""
    edges = {str(edge.get("dst")) for edge in node.get("graph_edges") or []}
    facts = {**(node.get("metadata") or {}), **(node.get("properties") or {})}
    for field in ("tags", "topic_tags", "email", "interests", "state", "reason"):
        if node.get(field):
            facts[field] = node[field]
    said = []
    for name, value in facts.items():
        values = [item for item in (value if isinstance(value, list) else [value]) if item not in (None, "")]
        plain = [printable(item) for item in values if not isinstance(item, dict | list) and str(item) not in edges]
        if plain and name not in _SAID_ELSEWHERE:
            said.append(f"{printable(name)}: {', '.join(plain)}")
    if said:
        yield from beside(Text(_INDENT), Text(" · ".join(said)), width=page.width, keep=said)


def _edges_of(node: dict[str, Any], page: _Page) -> Iterator[Text]:
    """The strongest edges, those of one relation beside its name."""
    by_relation: dict[str, list[str]] = {}
    for edge in node.get("graph_edges") or []:
        by_relation.setdefault(printable(edge.get("rel_type")), []).append(printable(edge.get("dst")))
    for relation, labels in by_relation.items():
        shown = labels if page.full else labels[:_NAMES_PER_RELATION]
        names = ", ".join(shown) + (f", … {len(labels) - len(shown)} more" if len(shown) < len(labels) else "")
        lead = Text.assemble(_INDENT, (f"{relation} → ", _RELATION))
        yield from beside(lead, Text(names), width=page.width, keep=shown)


def _plan(edges: list[dict[str, Any]], page: _Page) -> Iterator[Text]:
    """How many edges of each relation there are to follow, outwards and inwards."""
    for direction, arrow in (("out", "→"), ("in", "←")):
        counts = [
            f"{printable(edge.get('rel'))} × {edge.get('count')}"
            for edge in edges
            if edge.get("direction") == direction
        ]
        if counts:
            lead = Text(f"{_INDENT}{arrow} ", style=_RELATION)
            yield from beside(lead, Text(", ".join(counts)), width=page.width, keep=counts)
