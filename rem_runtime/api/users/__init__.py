"""/api/v1/users: what is known about the tenant's users; and forgetting one of them."""

from rem_runtime.api.users.router import router

__all__ = ["router"]
