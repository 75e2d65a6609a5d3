"""An entity as it comes in."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from rem_runtime.memory.models import InlineEdge
from rem_runtime.memory.models.json import JsonObject


class EntityInput(BaseModel):
    """A thing with a name. (owner, normalised label) is its identity; the same label again replaces its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, ser_json_inf_nan="constants")

    label: str = Field(min_length=1, max_length=300)
    type: str | None = Field(default=None, max_length=100)
    """person, project, technology, concept, …"""
    description: str | None = Field(default=None, max_length=100_000)
    aliases: tuple[str, ...] = Field(default=(), max_length=50)
    """Other names that it is looked up by."""
    properties: JsonObject = Field(default_factory=dict)
    graph_edges: tuple[InlineEdge, ...] = Field(default=(), max_length=1000)
    tags: tuple[str, ...] = Field(default=(), max_length=100)
    metadata: JsonObject = Field(default_factory=dict)
    owner: str | None = None
    """Who it belongs to; null is the caller, '' the whole tenant."""
