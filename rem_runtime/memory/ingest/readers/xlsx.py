"""Excel: a section for each sheet, its rows as a table; values as last computed. python-calamine parses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from io import BytesIO
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.readers.archive import open_archive
from rem_runtime.memory.ingest.readers.draft import Draft
from rem_runtime.memory.ingest.readers.formats import Origin
from rem_runtime.memory.ingest.readers.office import say_properties
from rem_runtime.memory.ingest.readers.tables import write_table
from rem_runtime.memory.ingest.structure import Reading

_EXACT = 1e15  # beyond, a float has no units


def read_bytes(data: bytes, origin: Origin) -> Reading:
    """Every sheet, in the workbook's order."""
    draft = Draft()
    with open_archive(data, origin.format) as archive:
        say_properties(archive, draft)
    try:
        workbook = CalamineWorkbook.from_filelike(BytesIO(data))
        for name in workbook.sheet_names:
            draft.heading(2, name)
            write_table(draft, _rows(workbook, name))
    except PasswordError as error:
        raise InvalidInput("it is encrypted; remove its password first") from error
    except CalamineError as error:
        raise InvalidInput(f"it is broken as an Excel file: {error}") from error
    return draft.reading(origin.format.media_type)


def _rows(workbook: CalamineWorkbook, name: str) -> Iterator[list[str]]:
    for row in workbook.get_sheet_by_name(name).iter_rows():
        yield [_shown(cell) for cell in row]


def _shown(value: Any) -> str:
    """A cell as people read it: whole numbers without a point, days without midnight."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else f"{value:.15g}"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time.min else value.isoformat(sep=" ", timespec="seconds")
    return value.isoformat() if isinstance(value, date | time) else str(value)
