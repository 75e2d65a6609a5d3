"""From what the containers do to the pod's status, by a kubelet's rules. Pure.

Owns: container statuses, phase and conditions. Must not be in it: clocks, writing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rem_local.node.podspec import Container, Pod, RestartPolicy

Role = Literal["init", "sidecar", "main"]
State = Mapping[str, Any]


def waiting(reason: str, message: str = "") -> State:
    """The state of a container that is not running."""
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


@dataclass(frozen=True, slots=True)
class ContainerRecord:
    """What one container is doing; `state` and `last_state` are in Kubernetes' form."""

    name: str
    image: str
    role: Role
    state: State
    last_state: State = field(default_factory=dict)
    restart_count: int = 0
    ready: bool = False
    started: bool = False
    container_id: str = ""

    @property
    def exit_code(self) -> int | None:
        """None while it runs or waits."""
        ended = self.state.get("terminated")
        return None if ended is None else int(ended["exitCode"])


def role_of(container: Container, *, init: bool) -> Role:
    """An init container that is restarted always is a sidecar."""
    if not init:
        return "main"
    return "sidecar" if container.restart_policy == "Always" else "init"


def should_restart(role: Role, policy: RestartPolicy, exit_code: int) -> bool:
    """Whether a container that ended is started again."""
    if role == "sidecar":
        return True
    if role == "init" and policy == "Always":
        return exit_code != 0
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def pod_phase(records: Sequence[ContainerRecord], *, over: bool) -> str:
    """Pending, Running, Succeeded or Failed; `over` when nothing of the pod runs or will run again.

    As long as a sidecar is still running the pod is not over, whatever its containers did.
    """
    mains = [record for record in records if record.role == "main"]
    if over:
        return "Succeeded" if all(record.exit_code == 0 for record in mains) else "Failed"
    return "Running" if _has_begun(records, mains) else "Pending"


def _has_begun(records: Sequence[ContainerRecord], mains: Sequence[ContainerRecord]) -> bool:
    """Every container of the pod has run at least once."""
    return _initialised(records) and not any("waiting" in each.state and not each.last_state for each in mains)


def _initialised(records: Sequence[ContainerRecord]) -> bool:
    return all(_is_initialised(record) for record in records if record.role != "main")


def _is_initialised(record: ContainerRecord) -> bool:
    if record.role == "init":
        return record.exit_code == 0
    # A sidecar that is started again does not take the pod back to its beginning.
    return record.started or bool(record.last_state) or record.exit_code is not None


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The pod's own facts beside its containers."""

    pod_ip: str
    host_ip: str
    start_time: str
    prepared: bool
    over: bool
    reason: str = ""
    message: str = ""


def pod_status(
    pod: Pod, records: Sequence[ContainerRecord], sandbox: Sandbox, *, before: Sequence[State], now: str
) -> dict[str, Any]:
    """The whole status as this node applies it. `before` are the conditions written last, for transition times."""
    phase = "Failed" if sandbox.reason else pod_phase(records, over=sandbox.over)
    conditions = _conditions(pod, records, phase=phase, prepared=sandbox.prepared)
    status: dict[str, Any] = {
        "phase": phase,
        "conditions": [_dated(each, pod, before, now) for each in conditions],
        "startTime": sandbox.start_time,
        "hostIP": sandbox.host_ip,
        "hostIPs": [{"ip": sandbox.host_ip}],
        "podIP": sandbox.pod_ip,
        "podIPs": [{"ip": sandbox.pod_ip}],
        "containerStatuses": [_container_status(each) for each in records if each.role == "main"],
        "initContainerStatuses": [_container_status(each) for each in records if each.role != "main"],
    }
    if pod.metadata.generation is not None:
        status["observedGeneration"] = pod.metadata.generation
    optional = {"reason": sandbox.reason, "message": sandbox.message}
    return {**{key: value for key, value in status.items() if value != []}, **{k: v for k, v in optional.items() if v}}


def _container_status(record: ContainerRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "image": record.image,
        "imageID": "",
        "containerID": record.container_id,
        "state": dict(record.state),
        "lastState": dict(record.last_state),
        "restartCount": record.restart_count,
        "ready": _is_ready(record),
        "started": record.started,
    }


def _is_ready(record: ContainerRecord) -> bool:
    return record.exit_code == 0 if record.role == "init" else record.ready


def _conditions(pod: Pod, records: Sequence[ContainerRecord], *, phase: str, prepared: bool) -> list[dict[str, Any]]:
    completed = phase == "Succeeded"
    waiting_init = [each.name for each in records if each.role != "main" and not _is_initialised(each)]
    unready = [each.name for each in records if each.role != "init" and not each.ready]
    initialised = _condition(
        "Initialized",
        "PodCompleted" if completed else "ContainersNotInitialized" if waiting_init else "",
        f"containers with incomplete status: [{' '.join(waiting_init)}]" if waiting_init and not completed else "",
        holds=completed or not waiting_init,
    )
    containers = _ready_condition("ContainersReady", phase, unready)
    gates = _closed_gates(pod)
    ready = _ready_condition("Ready", phase, unready)
    if containers["status"] == "True" and gates:
        ready = _condition(
            "Ready", "ReadinessGatesNotReady", f"corresponding conditions are not True: {', '.join(gates)}", holds=False
        )
    return [_condition("PodReadyToStartContainers", "", "", holds=prepared), initialised, containers, ready]


def _closed_gates(pod: Pod) -> list[str]:
    true = {each.type for each in pod.status.conditions if each.status == "True"}
    return [gate.condition_type for gate in pod.spec.readiness_gates if gate.condition_type not in true]


def _ready_condition(kind: str, phase: str, unready: Sequence[str]) -> dict[str, Any]:
    if phase in {"Succeeded", "Failed"}:
        return _condition(kind, "PodCompleted" if phase == "Succeeded" else "PodFailed", "", holds=False)
    if unready:
        return _condition(
            kind, "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]", holds=False
        )
    return _condition(kind, "", "", holds=True)


def _condition(kind: str, reason: str, message: str, *, holds: bool) -> dict[str, Any]:
    texts = {"reason": reason, "message": message}
    return {"type": kind, "status": "True" if holds else "False", **{k: v for k, v in texts.items() if v}}


def _dated(condition: dict[str, Any], pod: Pod, before: Sequence[State], now: str) -> dict[str, Any]:
    old = next((each for each in before if each["type"] == condition["type"]), None)
    same = old is not None and old["status"] == condition["status"]
    generation = pod.metadata.generation
    observed = {} if generation is None else {"observedGeneration": generation}
    return {**condition, **observed, "lastTransitionTime": old["lastTransitionTime"] if old and same else now}
