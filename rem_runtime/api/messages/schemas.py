"""Examples for messages; the sessions' slice shows them too. The answers are the memory's own shape: `Message`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from rem_runtime.api.listing import TimeQuery
from rem_runtime.memory.conversation.inputs import Role
from rem_runtime.memory.conversation.listing import MessagesWanted
from rem_runtime.memory.erasure import ErasureReport
from rem_runtime.memory.models import Message


class MessageQuery(TimeQuery):
    """Which page of the messages; times are when they came."""

    role: Role | None = None
    """Only what this role said."""

    def wanted(self) -> MessagesWanted:
        """The same for the memory, whose filters have the same names."""
        return MessagesWanted(**dict(self))


PATCHES: dict[str, Any] = {
    "content": {"summary": "What was meant", "value": {"content": "Why was the launch moved to June?"}},
    "tags": {"summary": "A mark", "value": {"tags": ["kept"], "metadata": {"rating": 5}}},
}

MESSAGE = Message(
    id=UUID("019ab000-0000-7000-8000-000000000006"),
    created_at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    updated_at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    tenant_id="acme",
    user_id="ann",
    session_id=UUID("019ab000-0000-7000-8000-000000000005"),
    role="user",
    content="Why was the launch moved?",
)
DELETED = ErasureReport(purged=False, messages=1, chunks=1)
