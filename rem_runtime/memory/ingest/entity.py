"""An entity as it comes in."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from rem_runtime.memory.models.inputs import Edges, Input, Label, Names, SmallObject, Tags, Text, TypeName


class EntityInput(Input):
    """A thing with a name. (owner, normalised label) is its identity; the same label again replaces its fields."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    label: Label
    type: TypeName | None = None
    """person, project, technology, concept, …"""
    description: Text | None = None
    aliases: Names = ()
    """Other names that it is looked up by."""
    properties: SmallObject = Field(default_factory=dict)
    graph_edges: Edges = ()
    tags: Tags = ()
    metadata: SmallObject = Field(default_factory=dict)
    owner: str | None = None
    """Who it belongs to; null is the caller, '' the whole tenant."""
