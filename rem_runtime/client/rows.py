"""The rows of a SQL answer as columns of text: numbers to the right, long values cut unless all is wanted. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from rem_runtime.client.excerpt import printable

_GAP = "  "
_LEAST_CELLS = 8


def row_lines(rows: Sequence[dict[str, Any]], *, width: int, full: bool = False) -> Iterator[Text]:
    """A line of names, then one for each row; `full`: nothing is cut, and lines are as long as they are."""
    names = list(rows[0]) if rows else []
    table = [[_shown(row.get(name)) for name in names] for row in rows]
    heads = [printable(name) for name in names]
    cells = [max(map(cell_len, column)) for column in zip(heads, *table, strict=True)]
    if not full:
        cells = _fitted(cells, width)
    right = [all(_is_number(row.get(name)) for row in rows) for name in names]
    yield Text(_line(heads, cells, right), style="bold")
    for line in table:
        yield Text(_line(line, cells, right))


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(printable(text).split())


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _fitted(cells: list[int], width: int) -> list[int]:
    """The widest columns give way first."""
    cells = list(cells)
    while sum(cells) + len(_GAP) * (len(cells) - 1) > width and max(cells, default=0) > _LEAST_CELLS:
        cells[cells.index(max(cells))] -= 1
    return cells


def _line(values: Sequence[str], cells: Sequence[int], right: Sequence[bool]) -> str:
    return _GAP.join(
        " " * (size - cell_len(value)) + value if to_right and cell_len(value) <= size else _cut(value, size)
        for value, size, to_right in zip(values, cells, right, strict=True)
    )


def _cut(value: str, size: int) -> str:
    return set_cell_size(value, size) if cell_len(value) <= size else set_cell_size(value, size - 1) + "…"
