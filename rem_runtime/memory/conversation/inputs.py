"""Sessions and messages as they come in, and changes of them as JSON merge patches (RFC 7396). Shapes only."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rem_runtime.memory.models import ToolCall
from rem_runtime.memory.models.json import JsonObject
from rem_runtime.memory.records.inputs import Input, Tags
from rem_runtime.memory.records.patches import Patch

MAX_APPENDED = 100

Mode = Literal["normal", "evaluation", "clone"]
Role = Literal["system", "user", "assistant", "tool"]
Name = Annotated[str, Field(max_length=300)]
Content = Annotated[str, Field(max_length=100_000)]
ToolCalls = Annotated[tuple[ToolCall, ...], Field(max_length=100)]


class SessionInput(Input):
    """A conversation that begins."""

    name: Name | None = None
    mode: Mode = "normal"
    agent: Name | None = None
    """The agent that it is held with."""
    tags: Tags = ()
    metadata: JsonObject = Field(default_factory=dict)
    owner: str | None = None
    """Whose it is; null is the caller, '' the whole tenant."""


class SessionPatch(Patch):
    """A change of a session."""

    name: Name | None = None
    mode: Mode | None = None
    agent: Name | None = None


class MessageInput(Input):
    """One turn. It belongs to the session's owner."""

    role: Role
    content: Content = ""
    """What was said; this is what SEARCH finds."""
    tool_calls: ToolCalls = ()
    trace_id: Name | None = None
    tags: Tags = ()
    metadata: JsonObject = Field(default_factory=dict)
    """`speaker` names who said it, where the role does not."""

    @model_validator(mode="after")
    def _says_or_calls(self) -> MessageInput:
        if not self.content and not self.tool_calls:
            raise ValueError("a message has content, or tool calls")
        return self


class MessagePatch(Patch):
    """A change of a message."""

    content: Content | None = None
    tool_calls: ToolCalls | None = None
    trace_id: Name | None = None
