"""Whose file is read next, where one is read at a time: the owners take turns, and many files of one hold up nobody.

Waiting costs no thread: those of the event loop's executor are for work that takes milliseconds, of everybody.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

from rem_runtime.memory.errors import Busy

T = TypeVar("T")

# What waits lies in memory: a body of 4 MB at most, and of uploads few.
MOST_WAITING: Final = 32
MOST_WAITING_OF_ONE: Final = 16


class Turns:
    """Work of many owners, done one after the other in a thread. Safe to call from several tasks and event loops."""

    def __init__(self) -> None:
        # Ends with this object, or with the interpreter.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rem-reader")
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[tuple[Future[Any], Callable[[], Any]]]] = {}
        """By owner; the first owner is next."""

    async def take(self, owner: str, work: Callable[[], T]) -> T:
        """What `work` returns or raises, once it is this owner's turn; raises Busy where too much waits already."""
        done: Future[T] = Future()
        with self._lock:
            self._refuse(owner)
            self._thread.submit(self._next)
            self._waiting.setdefault(owner, deque()).append((done, work))
        return await asyncio.wrap_future(done)

    def _refuse(self, owner: str) -> None:
        if len(self._waiting.get(owner, ())) >= MOST_WAITING_OF_ONE:
            raise Busy(
                f"{MOST_WAITING_OF_ONE} documents of {owner or 'the tenant'!r} wait to be read; send it again later"
            )
        if sum(map(len, self._waiting.values())) >= MOST_WAITING:
            raise Busy(f"{MOST_WAITING} documents wait to be read; send it again later")

    def _next(self) -> None:
        with self._lock:
            owner = next(iter(self._waiting))
            own = self._waiting.pop(owner)
            done, work = own.popleft()
            if own:
                self._waiting[owner] = own  # behind the others
        if not done.set_running_or_notify_cancel():
            return  # nobody waits for it any more
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever waits for it gets it
            done.set_exception(error)
