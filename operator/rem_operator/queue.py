"""The keyed queue: which object is reconciled when.

Owns concurrency (one worker per key at a time), deduplication, back-off, delayed and periodic runs. Knows nothing of
Kubernetes: a key is a kind, a namespace and a name, and what is done with it is handed in.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What is to be reconciled."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Result:
    """What a reconcile asks for: another run after so many seconds; None waits for an event or the resync."""

    requeue_after_seconds: float | None = None
    gone: bool = False
    """The object does not exist any more: no resync either."""


_HASTENED_SECONDS = 5.0  # the longest wait of a failing key after an event; a person is looking at the change just made

Reconciler = Callable[[Key], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the queue goes; all times in seconds."""

    concurrency: int = 10
    backoff_seconds: float = 0.5
    backoff_limit_seconds: float = 300.0
    resync_seconds: float = 600.0
    burst: int = 50
    """So many runs of a key in quick succession, then `sustained_seconds` apart: somebody may fight over an object."""
    sustained_seconds: float = 2.0
    jitter: float = 0.2
    """Every delay is spread by this share either way, so that keys which failed together do not come back together."""


class Observer(Protocol):
    """Who is told what the queue does (the metrics)."""

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        """One run has ended: `result` is success or error."""


@dataclass(slots=True)
class _State:
    """All that the queue knows about one key; times are the loop's."""

    queued_at: float | None = None
    again: bool = False
    failures: int = 0
    level: float = 0.0
    level_at: float = 0.0
    timer: asyncio.TimerHandle | None = None


class KeyedQueue:
    """Runs a reconciler per key: never the same key twice at a time, never more than `concurrency` keys."""

    def __init__(
        self,
        reconcilers: Mapping[str, Reconciler],
        *,
        pace: Pace | None = None,
        observer: Observer | None = None,
        spread: Callable[[], float] = random.random,
    ) -> None:
        """`spread` yields numbers from 0 to 1 for the jitter."""
        self._reconcilers = dict(reconcilers)
        self._pace = pace or Pace()
        self._observer = observer
        self._spread = spread
        self._states: dict[Key, _State] = {}
        self._running: dict[Key, float] = {}
        self._ready: deque[Key] = deque()
        self._slots = asyncio.Semaphore(0)  # one permit per ready key
        self._idle = asyncio.Event()
        self._idle.set()
        self._open = asyncio.Event()
        self._open.set()
        self._draining = False

    # what goes in

    def add(self, key: Key) -> None:
        """Have the key run soon; once however often it is added meanwhile, and once more if it is running now."""
        if self._draining or key.kind not in self._reconcilers:
            return
        state = self._states.setdefault(key, _State())
        if key in self._running:
            state.again = True
        elif state.queued_at is None and state.failures and state.timer is not None:
            self._hasten(key, state)
        elif state.queued_at is None and (excess := self._level(state) - self._pace.burst) > 0:
            self._no_later_than(key, state, excess * self._pace.sustained_seconds)
        elif state.queued_at is None:
            self._enqueue(key, state)

    def add_after(self, key: Key, seconds: float) -> None:
        """Have the key run after a while, unless something makes it run earlier."""
        if self._draining:
            return
        state = self._states.setdefault(key, _State())
        if state.queued_at is None:
            self._no_later_than(key, state, seconds)

    def hold(self) -> None:
        """Start no run until `release`; what is running goes on."""
        self._open.clear()

    def release(self) -> None:
        """Go on after `hold`."""
        self._open.set()

    # running

    async def run(self) -> None:
        """Work until cancelled; `drain` first for an orderly end."""
        async with asyncio.TaskGroup() as workers:
            for number in range(self._pace.concurrency):
                workers.create_task(self._work(), name=f"reconciler {number}")

    async def quiet(self, *, timeout_seconds: float) -> bool:
        """Wait until nothing is running; False when that took too long."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def drain(self, *, timeout_seconds: float) -> bool:
        """Take nothing in any more and wait for what is running; False when that took too long."""
        self._draining = True
        self.hold()
        for state in self._states.values():
            if state.timer is not None:
                state.timer.cancel()
        return await self.quiet(timeout_seconds=timeout_seconds)

    async def _work(self) -> None:
        while True:
            await self._slots.acquire()
            await self._open.wait()
            key = self._ready.popleft()
            state = self._states[key]
            state.level, state.level_at = self._level(state) + 1, _now()
            state.queued_at, self._running[key] = None, _now()
            self._idle.clear()
            try:
                await self._run_once(key, state)
            finally:
                if not self._running:
                    self._idle.set()

    async def _run_once(self, key: Key, state: _State) -> None:
        started = _now()
        try:
            try:
                result = await self._reconcilers[key.kind](key)
            finally:
                self._running.pop(key, None)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            self._failed(key, state, RuntimeError("a part of the reconcile was cancelled"))
        except Exception as error:  # noqa: BLE001 - whatever a reconcile raises must not end its worker; it is logged and tried again
            self._failed(key, state, error)
        else:
            self._succeeded(key, state, result)
        finally:
            if self._observer is not None:
                outcome = "error" if state.failures else "success"
                self._observer.reconciled(key.kind, outcome, _now() - started)

    def _succeeded(self, key: Key, state: _State, result: Result) -> None:
        state.failures = 0
        if state.again:
            state.again = False
            self.add(key)
        elif result.gone:
            self._forget(key, state)
        else:
            wanted = result.requeue_after_seconds
            self._set_timer(key, state, self._jittered(self._pace.resync_seconds) if wanted is None else wanted)

    def _failed(self, key: Key, state: _State, error: Exception) -> None:
        state.failures += 1
        asked = getattr(error, "retry_after_seconds", None) or 0.0
        pause = max(self._jittered(self._backoff(state)), asked)
        expected = bool(getattr(error, "transient", False))
        log.log(
            logging.WARNING if expected else logging.ERROR,
            "reconcile failed",
            extra={
                "key": str(key),
                "failures": state.failures,
                "retry_in_seconds": round(pause, 2),
                "error": str(error),
            },
            exc_info=None if expected else error,
        )
        again = state.again
        self._set_timer(key, state, pause)
        if again:
            self._hasten(key, state)

    def _backoff(self, state: _State) -> float:
        doubled = self._pace.backoff_seconds * 2.0 ** min(state.failures - 1, 32)
        return min(doubled, self._pace.backoff_limit_seconds)

    def _hasten(self, key: Key, state: _State) -> None:
        """Something changed while the key is backing off: try earlier, but not at once.

        The event may be the echo of our own half-done work, and a failing key must not run at the rate of its echoes.
        """
        self._no_later_than(key, state, self._jittered(min(self._backoff(state), _HASTENED_SECONDS)))

    def _no_later_than(self, key: Key, state: _State, seconds: float) -> None:
        if state.timer is None or state.timer.when() > _now() + seconds:
            self._set_timer(key, state, seconds)

    def _level(self, state: _State) -> float:
        """Recent runs, of which one is forgotten every `sustained_seconds`."""
        return max(0.0, state.level - (_now() - state.level_at) / self._pace.sustained_seconds)

    def _enqueue(self, key: Key, state: _State) -> None:
        if self._draining:
            return
        if state.timer is not None:
            state.timer.cancel()
            state.timer = None
        state.again = False
        state.queued_at = _now()
        self._ready.append(key)
        self._slots.release()

    def _set_timer(self, key: Key, state: _State, seconds: float) -> None:
        if state.timer is not None:
            state.timer.cancel()
        state.again = False
        if not self._draining:
            state.timer = asyncio.get_running_loop().call_later(seconds, self._due, key)

    def _due(self, key: Key) -> None:
        state = self._states[key]
        state.timer = None
        if key in self._running:
            state.again = True
        elif state.queued_at is None:
            self._enqueue(key, state)

    def _forget(self, key: Key, state: _State) -> None:
        if state.timer is not None:
            state.timer.cancel()
        self._states.pop(key, None)

    def _jittered(self, seconds: float) -> float:
        return seconds * (1 + self._pace.jitter * (2 * self._spread() - 1))

    # what can be seen

    @property
    def running(self) -> int:
        """Keys that are being reconciled now."""
        return len(self._running)

    @property
    def depth(self) -> int:
        """Keys that wait for a worker."""
        return len(self._ready)

    @property
    def age_seconds(self) -> float:
        """How long the key that waits longest has been waiting."""
        waiting = [state.queued_at for state in self._states.values() if state.queued_at is not None]
        return _now() - min(waiting) if waiting else 0.0

    @property
    def longest_run_seconds(self) -> float:
        """How long the run that has been going on longest has been going on; a stuck worker shows here."""
        return _now() - min(self._running.values()) if self._running else 0.0


def _now() -> float:
    return asyncio.get_running_loop().time()
