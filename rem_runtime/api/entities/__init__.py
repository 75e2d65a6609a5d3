"""/api/v1/entities: things with names, and the edges between them."""

from rem_runtime.api.entities.router import router

__all__ = ["router"]
