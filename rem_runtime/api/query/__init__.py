"""POST /api/v1/query: one question in the dialect, one answer."""

from rem_runtime.api.query.router import router

__all__ = ["router"]
