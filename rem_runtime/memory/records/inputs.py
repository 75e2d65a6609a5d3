"""A moment and a user as they come in. Shapes only."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rem_runtime.memory.models.inputs import (
    Edges,
    Input,
    Label,
    Names,
    Persons,
    References,
    SmallObject,
    Tags,
    Text,
    TypeName,
)
from rem_runtime.memory.models.times import UtcTime

__all__ = ["MomentInput", "UserInput"]


class MomentInput(Input):
    """Something that happened. (owner, normalised label, starts_at) is its identity; the same again replaces it."""

    label: Label
    starts_at: UtcTime
    ends_at: UtcTime | None = None
    type: TypeName | None = None
    """meeting, call, incident, decision, …"""
    summary: Text | None = None
    """What happened, in words; this is what SEARCH finds."""
    present_persons: Persons = ()
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
    metadata: SmallObject = Field(default_factory=dict)
    owner: str | None = None
    """Who it belongs to; null is the caller, '' the whole tenant."""

    def require_consistent(self) -> None:
        """It ends after it starts."""
        if self.ends_at is not None and self.ends_at < self.starts_at:
            raise ValueError("ends_at is before starts_at")


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
    metadata: SmallObject = Field(default_factory=dict)
    owner: str | None = None
    """Who it belongs to; null is the caller, '' the whole tenant."""
