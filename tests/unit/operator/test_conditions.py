"""Conditions: what kstatus makes of them, and since when one waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rem_operator.conditions import (
    PROGRESS_DEADLINE,
    Condition,
    first_problem,
    overdue,
    stamped,
    summarise,
    timestamp,
)
from rem_operator.errors import Blocked, Problem, Waiting

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WAITING = Waiting("WaitingForDatabase", "Cluster acme-db: Setting up primary.")
BLOCKED = Blocked("NameConflict", "Service acme-api exists.")


def kstatus(conditions: list[Condition]) -> str:
    """What kstatus computes for an object of a current generation (cli-utils, pkg/kstatus/status/generic.go)."""
    by_type = {c.type: c.status for c in conditions}
    if by_type.get("Reconciling") == "True":
        return "InProgress"
    if by_type.get("Stalled") == "True":
        return "Failed"
    return {"True": "Current", None: "Current"}.get(by_type.get("Ready"), "InProgress")


@pytest.mark.parametrize(
    ("problem", "rolling", "expected"),
    [
        (None, "", "Current"),
        (None, "Deployment acme-api is rolling out.", "InProgress"),
        (WAITING, "", "InProgress"),
        (BLOCKED, "", "Failed"),
    ],
)
def test_kstatus_agrees(problem: Problem | None, rolling: str, expected: str) -> None:
    assert kstatus(summarise([], problem, rolling=rolling)) == expected


def test_reconciling_and_stalled_are_absent_when_all_is_well() -> None:
    told = summarise([Condition("DatabaseReady", "True", "Healthy")], None)
    assert [c.type for c in told] == ["Ready", "DatabaseReady"]


def test_what_only_the_user_can_solve_is_told_first() -> None:
    assert first_problem([WAITING, None, BLOCKED]) is BLOCKED
    assert first_problem([None, WAITING]) is WAITING
    assert first_problem([None]) is None


def _stamp(conditions: list[Condition], previous: list[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    return stamped(conditions, previous, generation=3, now=now)


def test_a_transition_time_is_kept_while_the_status_stays() -> None:
    first = _stamp([Condition("Ready", "False", "A", "a")], [], NOW)
    second = _stamp([Condition("Ready", "False", "B", "b")], first, NOW + timedelta(minutes=1))
    third = _stamp([Condition("Ready", "True", "Ready", "")], second, NOW + timedelta(minutes=2))
    assert second[0]["lastTransitionTime"] == first[0]["lastTransitionTime"] == timestamp(NOW)
    assert third[0]["lastTransitionTime"] == timestamp(NOW + timedelta(minutes=2))
    assert third[0]["observedGeneration"] == 3


def test_equal_input_gives_equal_output() -> None:
    told = [Condition("Ready", "False", "A", "a"), Condition("Reconciling", "True", "A", "a")]
    first = _stamp(told, [], NOW)
    assert _stamp(told, first, NOW + timedelta(hours=1)) == first


def _waited(seconds: float, problem: Problem = WAITING) -> Problem | None:
    before = _stamp(summarise([], problem), [], NOW)
    return overdue(WAITING, before, now=NOW + timedelta(seconds=seconds))


def test_ten_minutes_without_progress_are_too_long() -> None:
    assert _waited(PROGRESS_DEADLINE.total_seconds() - 1) is WAITING
    exceeded = _waited(PROGRESS_DEADLINE.total_seconds())
    assert isinstance(exceeded, Blocked)
    assert exceeded.reason == "ProgressDeadlineExceeded"
    assert WAITING.message in exceeded.message


def test_progress_starts_the_ten_minutes_anew() -> None:
    assert _waited(3600, Waiting("WaitingForDatabase", "another phase")) is WAITING


def test_an_exceeded_deadline_stays_until_there_is_progress() -> None:
    exceeded = _waited(PROGRESS_DEADLINE.total_seconds())
    stalled = _stamp(summarise([], exceeded), [], NOW)
    assert overdue(WAITING, stalled, now=NOW) == exceeded
    other = Waiting("WaitingForSchema", "Job acme-schema-1 is running.")
    assert overdue(other, stalled, now=NOW) is other


def test_what_is_blocked_is_never_overdue() -> None:
    assert overdue(BLOCKED, [], now=NOW) is BLOCKED
    assert overdue(None, [], now=NOW) is None


def test_a_long_message_is_cut_to_what_the_crd_takes() -> None:
    told = _stamp([Condition("Ready", "False", "Invalid", "x" * 100_000)], [], NOW)
    assert len(told[0]["message"]) <= 32768
