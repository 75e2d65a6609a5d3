"""The two probes: alive, and able to serve. Neither asks who calls."""

from rem_runtime.api.health.router import router

__all__ = ["router"]
