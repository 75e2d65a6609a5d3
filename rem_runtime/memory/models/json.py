"""JSON of anybody's making: as deep as it can be stored, read and written again."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import from_json

# pydantic writes 255 levels at most, and an answer wraps what it shows in a few of its own.
MAX_DEPTH = 100
TOO_DEEP = f"is nested more than {MAX_DEPTH} levels deep"


def is_shallow(value: Any) -> bool:
    """Whether it is at most `MAX_DEPTH` levels deep."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [below for one in level for below in _inside(one)]
        if not level:
            return True
    return False


def read_json(text: str | bytes) -> Any:
    """Stored JSON as objects; of what is deeper than can be shown, the part below `MAX_DEPTH` levels as its text."""
    try:
        return from_json(text)
    except ValueError:  # its reader goes 200 levels deep, Python's to where the database goes
        return _cut(json.loads(text), MAX_DEPTH)


def _cut(value: Any, levels: int) -> Any:
    if not isinstance(value, dict | list):
        return value
    if not levels:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, dict):
        return {name: _cut(below, levels - 1) for name, below in value.items()}
    return [_cut(below, levels - 1) for below in value]


def _shallow(value: Any) -> Any:
    if not is_shallow(value):
        raise ValueError(TOO_DEEP)
    return value


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [below for below in value.values() if isinstance(below, dict | list)]
    return [below for below in value if isinstance(below, dict | list)] if isinstance(value, list) else []


JsonObject = Annotated[dict[str, Any], AfterValidator(_shallow)]
"""An object of at most `MAX_DEPTH` levels."""
JsonValue = Annotated[Any, AfterValidator(_shallow)]
"""Anything of at most `MAX_DEPTH` levels."""
