"""The fields of a stored thing under a patch: merged, what was sent validated as if it came in, and compared. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, TypeVar, cast

from pydantic import BaseModel, TypeAdapter, ValidationError

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.clean import clean_json
from rem_runtime.memory.models.inputs import Input, as_plain
from rem_runtime.memory.records.patches import Patch, merged

Fields = TypeVar("Fields", bound=Input)

# Not in a model as they were written: other tables hold them, or a column of another name.
ELSEWHERE = frozenset({"aliases", "graph_edges", "owner"})


def cleaned(fields: Fields) -> Fields:
    """The same without what PostgreSQL cannot hold. Raises InvalidInput where it is too long then."""
    try:
        return type(fields).model_validate(clean_json(fields.model_dump(mode="json")))
    except ValidationError as error:
        raise _invalid([_said(item["loc"], item["msg"]) for item in error.errors()]) from error


def fields_of(thing: BaseModel, fields: type[BaseModel]) -> dict[str, Any]:
    """What of a stored thing would come in as `fields`."""
    return {name: getattr(thing, name) for name in fields.model_fields if name not in ELSEWHERE}


def patched(fields: type[Fields], before: Mapping[str, Any], given: Mapping[str, Any]) -> Fields:
    """The stored fields under a merge patch. Raises InvalidInput with the reason of each that does not fit.

    Only what was sent is held to the bounds of what comes in: the rest may be older than they are, or come from where
    they do not apply.
    """
    values, said = dict(before), []
    after = merged(dict(before), dict(given))
    for name in given:
        try:
            values[name] = _value_of(fields, name, after)
        except ValidationError as error:
            said += [_said((name, *item["loc"]), item["msg"]) for item in error.errors()]
    if said:
        raise _invalid(said)
    whole = cast("Fields", fields.model_construct(**values))
    try:
        whole.require_consistent()
    except ValueError as error:
        raise _invalid([str(error)]) from error
    return whole


def changed_of(before: Mapping[str, Any], after: BaseModel) -> frozenset[str]:
    """The names of the fields that are others now."""
    return frozenset(name for name, value in before.items() if as_plain(getattr(after, name)) != as_plain(value))


def changed_fields(thing: BaseModel, fields: type[Fields], patch: Patch) -> Fields | None:
    """The thing's fields after the patch; None where it changes nothing. Raises InvalidInput."""
    before = fields_of(thing, fields)
    given = clean_json(patch.model_dump(mode="json", include=set(patch.model_fields_set)))
    after = patched(fields, before, given)
    return after if changed_of(before, after) else None


def _value_of(fields: type[Input], name: str, values: Mapping[str, Any]) -> Any:
    """One field as it would come in; what was taken away is what it is where nothing is sent."""
    field = fields.model_fields[name]
    if name in values or field.is_required():
        return _adapter(fields, name).validate_python(values.get(name))
    return field.get_default(call_default_factory=True)


@lru_cache(maxsize=1000)
def _adapter(fields: type[Input], name: str) -> TypeAdapter[Any]:
    field = fields.model_fields[name]
    annotation: Any = field.annotation
    return TypeAdapter(Annotated[annotation, *field.metadata] if field.metadata else annotation)


def _said(place: tuple[int | str, ...], message: str) -> str:
    return f"/{'/'.join(map(str, place))}: {message}"


def _invalid(said: list[str]) -> InvalidInput:
    return InvalidInput(f"it would not be valid: {'; '.join(said)}")
