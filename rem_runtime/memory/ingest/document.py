"""A document as it comes in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Document(BaseModel):
    """Something to remember whole. (owner, uri) is its identity; the same uri again replaces it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    uri: str = Field(min_length=1, max_length=1024)
    """Where it comes from: a path or a URL."""
    content: str = Field(min_length=1)
    media_type: str = "text/markdown"
    """text/markdown or text/plain."""
    owner: str | None = None
    """Who it belongs to; null is the caller, '' the whole tenant."""
    timestamp: datetime | None = None
    """When it was written, if the sender knows better than its front matter."""
    metadata: dict[str, Any] = Field(default_factory=dict)
