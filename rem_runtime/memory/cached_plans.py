"""Statements that a connection has prepared outlive a change of the tables; whoever meets one asks again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

Result = TypeVar("Result")


async def twice(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Once more after additive DDL of a roll-out has invalidated a cached plan; `attempt` holds its own transaction."""
    try:
        return await attempt()
    except asyncpg.InvalidCachedStatementError:
        return await attempt()
