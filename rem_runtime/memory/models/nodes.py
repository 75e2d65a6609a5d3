"""The five kinds of node. Their own fields live in `node.data`, unless a field's `column` says which column is theirs.

`column` in a field's metadata: the name of the column of `node` that holds it. Without it the field is a key of `data`.
`index: True`: an expression index exists on it (schema/versions); the two are compared by a test.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from rem_runtime.memory.models.core import Model, NodeModel


class Person(Model):
    """Somebody who was there."""

    name: str
    role: str | None = None
    id: str | None = None


class Resource(NodeModel):
    """One document. Its text is its chunks."""

    kind: Literal["resource"] = "resource"
    uri: str = Field(json_schema_extra={"index": True})
    """Where it comes from; (owner, uri) is its identity."""
    timestamp: datetime | None = Field(default=None, json_schema_extra={"column": "starts_at"})
    """The time that the document speaks of or was written at."""
    content_hash: str | None = Field(default=None, json_schema_extra={"column": "content_hash"})
    """SHA-256 of what was ingested, in hex."""
    media_type: str | None = None
    related_entities: tuple[str, ...] = ()
    """Labels that the document names in its front matter."""


class Entity(NodeModel):
    """A person, project, technology, concept, …; the type is an attribute, not identity."""

    kind: Literal["entity"] = "entity"
    type: str | None = Field(default=None, json_schema_extra={"column": "type"})
    description: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict)


class Moment(NodeModel):
    """Something that happened, between two times."""

    kind: Literal["moment"] = "moment"
    type: str | None = Field(default=None, json_schema_extra={"column": "type"})
    starts_at: datetime = Field(json_schema_extra={"column": "starts_at"})
    ends_at: datetime | None = Field(default=None, json_schema_extra={"column": "ends_at"})
    summary: str | None = None
    present_persons: tuple[Person, ...] = ()
    speakers: tuple[str, ...] = ()
    emotion_tags: tuple[str, ...] = ()
    topic_tags: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    """Labels of the documents it was told from."""
    entities: tuple[str, ...] = ()
    """Labels of the entities it is about."""


class User(NodeModel):
    """What is known about one user of the tenant."""

    kind: Literal["user"] = "user"
    email: str | None = None
    summary: str | None = None
    interests: tuple[str, ...] = ()


class File(NodeModel):
    """An upload, and how far its processing is."""

    kind: Literal["file"] = "file"
    uri: str = Field(json_schema_extra={"index": True})
    size_bytes: int | None = Field(default=None, ge=0)
    media_type: str | None = None
    state: Literal["pending", "processing", "stored", "failed"] = "pending"
    reason: str | None = None
    """Why it failed, in words."""
    content_hash: str | None = Field(default=None, json_schema_extra={"column": "content_hash"})


Node = Resource | Entity | Moment | User | File
NODE_MODELS: dict[str, type[Resource] | type[Entity] | type[Moment] | type[User] | type[File]] = {
    "resource": Resource,
    "entity": Entity,
    "moment": Moment,
    "user": User,
    "file": File,
}
KINDS: tuple[str, ...] = tuple(NODE_MODELS)
