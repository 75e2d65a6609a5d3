"""From what was seen to conditions: pure, and kstatus-complete.

kstatus reads `Ready=False` alone as "in progress for ever". So `Stalled=True` stands beside it when only a change
to the object helps, `Reconciling=True` when something else is awaited; both are absent when all is well. Nothing here
reads a clock: the caller hands in `now`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from rem_operator.errors import Blocked, Problem, Waiting

Status = Literal["True", "False", "Unknown"]

# kubectl shows a condition's whole message in `describe`; the CRD bounds it at 32 KiB as metav1.Condition does.
_MESSAGE_LIMIT_CHARACTERS = 4096
PROGRESS_DEADLINE = timedelta(minutes=10)
ROLLING_OUT = "RollingOut"
"""Reason of Reconciling while an object serves and something of it is still being changed."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition before it has a time: `status` is True, False or Unknown."""

    type: str
    status: Status
    reason: str
    message: str = ""


def from_problem(kind: str, problem: Problem | None, *, ready_reason: str, ready_message: str = "") -> Condition:
    """`kind`=True with `ready_reason` when there is no problem, else False with the problem's reason and message."""
    if problem is None:
        return Condition(kind, "True", ready_reason, ready_message)
    return Condition(kind, "False", problem.reason, problem.message)


def summarise(
    parts: Sequence[Condition], problem: Problem | None, *, rolling: str = "", stuck: Blocked | None = None
) -> list[Condition]:
    """The parts plus Ready and, where they apply, Reconciling and Stalled.

    `problem` is what keeps the object from being Ready, the first in order of importance; None when every part is
    True. `rolling` says what is still being rolled out while the object already serves, `stuck` that this has been
    going on for too long.
    """
    if isinstance(problem, Blocked):
        return [
            Condition("Ready", "False", problem.reason, problem.message),
            Condition("Stalled", "True", problem.reason, problem.message),
            *parts,
        ]
    if problem is not None:
        return [
            Condition("Ready", "False", problem.reason, problem.message),
            Condition("Reconciling", "True", problem.reason, problem.message),
            *parts,
        ]
    ready = Condition("Ready", "True", "Ready", "Every part of the tenant is ready.")
    if stuck is not None:
        return [ready, Condition("Stalled", "True", stuck.reason, stuck.message), *parts]
    if rolling:
        return [ready, Condition("Reconciling", "True", ROLLING_OUT, rolling), *parts]
    return [ready, *parts]


def first_problem(problems: Sequence[Problem | None]) -> Problem | None:
    """The problem to tell: the first that only the user can solve, else the first that is awaited."""
    found = [p for p in problems if p is not None]
    blocked = [p for p in found if isinstance(p, Blocked)]
    return (blocked or found or [None])[0]


def stamped(
    conditions: Sequence[Condition], previous: Sequence[Mapping[str, Any]], *, generation: int, now: datetime
) -> list[dict[str, Any]]:
    """Conditions as the API writes them; `lastTransitionTime` is kept while the status stays the same.

    Reconciling is stricter: its time is kept only while generation, reason and message stay the same too, so that it
    says since when there has been no progress. Nothing else is stored for the progress deadline.
    """
    before = {c["type"]: c for c in previous}
    return [_stamped(c, before.get(c.type), generation=generation, now=now) for c in conditions]


def _stamped(
    condition: Condition, before: Mapping[str, Any] | None, *, generation: int, now: datetime
) -> dict[str, Any]:
    message = _cut(condition.message)
    now_told = (condition.status, condition.reason, message, generation)
    compared = 4 if condition.type == "Reconciling" else 1
    kept = None
    if before is not None:
        told = (before.get("status"), before.get("reason"), before.get("message"), before.get("observedGeneration"))
        kept = before["lastTransitionTime"] if told[:compared] == now_told[:compared] else None
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": kept or timestamp(now),
    }


def overdue(problem: Problem | None, previous: Sequence[Mapping[str, Any]], *, now: datetime) -> Problem | None:
    """Ten minutes without progress turn waiting into Stalled / ProgressDeadlineExceeded; progress clears it.

    `previous` are the conditions that the object has now, of its present generation: they say what was awaited, and
    since when. Those of an earlier generation do not count: a change of the object is a new attempt.
    """
    if not isinstance(problem, Waiting):
        return problem
    minutes = int(PROGRESS_DEADLINE.total_seconds() // 60)
    exceeded = Blocked(
        "ProgressDeadlineExceeded", f"No progress for {minutes} minutes. {problem.reason}: {problem.message}"
    )
    before = {c["type"]: c for c in previous}
    # What is stored was cut: compared with the whole message, a long one would never be the same as before.
    if before.get("Stalled", {}).get("message") == _cut(exceeded.message):
        return exceeded
    awaited = before.get("Reconciling", {})
    if (awaited.get("reason"), awaited.get("message")) != (problem.reason, _cut(problem.message)):
        return problem
    return exceeded if now - parsed_timestamp(awaited["lastTransitionTime"]) >= PROGRESS_DEADLINE else problem


def _cut(message: str) -> str:
    return message[:_MESSAGE_LIMIT_CHARACTERS]


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, as metav1.Time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def parsed_timestamp(text: str) -> datetime:
    """The reverse of `timestamp`; also takes fractions of a second."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
