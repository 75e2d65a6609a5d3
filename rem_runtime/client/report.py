"""What `rem` says beside an answer: how an ingest went, and what went wrong. Makes text, sends nothing."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from rem_runtime.client.errors import ClientError, InvalidQueryError
from rem_runtime.client.excerpt import printable
from rem_runtime.client.ingest import Summary
from rem_runtime.client.layout import beside, show_lines, width_of
from rem_runtime.client.render import count

_MOST_KINDS = 6
_MOST_NOTES = 20


def show_summary(console: Console, summary: Summary, *, seconds: float) -> None:
    """One line: what became of the documents."""
    written = [f"{summary.stored:,} stored"] if summary.stored else []
    written += [f"{summary.replaced:,} replaced"] if summary.replaced else []
    parts = []
    if written:
        parts.append(f"{', '.join(written)} ({count(summary.chunks, 'chunk')}, {count(summary.edges, 'edge')})")
    if summary.unchanged:
        parts.append(f"{summary.unchanged:,} unchanged")
    if summary.failed:
        parts.append(f"{len(summary.failed):,} not stored")
    total = summary.kept + len(summary.failed)
    show_lines(console, [Text(f"{count(total, 'document')} in {seconds:.1f} s: {', '.join(parts) or 'nothing done'}")])


def show_notes(console: Console, summary: Summary) -> None:
    """What was left out before it was sent, and what the server could not read of a document that it stored."""
    if summary.left_out:
        kinds = ", ".join(f"{extension} {number:,}" for extension, number in summary.left_out.most_common(_MOST_KINDS))
        more = ", …" if len(summary.left_out) > _MOST_KINDS else ""
        said = f"left out {count(summary.left_out.total(), 'file')} of formats that are not read: {kinds}{more}"
        show_lines(console, beside(Text(), Text(said, style="dim"), width=width_of(console)))
    for uri, note in summary.notes[:_MOST_NOTES]:
        said_of = Text.assemble((printable(uri), "bold"), f": {printable(note)}")
        show_lines(console, beside(Text("note "), said_of, width=width_of(console), keep=[printable(uri)]))
    if len(summary.notes) > _MOST_NOTES:
        show_lines(console, [Text(f"… and {len(summary.notes) - _MOST_NOTES:,} notes more", style="dim")])


def show_failures(console: Console, summary: Summary) -> None:
    """Each document that was not stored, and why."""
    for uri, reason in summary.failed:
        said = Text.assemble(("not stored ", "red"), (printable(uri), "bold"), f": {printable(reason)}")
        show_lines(console, [said])


def show_error(console: Console, error: ClientError) -> None:
    """One message; a query's with a caret under the place."""
    for line in str(error).split("\n"):
        show_lines(console, beside(Text("rem: ", style="bold red"), Text(printable(line)), width=width_of(console)))
    if not isinstance(error, InvalidQueryError):
        return
    if error.position is not None:
        line, caret = _line_and_caret(error.query, error.position)
        console.print(Text(f"  {line}"), soft_wrap=True)
        console.print(Text(f"  {caret}", style="bold red"), soft_wrap=True)
    if error.hint:
        show_lines(console, beside(Text("  "), Text(printable(error.hint), style="dim"), width=width_of(console)))


def _line_and_caret(query: str, position: int) -> tuple[str, str]:
    """The line of a query that holds a position, and a caret below it; tabs stay tabs, so that both line up."""
    start = query.rfind("\n", 0, position) + 1
    line = query[start:].split("\n", 1)[0]
    before = line[: position - start]
    return line, "".join("\t" if character == "\t" else " " for character in before) + "^"
