"""JSON and JSON lines as text: each object a line or a section, under the names that lead to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.readers.draft import Draft
from rem_runtime.memory.ingest.readers.formats import JSONL, Origin
from rem_runtime.memory.ingest.readers.limits import MAX_NESTING
from rem_runtime.memory.ingest.readers.times import read_time
from rem_runtime.memory.ingest.structure import Reading

_TITLES = ("title", "name", "label", "subject")
_NAMES = (*_TITLES, "id", "key")
_TIMES = ("timestamp", "date", "created_at", "created", "time", "updated_at")
_WORDS = {True: "true", False: "false", None: "null"}
_LONG = 200  # characters: a longer value gets a paragraph of its own


class Fields(list[tuple[str, Any]]):
    """An object's fields as they were written: in their order, a name that stands twice twice."""


def read_text(text: str, origin: Origin) -> Reading:
    """Every name and value, as it was written (numbers keep their digits)."""
    draft = Draft()
    if origin.format is JSONL:
        values: list[Any] = [
            _parse(line, f"line {number}: ") for number, line in enumerate(text.split("\n"), 1) if line.strip()
        ]
        _write_items(draft, values, 1)
    else:
        value = _parse(text, "")
        if isinstance(value, Fields):
            _describe(value, draft)
        _write(draft, value, 1)
    return draft.reading(origin.format.media_type)


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=Fields, parse_int=str, parse_float=str, parse_constant=str)
    except ValueError as error:
        raise InvalidInput(f"it is broken as JSON: {where}{error}") from error


def _describe(fields: Fields, draft: Draft) -> None:
    first = {name.lower(): value for name, value in reversed(fields) if isinstance(value, str)}
    draft.title = next((first[name] for name in _TITLES if first.get(name, "").strip()), None)
    draft.timestamp = next((moment for name in _TIMES if (moment := read_time(first.get(name)))), None)


def _write(draft: Draft, value: Any, level: int) -> None:
    if level > MAX_NESTING:
        raise InvalidInput(f"it is nested more than {MAX_NESTING} deep")
    if isinstance(value, Fields):
        _write_fields(draft, value, level)
    elif isinstance(value, list):
        _write_items(draft, value, level)
    else:
        draft.paragraph(_word(value))


def _write_fields(draft: Draft, fields: Fields, level: int) -> None:
    """Plain values first, then what is inside, each under its name."""
    inner = []
    for name, value in fields:
        if _is_plain(value):
            said = f"{name}: {_flat(value)}"
            if len(said) > _LONG:
                draft.paragraph(said)
            else:
                draft.line(said)
        else:
            inner.append((name, value))
    draft.end()
    for name, value in inner:
        draft.heading(level, name)
        _write(draft, value, level + 1)
    draft.heading(level, "")


def _write_items(draft: Draft, items: Sequence[Any], level: int) -> None:
    """An object without anything inside is one line that says all of it."""
    for number, item in enumerate(items, 1):
        if isinstance(item, Fields) and all(_is_plain(value) for _, value in item):
            draft.line("- " + "; ".join(f"{name}: {_flat(value)}" for name, value in item))
        elif _is_plain(item):
            draft.line("- " + _flat(item))
        else:
            draft.heading(level, _name_of(item) or f"{number}")
            _write(draft, item, level + 1)
            draft.heading(level, "")
    draft.end()


def _is_plain(value: Any) -> bool:
    """Whether it is said in one go: a value, a list of values, or nothing."""
    if isinstance(value, Fields):
        return not value
    return not isinstance(value, list) or all(not isinstance(item, list) for item in value)


def _flat(value: Any) -> str:
    if isinstance(value, Fields):
        return "{}"
    if isinstance(value, list):
        return ", ".join(_word(item) for item in value) or "[]"
    return _word(value)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else _WORDS[value]


def _name_of(item: Any) -> str | None:
    if not isinstance(item, Fields):
        return None
    named = {name.lower(): value for name, value in reversed(item) if isinstance(value, str) and value.strip()}
    return next((named[name][:100] for name in _NAMES if name in named), None)
