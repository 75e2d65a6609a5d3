"""/api/v1/moments: what happened, when, and who was there."""

from rem_runtime.api.moments.router import router

__all__ = ["router"]
