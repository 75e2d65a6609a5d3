"""The fields of a stored thing under a patch: merged, validated as if they came in, and compared. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.clean import clean_json
from rem_runtime.memory.records.patches import Patch, merged

Fields = TypeVar("Fields", bound=BaseModel)

# Not in a model as they were written: other tables hold them, or a column of another name.
ELSEWHERE = frozenset({"aliases", "graph_edges", "owner"})


def cleaned(fields: Fields) -> Fields:
    """The same without what PostgreSQL cannot hold."""
    return validated(type(fields), clean_json(fields.model_dump(mode="json")))


def fields_of(thing: BaseModel, fields: type[BaseModel]) -> dict[str, Any]:
    """What of a stored thing would come in as `fields`."""
    return {name: getattr(thing, name) for name in fields.model_fields if name not in ELSEWHERE}


def changed_fields(thing: BaseModel, fields: type[Fields], patch: Patch) -> Fields | None:
    """The thing's fields after the patch; None where it changes nothing. Raises InvalidInput."""
    before = fields_of(thing, fields)
    after = cleaned(validated(fields, merged(before, patch.given())))
    return None if all(getattr(after, name) == value for name, value in before.items()) else after


def validated(fields: type[Fields], values: Mapping[str, Any]) -> Fields:
    """The values as `fields`; raises InvalidInput with the reason of each that does not fit."""
    try:
        return fields.model_validate(values)
    except ValidationError as error:
        said = "; ".join(f"/{'/'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise InvalidInput(f"it would not be valid: {said}") from error
