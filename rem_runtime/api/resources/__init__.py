"""/api/v1/resources: documents in, and what is known about them out."""

from rem_runtime.api.resources.router import router

__all__ = ["router"]
