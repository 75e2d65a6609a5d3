"""From the JSON text of a row to a dict: column names kept apart, numbers kept exact. Pure."""

from __future__ import annotations

import json
import math
from typing import Any

_LONGEST_INTEGER = 18
"""Digits that fit every reader's 64-bit integer; longer ones are text."""


def parse_row(text: str) -> dict[str, Any]:
    """One row in the order of its columns. A name that comes again gets a number: `label`, `label_2`.

    NaN and infinity are text (as PostgreSQL writes them), and so are numbers that would not survive as JSON's.
    """
    row = json.loads(text, object_pairs_hook=_named_apart, parse_int=_integer, parse_float=_float)
    assert isinstance(row, dict)
    return row


def _named_apart(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for name, value in pairs:
        unused, number = name, 1
        while unused in named:
            number += 1
            unused = f"{name}_{number}"
        named[unused] = value
    return named


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= _LONGEST_INTEGER else text


def _float(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text
