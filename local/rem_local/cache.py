"""The user's cache directory of this tool, and the lock that lets one run at a time fill it."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rem_local.progress import Progress

_POLL_SECONDS = 0.5


def cache_dir() -> Path:
    """`$XDG_CACHE_HOME/rem-local`, else `~/.cache/rem-local`; it may not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "rem-local"


@asynccontextmanager
async def locked(name: str, progress: Progress) -> AsyncIterator[None]:
    """Only one process at a time is inside, for each `name`; the kernel unlocks for one that was killed."""
    path = cache_dir() / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        if not _try_lock(file.fileno()):
            with progress.step(f"Another run is filling {path.parent / name}") as step:
                while not _try_lock(file.fileno()):
                    step.update("waiting for it")
                    await asyncio.sleep(_POLL_SECONDS)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
