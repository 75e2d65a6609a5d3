"""/api/v1/messages: messages of all sessions, by id and by time."""

from rem_runtime.api.messages.router import router

__all__ = ["router"]
