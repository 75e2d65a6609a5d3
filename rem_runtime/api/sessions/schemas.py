"""The body that appends messages, and examples. Sessions and messages are the memory's own shapes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from rem_runtime.api.listing import PageQuery
from rem_runtime.api.messages.schemas import MessageQuery
from rem_runtime.memory.conversation import MessageInput
from rem_runtime.memory.conversation.inputs import MAX_APPENDED, Mode, Name
from rem_runtime.memory.conversation.listing import MessagesWanted
from rem_runtime.memory.erasure import ErasureReport
from rem_runtime.memory.models import Message, Session


class SessionQuery(PageQuery):
    """Which page of the sessions."""

    mode: Mode | None = None
    """Only of this mode."""
    agent: Name | None = None
    """Only with this agent."""


class ConversationQuery(MessageQuery):
    """Which page of the messages of one session."""

    order: Literal["asc", "desc"] = "asc"
    """`desc` begins at the end of the conversation."""

    def wanted_of(self, session_id: UUID) -> MessagesWanted:
        """The same for the memory."""
        filters = {name: value for name, value in self if name != "order"}
        return MessagesWanted(**filters, session_id=session_id, newest_first=self.order == "desc")


class Appending(BaseModel):
    """Messages in the order in which they were said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    messages: tuple[MessageInput, ...] = Field(min_length=1, max_length=MAX_APPENDED)


class Appended(BaseModel):
    """The messages as they are stored, in the same order."""

    model_config = ConfigDict(frozen=True)

    items: tuple[Message, ...]


EXAMPLES: dict[str, Any] = {
    "session": {
        "summary": "A conversation with an agent",
        "value": {"name": "About the launch", "agent": "helpdesk", "metadata": {"channel": "web"}},
    },
}

PATCHES: dict[str, Any] = {
    "name": {"summary": "Another name", "value": {"name": "Why the launch moved"}},
    "metadata": {"summary": "One member goes", "value": {"metadata": {"channel": None}}},
}

MESSAGES: dict[str, Any] = {
    "turn": {
        "summary": "A question, a tool that was called, an answer",
        "value": {
            "messages": [
                {"role": "user", "content": "Why was the launch moved?", "metadata": {"speaker": "Ann Lee"}},
                {
                    "role": "assistant",
                    "tool_calls": [
                        {"id": "call-1", "name": "search", "arguments": {"query": "launch moved"}, "result": ["…"]}
                    ],
                    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
                },
                {"role": "assistant", "content": "The antenna failed its vibration test.", "tags": ["answer"]},
            ]
        },
    },
}

SESSION = Session(
    id=UUID("019ab000-0000-7000-8000-000000000005"),
    created_at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    updated_at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    tenant_id="acme",
    user_id="ann",
    name="About the launch",
    agent="helpdesk",
    metadata={"channel": "web"},
)
DELETED = ErasureReport(purged=False, sessions=1, messages=3, chunks=2)
