"""When probes run and what their results mean; the checks are scripted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from rem_local.node.containers import restart_delay
from rem_local.node.podspec import Container, Probe
from rem_local.node.probes import watch_health

_FAST = {"periodSeconds": 0, "tcpSocket": {"port": 1}}


class Script:
    """Answers each kind of probe with its next result; the last one stays."""

    def __init__(self, **results: Sequence[bool]) -> None:
        self._results = {kind: list(each) for kind, each in results.items()}
        self.asked: list[str] = []
        self.reports: list[tuple[bool, bool]] = []

    async def check(self, kind: str, _: Probe) -> str | None:
        self.asked.append(kind)
        results = self._results[kind]
        passed = results.pop(0) if len(results) > 1 else results[0]
        return None if passed else "no"

    def report(self, started: bool, ready: bool) -> None:
        self.reports.append((started, ready))


def container(**probes: dict[str, Any]) -> Container:
    return Container.model_validate({"name": "c", "image": "i", **probes})


async def test_a_startup_probe_that_never_passes_kills() -> None:
    script = Script(Startup=[False])
    verdict = await watch_health(container(startupProbe={**_FAST, "failureThreshold": 4}), script.check, script.report)
    assert (verdict.kind, len(script.asked)) == ("startup", 4)
    assert script.reports == []


async def test_liveness_waits_for_startup_and_needs_failures_in_a_row() -> None:
    script = Script(Startup=[False, False, True], Liveness=[True, False, False, True, False, False, False])
    probes = {"startupProbe": {**_FAST, "failureThreshold": 30}, "livenessProbe": {**_FAST, "failureThreshold": 3}}
    verdict = await watch_health(container(**probes), script.check, script.report)
    assert script.asked == ["Startup"] * 3 + ["Liveness"] * 7
    assert (verdict.kind, verdict.message) == ("liveness", "no")
    assert script.reports == [(True, True)]


async def test_readiness_comes_and_goes_by_its_thresholds() -> None:
    script = Script(Readiness=[False, True, False, True, True, False, False, True, True])
    probe = {**_FAST, "failureThreshold": 2, "successThreshold": 2}
    with pytest.raises(TimeoutError):
        # The results of the script are used up at once; then the probe goes on for ever without a change.
        await asyncio.wait_for(watch_health(container(readinessProbe=probe), script.check, script.report), 0.2)
    assert script.reports == [(True, False), (True, True), (True, False), (True, True)]


def test_restarts_back_off_to_a_cap() -> None:
    assert [restart_delay(failures) for failures in range(1, 9)] == [0, 1, 2, 4, 8, 16, 30, 30]
    assert restart_delay(10_000) == 30
