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
# Reading takes a minute at worst, and embedding a long text several: the other places are for others.
READ_AT_ONCE_OF_ONE: Final = 1
UNDER_WAY_OF_ONE: Final = 2


class _Places:
    """Of everybody, or of one user."""

    def __init__(self, *, under_way: int, reading: int) -> None:
        self.under_way = asyncio.Semaphore(under_way)
        self.reading = asyncio.Semaphore(reading)


class UploadTurns:
    """Places for the uploads of one process, taken in the order in which they came."""

    def __init__(self) -> None:
        self._all = _Places(under_way=UNDER_WAY, reading=READ_AT_ONCE)
        # A user's live as long as one of their uploads.
        self._users: WeakValueDictionary[str, _Places] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def under_way(self, user: str) -> AsyncIterator[None]:
        """A place for an upload of this user, from before it is read until it is stored."""
        own = self._places_of(user)
        async with own.under_way, self._all.under_way:
            yield

    @contextlib.asynccontextmanager
    async def reading(self, user: str) -> AsyncIterator[None]:
        """In it, a place for its bytes."""
        own = self._places_of(user)
        async with own.reading, self._all.reading:
            yield

    def _places_of(self, user: str) -> _Places:
        return self._users.setdefault(user, _Places(under_way=UNDER_WAY_OF_ONE, reading=READ_AT_ONCE_OF_ONE))
