"""What lists and deletions are asked with. A page is asked for with the cursor of the page before; a parameter that a
list does not know is an error, since a filter that is ignored shows too much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from rem_runtime.memory.models.times import UtcTime
from rem_runtime.memory.pages import MAX_PAGE
from rem_runtime.memory.records import Wanted

Label = Annotated[str, Field(min_length=1, max_length=300)]
Uri = Annotated[str, Field(min_length=1, max_length=1024)]
TypeName = Annotated[str, Field(min_length=1, max_length=100)]


class PageQuery(BaseModel):
    """Which page; a list adds its filters."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    cursor: Annotated[str, Field(max_length=100)] | None = None
    """`next_cursor` of the page before."""
    limit: int = Field(default=50, ge=1, le=MAX_PAGE, examples=[20])
    """How many at most."""


class NodeQuery(PageQuery):
    """Which page of nodes; all of them have names."""

    label: Label | None = None
    """Only what has this label or alias, in any spelling of the same name."""

    def wanted(self) -> Wanted:
        """The same for the memory, whose filters have the same names."""
        return Wanted(**dict(self))


class TypedQuery(NodeQuery):
    """Which page of nodes that have a type."""

    type: TypeName | None = None
    """Only of this type."""


class TimeQuery(PageQuery):
    """Which page of what has a time."""

    since: UtcTime | None = Field(default=None, examples=["2026-01-01T00:00:00Z"])
    """Only from this time on (RFC 3339)."""
    until: UtcTime | None = Field(default=None, examples=["2030-01-01T00:00:00Z"])
    """Only before this time (RFC 3339)."""


async def _purge(
    purge: Annotated[  # noqa: FBT002 - a query parameter is named by whoever sends it
        bool, Query(description="Erase it with all that was derived from it alone (scope admin), not only hide it.")
    ] = False,
) -> bool:
    return purge


Purge = Annotated[bool, Depends(_purge)]


def page_example(example: BaseModel) -> Mapping[str, Any]:
    """What a page of one looks like."""
    return {"items": [example.model_dump(mode="json")], "next_cursor": None}
