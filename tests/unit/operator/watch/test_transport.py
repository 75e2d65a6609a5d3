"""kopf as a transport, against an API server that misbehaves: nothing is missed, nothing stays deaf."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kopf
import pytest

from rem_operator.kube.access import Access, Token
from rem_operator.kube.client import KubeClient
from rem_operator.kube.index import Index
from rem_operator.kube.resources import CHILDREN, CONFIG_MAPS, WATCHED
from rem_operator.metrics import Metrics
from rem_operator.queue import Key, KeyedQueue, Pace, Result
from rem_operator.settings import WatchSettings
from rem_operator.watch.transport import Sinks, Transport, kopf_settings, register

QUICK: dict[str, Any] = {"reconnect_seconds": 0.01, "restart_seconds": 1.0}


@dataclass
class Running:
    index: Index
    queue: KeyedQueue
    transport: Transport
    metrics: Metrics
    reconciled: list[Key]

    @property
    def names(self) -> set[str]:
        return {one.name for one in self.index.of_kind(CONFIG_MAPS)}


@asynccontextmanager
async def running(api: Any, *, token: Token | None = None, **settings: Any) -> AsyncIterator[Running]:
    reconciled: list[Key] = []

    async def reconcile(key: Key) -> Result:
        reconciled.append(key)
        return Result()

    metrics = Metrics()
    async with KubeClient.connect(Access(api.server, True, token or Token(value="t"))) as client:
        index = Index(watched=[CONFIG_MAPS])
        queue = KeyedQueue({"RemTenant": reconcile}, pace=Pace(jitter=0))
        transport = Transport(client, Sinks(index, queue, metrics), WatchSettings(**{**QUICK, **settings}))
        workers = asyncio.create_task(queue.run())
        watches = asyncio.create_task(transport.run())
        try:
            yield Running(index, queue, transport, metrics, reconciled)
        finally:
            for task in (watches, workers):
                task.cancel()
            await asyncio.wait([watches, workers])


async def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the conditions are of several objects, some without an event
            await asyncio.sleep(0.01)


async def test_events_reach_the_index_and_the_queue(api: Any) -> None:
    api.put("one")
    async with running(api) as operator:
        await until(lambda: operator.names == {"one"} and api.streams)
        api.put("two", tenant="second")
        await until(lambda: Key("RemTenant", "ns", "second") in operator.reconciled)
        api.delete("one")
        await until(lambda: operator.names == {"two"})
    assert set(api.selectors) == {"rem.dev/tenant"}
    assert set(api.tokens) == {"Bearer t"}


async def test_nothing_is_reconciled_before_the_first_list(api: Any) -> None:
    api.refuse, api.refuse_with = 1, 503
    async with running(api) as operator:
        operator.queue.add(Key("RemTenant", "ns", "acme"))
        await until(lambda: api.refuse == 0)
        assert not operator.transport.synced
        assert operator.reconciled == []
        await until(lambda: operator.reconciled)
        assert operator.transport.synced


async def test_what_was_deleted_while_nobody_watched_is_noticed(api: Any) -> None:
    api.put("one")
    api.put("two")
    async with running(api) as operator:
        await until(lambda: operator.names == {"one", "two"} and api.streams)
        operator.reconciled.clear()
        api.delete("one", tell=False)
        api.expire()
        await until(lambda: operator.names == {"two"})
        await until(lambda: operator.reconciled)
    assert api.lists == 2


async def test_long_lists_are_read_in_pages(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rem_operator.watch.session._PAGE", 2)
    names = {f"name-{number}" for number in range(5)}
    for name in names:
        api.put(name)
    api.expired_pages = 1
    async with running(api) as operator:
        await until(lambda: api.streams)
        assert operator.names == names
        assert operator.transport.synced
    assert api.lists == 2  # once more from the start, because the first list expired half-way


async def test_when_kopf_breaks_off_it_is_started_anew(api: Any) -> None:
    api.put("one")
    async with running(api) as operator:
        await until(lambda: api.streams)
        api.break_off()
        await until(lambda: api.lists == 2 and api.streams)
        api.put("two")
        await until(lambda: operator.names == {"one", "two"})
        assert b'rem_operator_watch_restarts_total{reason="kopf ended"} 1.0' in operator.metrics.exposition()


async def test_a_watch_without_a_sign_of_life_is_started_anew(api: Any) -> None:
    api.mute = True
    async with running(api, connect_seconds=60, inactivity_seconds=3600) as operator:
        await until(lambda: api.watches == 1)
        api.mute = False
        api.put("one")
        await until(lambda: operator.names == {"one"})
        assert b'reason="silence"' in operator.metrics.exposition()


async def test_a_silent_watch_is_opened_anew_by_kopf(api: Any) -> None:
    async with running(api, inactivity_seconds=0.2, restart_seconds=60) as operator:
        await until(lambda: api.watches >= 3)
        assert api.lists == 1
        assert operator.transport.vitals.ages(operator.index)["configmaps"] < 5


@pytest.mark.parametrize("status", [403, 429, 500])
async def test_a_refused_watch_is_tried_again_for_ever(api: Any, status: int) -> None:
    api.refuse, api.refuse_with = 3, status
    api.put("one")
    async with running(api, restart_seconds=60) as operator:
        await until(lambda: operator.names == {"one"})
        assert b"rem_operator_watch_restarts_total{" not in operator.metrics.exposition()


async def test_a_refused_token_is_read_again(api: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rem_operator.watch.session._REFUSED_SECONDS", 0.05)
    file = tmp_path / "token"
    file.write_text("old")
    token = Token(file=file, clock=lambda: 0.0)
    token.headers()
    file.write_text("new")
    api.refuse, api.refuse_with = 1, 401
    api.put("one")
    async with running(api, token=token) as operator:
        await until(lambda: operator.names == {"one"})
    assert api.tokens[:2] == ["Bearer old", "Bearer new"]


def test_only_low_level_handlers_are_registered_and_one_for_each_kind() -> None:
    """Change handlers, timers and daemons would write annotations and finalizers."""
    registry = kopf.OperatorRegistry()
    register(registry, list(WATCHED), lambda resource, kind, obj: None)
    assert {str(handler.id) for handler in registry._watching.get_all_handlers()} == {str(r) for r in WATCHED}
    assert not list(registry._changing.get_all_handlers())
    assert not list(registry._spawning.get_all_handlers())
    assert not list(registry._indexing.get_all_handlers())


def test_kopf_writes_nothing_and_children_are_selected_by_our_label() -> None:
    settings = kopf_settings(WatchSettings())
    assert not settings.posting.enabled
    assert settings.scanning.disabled
    assert settings.queueing.worker_limit is None
    assert len(settings.watching.label_selectors) == len(CHILDREN)
    assert isinstance(settings.watching.server_timeout, int)  # the API server refuses "300.0"
