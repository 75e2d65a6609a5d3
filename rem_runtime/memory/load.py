"""A memory from lines of JSON: each line one thing with its edges, as the API takes it, with its `kind` beside.

Parses and takes apart; `ingest.bulk` writes. A line that is no such thing stops the load with its number; what came
before it is stored, and the load can be run again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.chunks import Window
from rem_runtime.memory.ingest.document import Document
from rem_runtime.memory.ingest.entity import EntityInput
from rem_runtime.memory.ingest.prepared import Prepared, prepare_document, prepare_entity
from rem_runtime.memory.records.inputs import MomentInput, UserInput
from rem_runtime.memory.records.prepare import prepare_moment, prepare_user

_Prepare = Callable[..., Prepared]
_KINDS: dict[str, tuple[type[BaseModel], _Prepare]] = {
    "entity": (EntityInput, prepare_entity),
    "moment": (MomentInput, prepare_moment),
    "user": (UserInput, prepare_user),
    "resource": (Document, prepare_document),
}


def prepare_lines(lines: Iterable[str], *, window: Window, rules: int) -> Iterator[Prepared]:
    """The things of the lines, one by one; empty lines are nothing. Raises InvalidInput with the line's number."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield _prepare_line(line, window=window, rules=rules)
            except InvalidInput as error:
                raise InvalidInput(f"line {number}: {error}") from error


def _prepare_line(line: str, *, window: Window, rules: int) -> Prepared:
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise InvalidInput(f"not JSON: {error}") from error
    if not isinstance(fields, dict) or fields.get("kind") not in _KINDS:
        raise InvalidInput(f'each line is an object with "kind", one of {", ".join(_KINDS)}')
    if "owner" in fields:
        raise InvalidInput("an owner is said once for the whole load, not in a line")
    model, prepare = _KINDS[fields.pop("kind")]
    try:
        return prepare(model.model_validate(fields), window=window, rules=rules)
    except ValidationError as error:
        raise InvalidInput("; ".join(map(_described, map(dict, error.errors())))) from error


def _described(item: dict[str, Any]) -> str:
    return f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
