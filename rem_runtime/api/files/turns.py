"""How many uploads are under way: what they hold in memory is bounded. The others wait with their bytes on disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final
from weakref import WeakValueDictionary

# Their bytes lie in memory whole (64 MiB), until their text was made of them.
READ_AT_ONCE: Final = 2
# The text of each and its vectors lie in memory until they are stored: 50 MB of the longest.
UNDER_WAY: Final = 6
# Embedding a long text takes minutes: the places of the others are for others.
UNDER_WAY_OF_ONE: Final = 2


class UploadTurns:
    """Places for the uploads of one process, taken in the order in which they came."""

    def __init__(self) -> None:
        self.reading = asyncio.Semaphore(READ_AT_ONCE)
        self._all = asyncio.Semaphore(UNDER_WAY)
        # A user's lives as long as one of their uploads.
        self._users: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def of(self, user: str) -> AsyncIterator[None]:
        """A place for an upload of this user, from before it is read until it is stored."""
        own = self._users.setdefault(user, asyncio.Semaphore(UNDER_WAY_OF_ONE))
        async with own, self._all:
            yield
