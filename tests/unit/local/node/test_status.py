"""Container records → pod status, by a kubelet's rules."""

from __future__ import annotations

from typing import Any

import pytest

from rem_local.node.podspec import Pod
from rem_local.node.status import ContainerRecord, Role, Sandbox, pod_phase, pod_status, should_restart, waiting

RUNNING = {"running": {"startedAt": "t"}}


def ended(code: int) -> dict[str, Any]:
    return {"terminated": {"exitCode": code}}


def record(state: Any, role: Role = "main", **more: Any) -> ContainerRecord:
    return ContainerRecord(name=role, image="x", role=role, state=state, **more)


WAITING = record(waiting("ContainerCreating"))
READY = record(RUNNING, ready=True, started=True)


@pytest.mark.parametrize(
    ("records", "over", "phase"),
    [
        ([WAITING], False, "Pending"),
        ([READY], False, "Running"),
        ([READY, WAITING], False, "Pending"),
        ([record(waiting("CrashLoopBackOff"), last_state=ended(1))], False, "Running"),
        ([record(ended(1))], False, "Running"),
        ([record(RUNNING, "init"), WAITING], False, "Pending"),
        ([record(ended(0), "init"), READY], False, "Running"),
        ([record(ended(1), "init"), WAITING], True, "Failed"),
        ([record(RUNNING, "sidecar"), WAITING], False, "Pending"),
        ([record(RUNNING, "sidecar", started=True), READY], False, "Running"),
        ([record(ended(143), "sidecar"), record(ended(0))], True, "Succeeded"),
        ([record(waiting("CrashLoopBackOff"), "sidecar", last_state=ended(1)), READY], False, "Running"),
        ([record(ended(0)), record(ended(0))], True, "Succeeded"),
        ([record(ended(0)), record(ended(2))], True, "Failed"),
        ([WAITING], True, "Failed"),
    ],
)
def test_phase(records: list[ContainerRecord], over: bool, phase: str) -> None:
    assert pod_phase(records, over=over) == phase


@pytest.mark.parametrize(
    ("role", "policy", "code", "again"),
    [
        ("main", "Always", 0, True),
        ("main", "Always", 1, True),
        ("main", "OnFailure", 0, False),
        ("main", "OnFailure", 1, True),
        ("main", "Never", 1, False),
        ("init", "Always", 0, False),
        ("init", "Always", 1, True),
        ("init", "OnFailure", 1, True),
        ("init", "Never", 1, False),
        ("sidecar", "Never", 0, True),
    ],
)
def test_restart(role: Role, policy: Any, code: int, again: bool) -> None:
    assert should_restart(role, policy, code) is again


def pod(**status: Any) -> Pod:
    spec: dict[str, Any] = {"containers": [{"name": "main", "image": "x"}]}
    if status.pop("gate", None):
        spec["readinessGates"] = [{"conditionType": "rem.dev/warm"}]
    meta = {"name": "p", "namespace": "n", "uid": "u", "generation": 3}
    return Pod.model_validate({"metadata": meta, "spec": spec, "status": status})


def sandbox(**more: Any) -> Sandbox:
    facts = {"pod_ip": "127.16.10.1", "host_ip": "127.16.0.1", "start_time": "t0", "prepared": True, "over": False}
    return Sandbox(**{**facts, **more})


def conditions(records: list[ContainerRecord], each: Pod | None = None, **more: Any) -> dict[str, tuple[str, str]]:
    status = pod_status(each or pod(), records, sandbox(**more), before=[], now="t1")
    return {item["type"]: (item["status"], item.get("reason", "")) for item in status["conditions"]}


def test_conditions_of_a_ready_pod() -> None:
    assert conditions([READY]) == {
        "PodReadyToStartContainers": ("True", ""),
        "Initialized": ("True", ""),
        "ContainersReady": ("True", ""),
        "Ready": ("True", ""),
    }


def test_conditions_before_the_start() -> None:
    seen = conditions([record(RUNNING, "init"), WAITING], prepared=False)
    assert seen["PodReadyToStartContainers"] == ("False", "")
    assert seen["Initialized"] == ("False", "ContainersNotInitialized")
    assert seen["Ready"] == ("False", "ContainersNotReady")


@pytest.mark.parametrize(("code", "reason"), [(0, "PodCompleted"), (1, "PodFailed")])
def test_conditions_at_the_end(code: int, reason: str) -> None:
    seen = conditions([record(ended(code))], over=True, prepared=False)
    assert seen["Ready"] == seen["ContainersReady"] == ("False", reason)


def test_a_readiness_gate_of_somebody_else_is_respected() -> None:
    assert conditions([READY], pod(gate=True))["Ready"] == ("False", "ReadinessGatesNotReady")
    open_gate = pod(gate=True, conditions=[{"type": "rem.dev/warm", "status": "True"}])
    assert conditions([READY], open_gate)["Ready"] == ("True", "")


def test_the_time_of_a_condition_moves_with_its_status_only() -> None:
    first = pod_status(pod(), [WAITING], sandbox(), before=[], now="t1")
    second = pod_status(pod(), [READY], sandbox(), before=first["conditions"], now="t2")
    times = {item["type"]: item["lastTransitionTime"] for item in second["conditions"]}
    assert times == {"PodReadyToStartContainers": "t1", "Initialized": "t1", "ContainersReady": "t2", "Ready": "t2"}
    assert {item["observedGeneration"] for item in second["conditions"]} == {3}
    assert pod_status(pod(), [READY], sandbox(), before=second["conditions"], now="t3") == second


def test_addresses_and_container_statuses() -> None:
    init = record(ended(0), "init")
    status = pod_status(pod(), [init, READY], sandbox(), before=[], now="t1")
    assert (status["podIP"], status["podIPs"]) == ("127.16.10.1", [{"ip": "127.16.10.1"}])
    assert status["hostIPs"] == [{"ip": "127.16.0.1"}]
    assert [each["ready"] for each in status["initContainerStatuses"]] == [True]
    assert [(each["ready"], each["state"]) for each in status["containerStatuses"]] == [(True, RUNNING)]
    assert "initContainerStatuses" not in pod_status(pod(), [READY], sandbox(), before=[], now="t1")


def test_a_reason_of_the_pod_means_failed() -> None:
    status = pod_status(pod(), [record(ended(143))], sandbox(over=True, reason="DeadlineExceeded"), before=[], now="t")
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")
