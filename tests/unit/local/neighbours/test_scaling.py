"""From queue lengths to replicas, as KEDA and its HPA decide together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rem_local.neighbours.keda.scaling import InvalidScaledObjectError, Reading, bounds_of, desired_replicas
from rem_local.neighbours.keda.sqs import TriggerError, parse_trigger

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRIGGER = {"queueURL": "http://sqs/123/files", "awsRegion": "eu-central-1", "awsEndpoint": "http://sqs"}


def decide(
    *lengths: int, current: int, spec: dict[str, Any] | None = None, idle_for_seconds: float | None = None
) -> int:
    bounds = bounds_of({"minReplicaCount": 0, "maxReplicaCount": 20, "cooldownPeriod": 60, **(spec or {})})
    last_active = None if idle_for_seconds is None else NOW - timedelta(seconds=idle_for_seconds)
    readings = [Reading(length=length, target=10) for length in lengths]
    return desired_replicas(bounds, readings, current=current, last_active=last_active, now=NOW)


@pytest.mark.parametrize(
    ("length", "current", "expected"),
    [
        (0, 0, 0),
        (1, 0, 1),  # one message is enough to wake it
        (95, 0, 10),
        (95, 10, 10),
        (1000, 1, 20),  # not above the maximum
        (1, 20, 1),
        (104, 10, 10),  # within the tolerance of an HPA
        (112, 10, 12),
    ],
)
def test_replicas_follow_the_length_while_there_are_messages(length: int, current: int, expected: int) -> None:
    assert decide(length, current=current, idle_for_seconds=0) == expected


def test_it_keeps_one_until_it_has_cooled_down() -> None:
    assert decide(0, current=5, idle_for_seconds=59) == 1
    assert decide(0, current=5, idle_for_seconds=60) == 0
    assert decide(0, current=5) == 0  # never active: it was not scaled by KEDA


def test_a_minimum_holds_and_is_restored() -> None:
    assert decide(0, current=5, spec={"minReplicaCount": 2}, idle_for_seconds=1) == 2
    assert decide(0, current=0, spec={"minReplicaCount": 2}) == 2
    assert decide(1, current=2, spec={"minReplicaCount": 2}, idle_for_seconds=0) == 2


def test_idle_replicas_stand_below_the_minimum() -> None:
    spec = {"minReplicaCount": 3, "idleReplicaCount": 0}
    assert decide(0, current=3, spec=spec, idle_for_seconds=120) == 0
    assert decide(0, current=3, spec=spec, idle_for_seconds=1) == 3
    assert decide(1, current=0, spec=spec, idle_for_seconds=0) == 3


def test_the_hungriest_trigger_wins() -> None:
    assert decide(10, 45, current=1, idle_for_seconds=0) == 5


def test_bounds_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InvalidScaledObjectError, match="MinReplicaCount=3 must be less than MaxReplicaCount=2"):
        bounds_of({"minReplicaCount": 3, "maxReplicaCount": 2})


def test_a_trigger_counts_what_is_in_flight_unless_told_not_to() -> None:
    parsed = parse_trigger({"type": "aws-sqs-queue", "metadata": TRIGGER})
    assert parsed.queue_name == "files"
    assert parsed.target == 5
    assert parsed.attributes == ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    waiting = parse_trigger({"type": "aws-sqs-queue", "metadata": {**TRIGGER, "scaleOnInFlight": "false"}})
    assert waiting.attributes == ("ApproximateNumberOfMessages",)


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        ({"type": "cron", "metadata": {}}, "no scaler found for type: cron"),
        ({"type": "aws-sqs-queue", "metadata": {**TRIGGER, "queueURL": ""}}, "missing required parameter 'queueURL'"),
        (
            {"type": "aws-sqs-queue", "metadata": {**TRIGGER, "awsEndpoint": ""}},
            "does not talk to AWS: set awsEndpoint",
        ),
        ({"type": "aws-sqs-queue", "metadata": {**TRIGGER, "queueLength": "ten"}}, "queueLength is not a number"),
        ({"type": "aws-sqs-queue", "metadata": {**TRIGGER, "queueURL": "http://sqs"}}, "cannot get queueName"),
    ],
)
def test_a_trigger_that_cannot_work_says_why(trigger: dict[str, Any], said: str) -> None:
    with pytest.raises(TriggerError, match=said):
        parse_trigger(trigger)
