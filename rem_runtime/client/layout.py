"""Lines for a terminal or a pipe: where they are broken, and printing them without blanks at their ends.

A name is never broken over two lines, so that what reads the output finds it. Knows nothing of answers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

_CUT = " …"
_LEAST_CELLS = 24
# Longer lines are hard to read, however wide the window is.
_MOST_CELLS = 120


def width_of(console: Console) -> int:
    """How many cells a line may have."""
    return max(_LEAST_CELLS, min(console.width, _MOST_CELLS))


def show_lines(console: Console, lines: Iterable[Text]) -> None:
    """Prints them as they are: rich neither wraps nor pads."""
    for line in lines:
        line.rstrip()
        console.print(line, soft_wrap=True)


def beside(
    lead: Text, body: Text, *, width: int, keep: Collection[str] = (), most_lines: int | None = None
) -> Iterator[Text]:
    """The body beside its lead, its further lines indented to the same place; a cut is marked with an ellipsis."""
    indent = min(lead.cell_len, width // 3)
    # Only the first line is shorter when the lead is longer than the indent.
    lines = wrapped(body, width=width - indent, first_width=width - lead.cell_len, keep=keep)
    if most_lines is not None and len(lines) > most_lines:
        lines = [*lines[: most_lines - 1], _cut(lines[most_lines - 1], width - indent)]
    for number, line in enumerate(lines):
        yield Text.assemble(lead if number == 0 else " " * indent, line)


def wrapped(text: Text, *, width: int, first_width: int | None = None, keep: Collection[str] = ()) -> list[Text]:
    """The text in lines of at most `width` cells, broken at blanks outside the names to `keep`.

    A name that is wider than a line stays whole; any other long word is broken.
    """
    plain = text.plain
    kept = _spans(plain, keep)
    breaks: list[int] = []
    start, room = 0, width if first_width is None else first_width
    for begin, end in _words(plain, kept):
        if cell_len(plain[start:end]) <= room:
            continue
        if begin > start:
            breaks.append(begin)
            start, room = begin, width
        if cell_len(plain[begin:end]) > room and not any(begin <= a < end for a, _ in kept):
            for piece in chop_cells(plain[begin:end], room)[:-1]:
                start += len(piece)
                breaks.append(start)
    lines = list(text.divide(breaks)) if breaks else [text.copy()]
    for line in lines:
        line.rstrip()
    return lines


def _words(plain: str, kept: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Where each word begins and ends; a name to keep is one word with what touches it."""
    inside = {place for begin, end in kept for place in range(begin, end)}
    begin: int | None = None
    for place, character in enumerate(plain):
        if character == " " and place not in inside:
            if begin is not None:
                yield begin, place
            begin = None
        elif begin is None:
            begin = place
    if begin is not None:
        yield begin, len(plain)


def _spans(plain: str, keep: Collection[str]) -> list[tuple[int, int]]:
    names = sorted((re.escape(name) for name in keep if name), key=len, reverse=True)
    return [match.span() for match in re.finditer("|".join(names), plain)] if names else []


def _cut(line: Text, width: int) -> Text:
    """The line without the words that leave no room for the mark."""
    short = line.copy()
    while short.cell_len + len(_CUT) > width and " " in short.plain:
        short = short[: short.plain.rindex(" ")]
        short.rstrip()
    return Text.assemble(short, (_CUT, "dim"))
