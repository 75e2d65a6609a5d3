"""JSON of anybody's making: as deep as it can be stored, read and written again."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

# pydantic writes 255 levels at most, and an answer wraps what it shows in a few of its own.
MAX_DEPTH = 100


def _shallow(value: Any) -> Any:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [below for one in level for below in _inside(one)]
        if not level:
            return value
    raise ValueError(f"is nested more than {MAX_DEPTH} levels deep")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [below for below in value.values() if isinstance(below, dict | list)]
    return [below for below in value if isinstance(below, dict | list)] if isinstance(value, list) else []


JsonObject = Annotated[dict[str, Any], AfterValidator(_shallow)]
"""An object of at most `MAX_DEPTH` levels."""
JsonValue = Annotated[Any, AfterValidator(_shallow)]
"""Anything of at most `MAX_DEPTH` levels."""
