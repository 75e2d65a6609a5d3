"""What every model has: the system fields, edges as people see them, and how a field becomes a column."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from rem_runtime.memory.models.json import JsonObject


class Model(BaseModel):
    """The base of everything stored: frozen, unknown fields of newer rows ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class Validity(Model):
    """From when until when something holds; an open end is null. `until` itself is not included."""

    since: datetime | None = None
    until: datetime | None = None


class InlineEdge(Model):
    """One edge as its source shows it: it points at a label, whether or not anything of that name exists yet."""

    dst: str = Field(min_length=1, max_length=500)
    """The label of the destination."""
    rel_type: str = Field(min_length=1, max_length=100)
    """What connects the two, in snake_case: `works_on`."""
    dst_kind: str | None = None
    """The destination's kind, where the same label may name several."""
    weight: float = Field(default=0.5, ge=0, le=1)
    """How strong; the strongest are followed first."""
    properties: JsonObject = Field(default_factory=dict)
    """Anything else about the connection."""
    valid: Validity | None = None
    """When it holds; null is always."""


class CoreModel(Model):
    """The system fields. No other model declares a field of these names."""

    id: UUID
    """Made by the database, in the order of creation."""
    created_at: datetime
    """When it was first stored."""
    updated_at: datetime
    """When it was last changed."""
    deleted_at: datetime | None = None
    """When it was deleted; null while it lives."""
    tenant_id: str = ""
    """The tenant whose database this is."""
    user_id: str | None = None
    """Who owns it; null is the whole tenant."""
    graph_edges: tuple[InlineEdge, ...] = ()
    """Its strongest 50 edges."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Whatever came with it that no field is made for."""
    tags: tuple[str, ...] = ()
    """Free words to filter by."""


class NodeModel(CoreModel):
    """A labelled thing: its label is its name for people, its key is the label normalised."""

    key: str
    label: str
    version: int = 1
    """Counts the changes; an update that names an older one is refused."""
