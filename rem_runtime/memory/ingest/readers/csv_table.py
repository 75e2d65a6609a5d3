"""CSV and TSV: one table, read row by row."""

from __future__ import annotations

import csv
import io

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.readers.draft import Draft
from rem_runtime.memory.ingest.readers.formats import TSV, Origin
from rem_runtime.memory.ingest.readers.tables import write_table
from rem_runtime.memory.ingest.structure import Reading

_SAMPLE = 16 * 1024
_DELIMITERS = ",;\t|"
_MAX_CELL = 1_000_000


def read_text(text: str, origin: Origin) -> Reading:
    """The rows; quotes as in RFC 4180, the delimiter as it is used."""
    delimiter = "\t" if origin.format is TSV else _delimiter_of(text)
    draft = Draft()
    csv.field_size_limit(_MAX_CELL)
    try:
        write_table(draft, csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise InvalidInput(f"it is no {origin.format.name}: {error}") from error
    return draft.reading(origin.format.media_type)


def _delimiter_of(text: str) -> str:
    """The one that cuts the first lines into the most parts of equal number."""
    lines = [line for line in text[:_SAMPLE].split("\n")[:20] if line.strip()]
    return max(_DELIMITERS, key=lambda delimiter: _evenness(lines, delimiter))


def _evenness(lines: list[str], delimiter: str) -> tuple[int, int]:
    widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
    if not widths or widths[0] < 2:
        return 0, 0
    return sum(width == widths[0] for width in widths), widths[0]
