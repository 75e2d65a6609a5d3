"""Sessions and their messages: private to whoever holds them, in order, and searchable."""

from rem_runtime.memory.conversation.conversations import Conversations
from rem_runtime.memory.conversation.inputs import (
    MessageInput,
    MessagePatch,
    SessionInput,
    SessionPatch,
)

__all__ = ["Conversations", "MessageInput", "MessagePatch", "SessionInput", "SessionPatch"]
