"""What the operator tells: logs, metrics, probes and Events."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from rem_operator.events import EventRecorder
from rem_operator.kube.errors import Forbidden
from rem_operator.kube.index import seen
from rem_operator.kube.resources import EVENTS, REM_TENANTS
from rem_operator.logs import JsonFormatter, set_up_logs
from rem_operator.metrics import Metrics
from rem_operator.serving import serve

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
TENANT = seen(REM_TENANTS, {"metadata": {"name": "acme", "namespace": "ns", "uid": "u"}})


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("kopf", "aiohttp.access")}
    stream = io.StringIO()
    set_up_logs("INFO", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_log_line_is_json_with_fields(written: io.StringIO) -> None:
    logging.getLogger("rem").info("tenant applied", extra={"tenant": "acme", "level": "clash", "when": NOW})
    [line] = lines(written)
    assert line["message"] == "tenant applied"
    assert line["level"] == "info"
    assert line["tenant"] == "acme"
    assert line["field_level"] == "clash"
    assert line["time"].endswith("Z")


def test_an_exception_is_one_line(written: io.StringIO) -> None:
    try:
        raise ValueError("trouble")  # noqa: TRY301 - the point is the logging of it
    except ValueError:
        logging.getLogger("rem").exception("failed")
    [line] = lines(written)
    assert "ValueError: trouble" in line["exception"]


def test_kopf_tells_failures_without_its_internals(written: io.StringIO) -> None:
    kopf_log = logging.getLogger("kopf._core.reactor")
    kopf_log.info("chatter")
    kopf_log.error("watcher failed", exc_info=ValueError("trouble"))
    logging.getLogger("asyncio").error("Task exception was never retrieved: /site-packages/kopf/_core/x.py")
    [line] = lines(written)
    assert line["message"] == "watcher failed"
    assert "exception" not in line


def test_what_json_does_not_know_is_written_as_text() -> None:
    record = logging.makeLogRecord({"msg": "m", "thing": object()})
    assert "object object" in json.loads(JsonFormatter().format(record))["thing"]


def test_the_conditions_of_an_object_replace_the_earlier_ones_and_go_with_it() -> None:
    metrics = Metrics()
    metrics.conditions("RemTenant", "ns", "acme", [{"type": "Ready", "status": "False"}])
    metrics.conditions("RemTenant", "ns", "acme", [{"type": "Ready", "status": "True"}])
    text = metrics.exposition().decode()
    assert text.count('name="acme"') == 1
    assert 'rem_resource_condition{kind="RemTenant",name="acme",namespace="ns",status="True",type="Ready"} 1.0' in text
    metrics.forget("RemTenant", "ns", "acme")
    assert 'name="acme"' not in metrics.exposition().decode()


def test_unchanged_children_are_not_counted() -> None:
    metrics = Metrics()
    metrics.child("configmaps", "unchanged")
    metrics.child("configmaps", "repaired")
    text = metrics.exposition().decode()
    assert 'action="repaired"' in text
    assert 'action="unchanged"' not in text


def test_two_sets_of_metrics_do_not_share_anything() -> None:
    Metrics().reconciled("RemTenant", "success", 0.1)
    assert b"success" not in Metrics().exposition()


async def test_the_probes_name_what_is_wrong() -> None:
    unhealthy: list[str] = []
    async with (
        serve("127.0.0.1", 0, metrics=Metrics(), healthy=lambda: unhealthy, ready=lambda: ["no list yet"]) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        async with session.get("/healthz") as answer:
            assert (answer.status, await answer.text()) == (200, "ok\n")
        unhealthy.append("no sign of life from the watch of secrets")
        async with session.get("/healthz") as answer:
            assert (answer.status, await answer.text()) == (503, "no sign of life from the watch of secrets\n")
        async with session.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "no list yet\n")
        async with session.get("/metrics") as answer:
            assert "rem_operator" in await answer.text()


class Written:
    """Takes what the recorder applies in place of the API server."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.trouble: Exception | None = None

    async def apply(self, resource: Any, namespace: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        assert resource == EVENTS
        if self.trouble:
            raise self.trouble
        self.events.append(body)
        return body


async def test_the_same_event_is_written_once_in_ten_minutes_and_counted() -> None:
    now = NOW
    api = Written()
    recorder = EventRecorder(api, lambda: now)  # type: ignore[arg-type]  # the one method that it uses
    for _ in range(3):
        await recorder.record(TENANT, "Warning", "NameConflict", "x is not ours")
    await recorder.record(TENANT, "Normal", "Ready", "all is well")
    assert [event["reason"] for event in api.events] == ["NameConflict", "Ready"]
    now += timedelta(minutes=11)
    await recorder.record(TENANT, "Warning", "NameConflict", "x is not ours")
    again = api.events[-1]
    assert again["metadata"] == api.events[0]["metadata"]
    assert (again["count"], again["firstTimestamp"]) == (2, "2026-01-01T12:00:00Z")
    assert again["involvedObject"]["uid"] == "u"


async def test_an_event_that_cannot_be_written_fails_nothing(caplog: pytest.LogCaptureFixture) -> None:
    api = Written()
    api.trouble = Forbidden("no")
    await EventRecorder(api, lambda: NOW).record(TENANT, "Normal", "Ready", "all is well")  # type: ignore[arg-type]  # as above
    assert "event not written" in caplog.text
