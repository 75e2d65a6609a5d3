"""What `rem` shows: answers, summaries and errors for a person at a terminal. Makes text, sends nothing.

Everything that comes from the server is printed as plain text: labels and passages may hold what rich takes for markup.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from rem_runtime.client.errors import ClientError, InvalidQueryError
from rem_runtime.client.excerpt import excerpt
from rem_runtime.client.ingest import Summary

# The first results have room, the others a line or two: ten fit on a screen.
_RESULTS_IN_FULL = 3
_EDGES_PER_RESULT = 12


def show_answer(console: Console, answer: dict[str, Any]) -> None:
    """The results in order, then what the server noted about them."""
    results = answer.get("results", [])
    for number, hit in enumerate(results, start=1):
        console.print(_hit(number, hit))
    if not results:
        console.print(Text("Nothing found.", style="bold"))
    for note in answer.get("notes", []):
        console.print(Text(f"note: {note}", style="yellow"))
    took = answer.get("took_ms", {}).get("total")
    timing = f" · {took:.1f} ms" if isinstance(took, int | float) else ""
    console.print(Text(f"{answer.get('query', '')} · {_count(len(results), 'result')}{timing}", style="dim"))


def show_summary(console: Console, summary: Summary, *, seconds: float) -> None:
    """What became of the documents, and each that was refused."""
    for uri, reason in summary.failed:
        console.print(Text.assemble(("not stored ", "red"), (uri, "bold"), f": {reason}"))
    total = summary.stored + summary.unchanged
    parts = [f"{summary.stored} stored", f"{summary.unchanged} unchanged"]
    if summary.failed:
        parts.append(f"{len(summary.failed)} failed")
    console.print(
        Text(
            f"{_count(total, 'document')} in {seconds:.1f} s: {', '.join(parts)}; "
            f"{_count(summary.chunks, 'chunk')}, {_count(summary.edges, 'edge')} written"
        )
    )


def show_error(console: Console, error: ClientError) -> None:
    """One message; a query's with a caret under the place."""
    console.print(Text.assemble(("rem: ", "bold red"), str(error)))
    if not isinstance(error, InvalidQueryError):
        return
    if error.position is not None:
        line, caret = _line_and_caret(error.query, error.position)
        console.print(Text(f"  {line}"), soft_wrap=True)
        console.print(Text(f"  {caret}", style="bold red"), soft_wrap=True)
    if error.hint:
        console.print(Text(f"  {error.hint}", style="dim"))


def _hit(number: int, hit: dict[str, Any]) -> RenderableType:
    head = Text.assemble(
        (f"{number:>2}. ", "dim"),
        (_name_of(hit), "bold"),
        (_score(hit), "magenta"),
        (f"  {_what_it_is(hit)}", "cyan"),
        no_wrap=True,
        overflow="ellipsis",
    )
    parts = _parts(hit, best=number <= _RESULTS_IN_FULL)
    return Group(head, *(Padding(part, (0, 0, 0, 4), expand=False) for part in parts))


def _name_of(hit: dict[str, Any]) -> str:
    return str(hit.get("label") or hit.get("key") or "?")


def _what_it_is(hit: dict[str, Any]) -> str:
    node = hit.get("node") or {}
    if hit.get("kind") is None:
        return "named, nothing stored"
    words = [str(hit["kind"])]
    if node.get("type"):
        words.append(str(node["type"]))
    if node.get("uri"):
        words.append(str(node["uri"]))
    return " · ".join(words)


def _score(hit: dict[str, Any]) -> str:
    score = hit.get("score")
    return f"  {score:.2f}" if isinstance(score, int | float) else ""


def _parts(hit: dict[str, Any], *, best: bool) -> Iterator[Text]:
    node = hit.get("node") or {}
    if hit.get("path"):
        yield _path(hit["path"])
    passages = (hit.get("passages") or [])[: 2 if best else 1]
    for passage in passages:
        yield _passage(passage, label=_name_of(hit), characters=320 if best else 160)
    told = node.get("description") or node.get("summary")
    if told and not passages:
        yield Text(excerpt(str(told), characters=320))
    for edge in hit.get("edges") or []:
        arrow = "→" if edge.get("direction") == "out" else "←"
        yield Text(f"{arrow} {edge.get('rel')} × {edge.get('count')}", style="green")
    if hit.get("depth") is None and not passages:
        yield from _edges_of(node)


def _passage(passage: dict[str, Any], *, label: str, characters: int) -> Text:
    """The text, after the headings that it stands under; the document's own title is not said again."""
    headings = [part for part in str(passage.get("heading") or "").split(" > ") if part and part != label]
    text = excerpt(str(passage.get("text", "")), characters=characters)
    return Text.assemble((" > ".join(headings) + ": " if headings else "", "italic dim"), text)


def _edges_of(node: dict[str, Any]) -> Iterator[Text]:
    """The strongest edges, those of one type on one line."""
    by_type: dict[str, list[str]] = {}
    for edge in (node.get("graph_edges") or [])[:_EDGES_PER_RESULT]:
        by_type.setdefault(str(edge.get("rel_type")), []).append(str(edge.get("dst")))
    for rel_type, labels in by_type.items():
        yield Text(f"→ {rel_type} {', '.join(labels)}", style="green")


def _path(hops: list[dict[str, Any]]) -> Text:
    """`a -works_on→ b`, or `a ←works_on- b` for an edge that was followed backwards."""
    text = Text(str(_start_of(hops[0])), style="green")
    for hop in hops:
        arrow, end = ("←{}- ", hop.get("src")) if hop.get("reverse") else ("-{}→ ", hop.get("dst"))
        text.append(" " + arrow.format(hop.get("rel")) + str(end))
    return text


def _start_of(hop: dict[str, Any]) -> Any:
    return hop.get("dst") if hop.get("reverse") else hop.get("src")


def _line_and_caret(query: str, position: int) -> tuple[str, str]:
    """The line of a query that holds a position, and a caret below it; tabs stay tabs, so that both line up."""
    start = query.rfind("\n", 0, position) + 1
    line = query[start:].split("\n", 1)[0]
    before = line[: position - start]
    return line, "".join("\t" if character == "\t" else " " for character in before) + "^"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
