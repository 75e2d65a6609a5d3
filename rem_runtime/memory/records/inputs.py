"""A moment and a user as they come in. Shapes only."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rem_runtime.memory.models import InlineEdge, Person
from rem_runtime.memory.models.json import JsonObject
from rem_runtime.memory.models.times import UtcTime

__all__ = [
    "Edges", "Input", "Label", "MomentInput", "Names", "References", "Tags", "Text", "UserInput", "UtcTime",
]  # fmt: skip

Label = Annotated[str, Field(min_length=1, max_length=300)]
Tags = Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(max_length=100)]
Names = Annotated[tuple[Annotated[str, Field(max_length=300)], ...], Field(max_length=50)]
References = Annotated[tuple[Annotated[str, Field(max_length=500)], ...], Field(max_length=1000)]
Edges = Annotated[tuple[InlineEdge, ...], Field(max_length=1000)]
Text = Annotated[str, Field(max_length=100_000)]


class Input(BaseModel):
    """The base of what comes in: a field that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class MomentInput(Input):
    """Something that happened. (owner, normalised label, starts_at) is its identity; the same again replaces it."""

    label: Label
    starts_at: UtcTime
    ends_at: UtcTime | None = None
    type: Annotated[str, Field(max_length=100)] | None = None
    """meeting, call, incident, decision, …"""
    summary: Text | None = None
    """What happened, in words; this is what SEARCH finds."""
    present_persons: tuple[Person, ...] = Field(default=(), max_length=1000)
    speakers: References = ()
    emotion_tags: Tags = ()
    topic_tags: Tags = ()
    resources: References = ()
    """Labels of the documents it was told from."""
    entities: References = ()
    """Labels of the entities it is about."""
    aliases: Names = ()
    """Other names that it is looked up by."""
    graph_edges: Edges = ()
    tags: Tags = ()
    metadata: JsonObject = Field(default_factory=dict)
    owner: str | None = None
    """Who it belongs to; null is the caller, '' the whole tenant."""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> MomentInput:
        if self.ends_at is not None and self.ends_at < self.starts_at:
            raise ValueError("ends_at is before starts_at")
        return self


class UserInput(Input):
    """What is known about a user. (owner, normalised label) is its identity; the same label again replaces it."""

    label: Label
    """The name; LOOKUP finds the user by it, by the address and by the aliases."""
    email: Annotated[str, Field(max_length=300)] | None = None
    summary: Text | None = None
    """What is known, in words; this is what SEARCH finds."""
    interests: References = ()
    aliases: Names = ()
    """Other names that the user is looked up by."""
    graph_edges: Edges = ()
    tags: Tags = ()
    metadata: JsonObject = Field(default_factory=dict)
    owner: str | None = None
    """Who it belongs to; null is the caller, '' the whole tenant."""
