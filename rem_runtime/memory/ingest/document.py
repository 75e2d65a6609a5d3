"""A document as it comes in."""

from __future__ import annotations

from pydantic import Field

from rem_runtime.memory.models.inputs import Input, SmallObject, Uri
from rem_runtime.memory.models.times import UtcTime


class Document(Input):
    """Something to remember whole. (owner, uri) is its identity; the same uri again replaces it."""

    uri: Uri
    """Where it comes from: a path or a URL, at most 1,024 characters and 1,500 bytes."""
    content: str = Field(min_length=1)
    media_type: str = "text/markdown"
    """What the content is: text/markdown, text/plain, text/html, text/csv, application/json, application/yaml,
    message/rfc822, text/x-python, … (docs/ingest.md). Of what is not stored as it is, the text is read."""
    owner: str | None = None
    """Who it belongs to; null is the caller, '' the whole tenant."""
    timestamp: UtcTime | None = None
    """When it was written, if the sender knows better than its front matter."""
    metadata: SmallObject = Field(default_factory=dict)
