"""What the stand-ins share: conditions, status writes that happen only when needed, durations."""

from __future__ import annotations

from typing import Any

import pytest

from rem_local.neighbours.durations import parse_duration_seconds
from rem_local.neighbours.objects import condition, is_subset, merge_conditions, status_patch

READY = condition("Ready", "True", "Fine", "all is well")


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    first = merge_conditions([], [READY], at="2026-01-01T00:00:00Z")
    same = merge_conditions(first, [{**READY, "message": "still"}], at="2026-01-02T00:00:00Z")
    other = merge_conditions(same, [{**READY, "status": "False"}], at="2026-01-03T00:00:00Z")
    assert [items[0]["lastTransitionTime"][:10] for items in (first, same, other)] == [
        "2026-01-01",
        "2026-01-01",
        "2026-01-03",
    ]


def test_a_status_patch_holds_what_differs_and_clears_what_must_go() -> None:
    live = {"phase": "Healthy", "readyInstances": 3}
    assert status_patch(live, {"phase": "Healthy", "readyInstances": None, "message": None}) == {"readyInstances": None}


@pytest.mark.parametrize(
    ("desired", "live", "expected"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, True),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, False),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, True),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}, {"b": 2}]}, False),
        ({"annotations": {}}, {}, True),
        ({"a": 1}, {}, False),
    ],
)
def test_is_subset(desired: Any, live: Any, expected: bool) -> None:
    assert is_subset(desired, live) is expected


@pytest.mark.parametrize(
    ("text", "seconds"), [("1h0m0s", 3600), ("1.5s", 1.5), ("250ms", 0.25), ("0", 0), ("1m5s", 65)]
)
def test_durations_are_go_s(text: str, seconds: float) -> None:
    assert parse_duration_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "1d", "h1"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration_seconds(text)
