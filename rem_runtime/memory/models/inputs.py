"""Fields of what comes in, each with its bounds. A field that is not known is an error here, at any depth.

What is stored is read by the models beside this file, which have no bounds and ignore what a newer row has besides: a
type here is its stored one, only stricter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from rem_runtime.memory.models.conversation import ToolCall
from rem_runtime.memory.models.core import InlineEdge, Validity
from rem_runtime.memory.models.json import JsonObject
from rem_runtime.memory.models.nodes import Person
from rem_runtime.memory.models.times import UtcTime

# One answer shows up to 200 things; without a bound of each they would fill the memory of the process.
MAX_JSON_BYTES = 256 * 1024
# An index entry of PostgreSQL holds at most 2,704 bytes, and a uri shares it with owner and kind; as a key.
MAX_URI_BYTES = 1500

Value = TypeVar("Value")


def _fits_an_index(uri: str) -> str:
    if _bytes_of(uri) > MAX_URI_BYTES:
        raise ValueError(f"a uri is at most {MAX_URI_BYTES} bytes of UTF-8; this one has {_bytes_of(uri)}")
    return uri


def _small(value: Value) -> Value:
    """As it would be sent; tuples of models too."""
    plain = [one.model_dump() for one in value] if isinstance(value, tuple) else value
    _require_small(json.dumps(plain, ensure_ascii=False, default=str))
    return value


def _small_properties(edges: Value) -> Value:
    """Of all edges together: they are shown with their source."""
    assert isinstance(edges, Iterable)
    _require_small(*(json.dumps(edge.properties, ensure_ascii=False, default=str) for edge in edges if edge.properties))
    return edges


def _require_small(*texts: str) -> None:
    size = sum(map(_bytes_of, texts))
    if size > MAX_JSON_BYTES:
        raise ValueError(
            f"is at most {MAX_JSON_BYTES} bytes of JSON; this has {size}: store what is long as a document"
        )


def _bytes_of(text: str) -> int:
    # Half of a surrogate pair is replaced later, by what is no longer.
    return len(text.encode("utf-8", "surrogatepass"))


class Input(BaseModel):
    """The base of what comes in: a field that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def require_consistent(self) -> None:
        """Raises ValueError where the fields contradict one another; each by itself is right."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Input:
        self.require_consistent()
        return self


# A part may also come as its stored model: from our own code, which has read it.
_PART = ConfigDict(extra="forbid", from_attributes=True)

SmallObject = Annotated[JsonObject, AfterValidator(_small)]
"""A JSON object of at most `MAX_JSON_BYTES`."""
Uri = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_fits_an_index)]
Label = Annotated[str, Field(min_length=1, max_length=300)]
TypeName = Annotated[str, Field(max_length=100)]
Tags = Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(max_length=100)]
Names = Annotated[tuple[Annotated[str, Field(max_length=300)], ...], Field(max_length=50)]
References = Annotated[tuple[Annotated[str, Field(max_length=500)], ...], Field(max_length=1000)]
Text = Annotated[str, Field(max_length=100_000)]


class ValidityInput(Validity):
    """From when until when something holds; an open end is null. `until` itself is not included."""

    model_config = _PART

    since: UtcTime | None = None
    until: UtcTime | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> ValidityInput:
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise ValueError("until must be after since")
        return self


class EdgeInput(InlineEdge):
    """One edge of what comes in: it points at a label, whether or not anything of that name exists yet."""

    model_config = _PART

    valid: ValidityInput | None = None
    """When it holds; null is always."""


class PersonInput(Person):
    """Somebody who was there."""

    model_config = _PART

    name: Annotated[str, Field(max_length=300)]
    role: Annotated[str, Field(max_length=300)] | None = None
    id: Annotated[str, Field(max_length=300)] | None = None


class ToolCallInput(ToolCall):
    """A tool that was called, and what came of it."""

    model_config = _PART


Edges = Annotated[tuple[EdgeInput, ...], Field(max_length=1000), AfterValidator(_small_properties)]
Persons = Annotated[tuple[PersonInput, ...], Field(max_length=1000)]
ToolCalls = Annotated[tuple[ToolCallInput, ...], Field(max_length=100), AfterValidator(_small)]


def as_plain(value: Any) -> Any:
    """A field's value to compare: a part that came in equals the stored one."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    return [as_plain(one) for one in value] if isinstance(value, tuple | list) else value
