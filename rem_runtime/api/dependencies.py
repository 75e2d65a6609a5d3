"""What an endpoint is handed: the memory, and the caller with a scope that the endpoint names.

All are `async`: FastAPI would run a plain function in a thread.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from rem_crds.handoff import Scope
from rem_runtime.api.auth.caller import require_scope
from rem_runtime.api.statistics import StatisticsRefresher
from rem_runtime.memory.caller import Caller
from rem_runtime.memory.store import Memory


async def _memory(request: Request) -> Memory:
    memory: Memory = request.app.state.memory
    return memory


class Allowed:
    """A dependency: the caller, if the key has all of the scopes. Each route has exactly one such; a test looks."""

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes

    async def __call__(self, request: Request) -> Caller:
        caller: Caller = request.state.identified.caller
        for scope in self.scopes:
            require_scope(caller, scope)
        return caller


async def _statistics(request: Request) -> StatisticsRefresher:
    refresher: StatisticsRefresher = request.app.state.statistics
    return refresher


MemoryOf = Annotated[Memory, Depends(_memory)]
Reader = Annotated[Caller, Depends(Allowed("read"))]
Writer = Annotated[Caller, Depends(Allowed("write"))]
# What is changed is answered whole, with all that was not sent.
Changer = Annotated[Caller, Depends(Allowed("read", "write"))]
Refresher = Annotated[StatisticsRefresher, Depends(_statistics)]
