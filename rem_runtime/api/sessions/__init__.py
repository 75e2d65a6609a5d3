"""/api/v1/sessions: conversations, and the messages of each in their order."""

from rem_runtime.api.sessions.router import router

__all__ = ["router"]
