"""A file as it comes in, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from rem_runtime.memory.answers import Answer


@dataclass(frozen=True, slots=True)
class FileInput:
    """A file to remember. (owner, uri) is its identity, and that of the document that is made of it."""

    uri: str
    """Where it comes from: a path or a URL, at most 1,024 characters."""
    data: bytes
    """The file as it is. It is read, not kept."""
    media_type: str | None = None
    """As the sender says; null or application/octet-stream: by the uri's extension, else by the content."""
    owner: str | None = None
    """Who it belongs to; null is the caller, '' the whole tenant."""
    timestamp: datetime | None = None
    """When it was written, if the sender knows better than the file."""
    metadata: Mapping[str, Any] = field(default_factory=dict)


class FileResult(Answer):
    """What became of a file that could be read."""

    id: UUID
    """The File node."""
    resource_id: UUID
    """The document that was made of it."""
    uri: str
    label: str
    """The document's label."""
    owner: str
    media_type: str
    """What it was read as."""
    size_bytes: int
    chunks: int
    edges: int
    created: bool
    """Whether the document is new."""
    unchanged: bool
    """The same file was stored already, and nothing was written."""
    notes: tuple[str, ...] = ()
    """What was not read: an attachment that is a picture."""
