"""Tables, wherever they come from: each row says what its columns are called, so that it makes sense alone. Pure.

A small table stays a Markdown table, since all of it comes into one chunk. The rows of a large one are written as
`- Column: value; Column: value`: a row in the middle of a sheet is found by the name of its column and read without the
top of the sheet (measured against a header above each chunk: docs/adr/0008).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from rem_runtime.memory.ingest.readers.draft import Draft

# A table of this many characters fits into a chunk of any embedder's window that is used here (256 tokens).
_SMALL_CHARACTERS = 500
_SMALL_ROWS = 30
# How far down the names of the columns are looked for: above them stand a title and remarks.
_MOST_ABOVE = 10
_NUMBER = re.compile(r"[\s$€£¥]*[-+(]?[\d.,'  ]*\d[\d.,'  ]*(?:[eE][-+]?\d+)?\s*[%$€£¥)]*")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ][\d:.]+Z?)?")
_LINE_END = re.compile(r"\s*[\r\n]+\s*")


def write_table(draft: Draft, rows: Iterable[Sequence[str]]) -> None:
    """Every row; read once and in order, so that a large sheet is never held whole."""
    found = _told(rows)
    first = list(islice(found, _SMALL_ROWS + 1))
    if not first:
        return
    if len(first) <= _SMALL_ROWS and sum(map(len, chain.from_iterable(first))) <= _SMALL_CHARACTERS:
        _write_small(draft, first)
    else:
        _write_large(draft, chain(first, found))


def _told(rows: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    """Rows that say something, each cell on one line."""
    for row in rows:
        cells = [_LINE_END.sub(" / ", cell.strip()) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield cells


def _write_small(draft: Draft, rows: Sequence[Sequence[str]]) -> None:
    width = max(map(len, rows))
    if width == 1:
        draft.list_items(row[0] for row in rows)
        return
    lines = ["| " + " | ".join([*row, *[""] * (width - len(row))]) + " |" for row in rows]
    draft.paragraph("\n".join([lines[0], "|" + " --- |" * width, *lines[1:]]))


def _write_large(draft: Draft, rows: Iterator[Sequence[str]]) -> None:
    above = list(islice(rows, _MOST_ABOVE))
    at = _place_of_header(above)
    if at is None:
        for row in chain(above, rows):
            draft.line("- " + "; ".join(cell for cell in row if cell))
        return
    for row in above[:at]:
        draft.paragraph(" ".join(cell for cell in row if cell))
    header = above[at]
    draft.paragraph("Columns: " + ", ".join(name for name in header if name))
    for row in chain(above[at + 1 :], rows):
        draft.line("- " + "; ".join(_named(header, row)))


def _named(header: Sequence[str], row: Sequence[str]) -> Iterator[str]:
    for number, cell in enumerate(row):
        if cell:
            name = header[number] if number < len(header) else ""
            yield f"{name}: {cell}" if name else cell


def _place_of_header(rows: Sequence[Sequence[str]]) -> int | None:
    """Which row names the columns: the first as wide as the table's, all of it words, no name twice."""
    width = max(len([cell for cell in row if cell]) for row in rows)
    for number, row in enumerate(rows):
        names = [cell for cell in row if cell]
        if len(names) < max(2, 0.6 * width):
            continue
        is_header = len(set(names)) == len(names) and not any(is_value(name) for name in names)
        return number if is_header and len(rows) > number + 1 else None
    return None


def is_value(cell: str) -> bool:
    """Whether a cell is a number or a date, which no column is called."""
    return bool(_NUMBER.fullmatch(cell) or _DATE.fullmatch(cell))
