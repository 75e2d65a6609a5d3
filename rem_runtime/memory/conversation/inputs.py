"""Sessions and messages as they come in, and changes of them as JSON merge patches (RFC 7396). Shapes only."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rem_runtime.memory.models.inputs import Input, SmallObject, Tags, ToolCalls
from rem_runtime.memory.records.patches import Patch

MAX_APPENDED = 100

Mode = Literal["normal", "evaluation", "clone"]
Role = Literal["system", "user", "assistant", "tool"]
Name = Annotated[str, Field(max_length=300)]
Content = Annotated[str, Field(max_length=100_000)]


class SessionInput(Input):
    """A conversation that begins."""

    name: Name | None = None
    mode: Mode = "normal"
    agent: Name | None = None
    """The agent that it is held with."""
    tags: Tags = ()
    metadata: SmallObject = Field(default_factory=dict)
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
    metadata: SmallObject = Field(default_factory=dict)
    """`speaker` names who said it, where the role does not."""

    def require_consistent(self) -> None:
        """It says something, or calls a tool."""
        if not self.content and not self.tool_calls:
            raise ValueError("a message has content, or tool calls")


class MessagePatch(Patch):
    """A change of a message."""

    content: Content | None = None
    tool_calls: ToolCalls | None = None
    trace_id: Name | None = None
