"""The keyed queue, in a loop whose time is computed: an hour of back-off takes no time."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from rem_operator.queue import Key, KeyedQueue, Pace, Result

KEY = Key("RemTenant", "ns", "acme")
OTHER = Key("RemTenant", "ns", "other")
PACE = Pace(concurrency=2, backoff_seconds=1, backoff_limit_seconds=300, resync_seconds=600, jitter=0)


class _NoWaiting(selectors.DefaultSelector):
    """Does not wait for timers; the loop's clock is moved instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


class ComputedTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _NoWaiting()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def in_computed_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    def run() -> None:
        with asyncio.Runner(loop_factory=ComputedTimeLoop) as runner:
            runner.run(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


class Recorder:
    """A reconciler that notes when it ran and does what it is told."""

    def __init__(self, does: Callable[[int], Awaitable[Result]] | None = None) -> None:
        self.runs: list[tuple[float, Key]] = []
        self._does = does
        self._start = asyncio.get_running_loop().time()

    async def __call__(self, key: Key) -> Result:
        self.runs.append((asyncio.get_running_loop().time() - self._start, key))
        return await self._does(len(self.runs)) if self._does else Result()

    @property
    def times(self) -> list[float]:
        return [round(moment, 3) for moment, _ in self.runs]


async def work(queue: KeyedQueue, seconds: float) -> None:
    task = asyncio.create_task(queue.run())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.wait([task])


def fail(times: int, error: type[Exception] = RuntimeError) -> Callable[[int], Awaitable[Result]]:
    async def does(run: int) -> Result:
        if run <= times:
            raise error("trouble")
        return Result()

    return does


@in_computed_time
async def test_a_key_that_waits_is_run_once_however_often_it_is_added() -> None:
    recorder = Recorder()
    queue = KeyedQueue({"RemTenant": recorder}, pace=PACE)
    for _ in range(5):
        queue.add(KEY)
    assert queue.depth == 1
    await work(queue, 1)
    assert recorder.times == [0]


@in_computed_time
async def test_a_key_that_is_added_while_it_runs_runs_once_more_afterwards() -> None:
    async def does(run: int) -> Result:
        if run == 1:
            queue.add(KEY)
            queue.add(KEY)
            await asyncio.sleep(5)
        return Result()

    recorder = Recorder(does)
    queue = KeyedQueue({"RemTenant": recorder}, pace=PACE)
    queue.add(KEY)
    await work(queue, 60)
    assert recorder.times == [0, 5]


@in_computed_time
async def test_one_key_never_runs_twice_at_a_time_and_all_no_more_than_allowed() -> None:
    running: list[Key] = []
    most = 0

    async def reconcile(key: Key) -> Result:
        nonlocal most
        assert key not in running
        running.append(key)
        most = max(most, len(running))
        await asyncio.sleep(1)
        queue.add(KEY)
        running.remove(key)
        return Result()

    queue = KeyedQueue({"RemTenant": reconcile}, pace=PACE)
    for name in "abcdef":
        queue.add(Key("RemTenant", "ns", name))
    await work(queue, 30)
    assert most == 2


@in_computed_time
async def test_the_pause_doubles_up_to_its_limit_and_starts_anew_after_success() -> None:
    recorder = Recorder(fail(11))
    queue = KeyedQueue({"RemTenant": recorder}, pace=PACE)
    queue.add(KEY)
    await work(queue, 1500)
    pauses = [round(b - a) for a, b in zip(recorder.times, recorder.times[1:], strict=False)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@in_computed_time
async def test_an_event_hastens_a_failing_key_but_does_not_let_it_run_at_the_rate_of_events() -> None:
    recorder = Recorder(fail(100))
    queue = KeyedQueue({"RemTenant": recorder}, pace=PACE)
    queue.add(KEY)
    task = asyncio.create_task(queue.run())
    await asyncio.sleep(600)
    before = len(recorder.runs)
    for _ in range(1000):
        queue.add(KEY)
        await asyncio.sleep(0.02)
    assert 3 <= len(recorder.runs) - before <= 5
    task.cancel()
    await asyncio.wait([task])


@in_computed_time
async def test_a_fight_over_an_object_does_not_go_on_at_full_speed() -> None:
    async def does(run: int) -> Result:
        asyncio.get_running_loop().call_later(0.01, queue.add, KEY)
        return Result()

    recorder = Recorder(does)
    queue = KeyedQueue({"RemTenant": recorder}, pace=Pace(burst=10, sustained_seconds=2, jitter=0))
    queue.add(KEY)
    await work(queue, 100)
    assert recorder.times[10] < 1
    assert 55 < len(recorder.runs) < 65


@in_computed_time
async def test_a_key_that_failed_and_was_added_meanwhile_is_tried_soon() -> None:
    async def does(run: int) -> Result:
        if run == 9:
            queue.add(KEY)
        if run < 10:
            raise RuntimeError("trouble")
        return Result()

    recorder = Recorder(does)
    queue = KeyedQueue({"RemTenant": recorder}, pace=PACE)
    queue.add(KEY)
    await work(queue, 700)
    assert round(recorder.times[9] - recorder.times[8]) == 5


@in_computed_time
async def test_the_server_s_retry_after_is_kept() -> None:
    class SlowDownError(Exception):
        transient = True
        retry_after_seconds = 42.0

    recorder = Recorder(fail(1, SlowDownError))
    queue = KeyedQueue({"RemTenant": recorder}, pace=PACE)
    queue.add(KEY)
    await work(queue, 100)
    assert recorder.times == [0, 42]


@in_computed_time
async def test_every_key_is_looked_at_again_and_the_resync_is_spread() -> None:
    spread = iter([0.0, 1.0, 0.5, 0.5, 0.5, 0.5])
    recorder = Recorder()
    pace = Pace(concurrency=1, resync_seconds=600, jitter=0.2)
    queue = KeyedQueue({"RemTenant": recorder}, pace=pace, spread=lambda: next(spread))
    queue.add(KEY)
    queue.add(OTHER)
    await work(queue, 1000)
    assert recorder.times[:4] == [0, 0, 480, 720]


@in_computed_time
async def test_a_result_may_ask_for_an_earlier_run() -> None:
    async def does(run: int) -> Result:
        return Result(requeue_after_seconds=7 if run == 1 else None)

    recorder = Recorder(does)
    queue = KeyedQueue({"RemTenant": recorder}, pace=PACE)
    queue.add(KEY)
    await work(queue, 500)
    assert recorder.times == [0, 7]


@in_computed_time
async def test_the_earliest_wish_wins() -> None:
    recorder = Recorder()
    queue = KeyedQueue({"RemTenant": recorder}, pace=PACE)
    queue.add_after(KEY, 50)
    queue.add_after(KEY, 20)
    queue.add_after(KEY, 90)
    await work(queue, 200)
    assert recorder.times == [20]


@in_computed_time
async def test_a_key_whose_object_is_gone_is_forgotten() -> None:
    async def does(run: int) -> Result:
        return Result(gone=True)

    recorder = Recorder(does)
    queue = KeyedQueue({"RemTenant": recorder}, pace=PACE)
    queue.add(KEY)
    await work(queue, 2000)
    assert recorder.times == [0]
    assert queue._states == {}


@in_computed_time
async def test_nothing_starts_while_the_queue_is_on_hold() -> None:
    recorder = Recorder()
    queue = KeyedQueue({"RemTenant": recorder}, pace=PACE)
    queue.hold()
    queue.add(KEY)
    task = asyncio.create_task(queue.run())
    await asyncio.sleep(30)
    assert recorder.runs == []
    assert queue.age_seconds == pytest.approx(30)
    queue.release()
    await asyncio.sleep(1)
    assert recorder.times == [30]
    task.cancel()
    await asyncio.wait([task])


@in_computed_time
async def test_drain_waits_for_what_runs_and_starts_nothing_more() -> None:
    async def does(run: int) -> Result:
        await asyncio.sleep(10)
        return Result()

    recorder = Recorder(does)
    queue = KeyedQueue({"RemTenant": recorder}, pace=Pace(concurrency=1, jitter=0))
    queue.add(KEY)
    queue.add(OTHER)
    task = asyncio.create_task(queue.run())
    await asyncio.sleep(1)
    assert queue.longest_run_seconds == pytest.approx(1)
    assert await queue.drain(timeout_seconds=60)
    queue.add(KEY)
    await asyncio.sleep(2000)
    assert [key for _, key in recorder.runs] == [KEY]
    task.cancel()
    await asyncio.wait([task])


@in_computed_time
async def test_drain_says_when_something_would_not_end() -> None:
    async def does(run: int) -> Result:
        await asyncio.sleep(10_000)
        return Result()

    queue = KeyedQueue({"RemTenant": Recorder(does)}, pace=PACE)
    queue.add(KEY)
    task = asyncio.create_task(queue.run())
    await asyncio.sleep(1)
    assert not await queue.drain(timeout_seconds=5)
    task.cancel()
    await asyncio.wait([task])


@in_computed_time
async def test_a_cancelled_part_of_a_reconcile_is_a_failure_not_the_end_of_the_worker() -> None:
    async def does(run: int) -> Result:
        if run == 1:
            part = asyncio.create_task(asyncio.sleep(100))
            asyncio.get_running_loop().call_later(1, part.cancel)
            await part
        return Result()

    recorder = Recorder(does)
    queue = KeyedQueue({"RemTenant": recorder}, pace=Pace(concurrency=1, backoff_seconds=1, jitter=0))
    queue.add(KEY)
    await work(queue, 60)
    assert recorder.times == [0, 2]


@in_computed_time
async def test_kinds_without_a_reconciler_are_ignored() -> None:
    queue = KeyedQueue({}, pace=PACE)
    queue.add(KEY)
    assert queue.depth == 0
