"""Changes of stored things as JSON merge patches (RFC 7396): what is absent stays, null takes away, objects are merged.

Which fields are here is which fields can be changed. Pure.
"""

from __future__ import annotations

from typing import Any

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


class Patch(Input):
    """The base of every change."""

    tags: Tags | None = None
    metadata: SmallObject | None = None
    """Merged: a member that is null goes, the others stay."""

    def given(self) -> dict[str, Any]:
        """The fields that were sent, null included."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class NamedPatch(Patch):
    """A change of something that has names and edges."""

    label: Label | None = None
    """A new name; the old one leads here no more, unless it is among the aliases."""
    aliases: Names | None = None
    """All other names that it is looked up by."""
    graph_edges: Edges | None = None
    """All edges that it was written with; what was derived stays."""


class ResourcePatch(NamedPatch):
    """A change of what is known about a document. Its text changes by storing the same uri again."""

    timestamp: UtcTime | None = None
    related_entities: References | None = None


class EntityPatch(NamedPatch):
    """A change of an entity."""

    type: TypeName | None = None
    description: Text | None = None
    properties: SmallObject | None = None
    """Merged: a member that is null goes, the others stay."""


class MomentPatch(NamedPatch):
    """A change of a moment."""

    starts_at: UtcTime | None = None
    ends_at: UtcTime | None = None
    type: TypeName | None = None
    summary: Text | None = None
    present_persons: Persons | None = None
    speakers: References | None = None
    emotion_tags: Tags | None = None
    topic_tags: Tags | None = None
    resources: References | None = None
    entities: References | None = None


class UserPatch(NamedPatch):
    """A change of what is known about a user."""

    email: str | None = Field(default=None, max_length=300)
    summary: Text | None = None
    interests: References | None = None


class FilePatch(Patch):
    """A change of a file's own tags and metadata; all else says what became of it."""


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396: objects are merged member by member, null removes one, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
