"""PURE: from queue lengths to a number of replicas, as KEDA and the HorizontalPodAutoscaler it makes decide together.

Two deliberate differences, so that a test or a demonstration need not wait: no scale-down stabilisation (an HPA waits
5 minutes), and a decision with each poll (an HPA looks every 15 s).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

_DEFAULT_POLLING_SECONDS = 30
_DEFAULT_COOLDOWN_SECONDS = 300
_DEFAULT_MAXIMUM = 100
_TOLERANCE = 0.1  # an HPA leaves replicas alone while the ratio is within 10 % of the target


class InvalidScaledObjectError(Exception):
    """The bounds contradict each other."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far and how often a ScaledObject scales."""

    minimum: int
    maximum: int
    idle: int | None
    polling_seconds: float
    cooldown_seconds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What one trigger says: how many messages wait, how many one replica takes, above how many it is active."""

    length: int
    target: int
    activation: int = 0

    @property
    def active(self) -> bool:
        return self.length > self.activation


def bounds_of(spec: Mapping[str, Any]) -> Bounds:
    """The bounds of a ScaledObject with KEDA's defaults; raises for those that cannot be."""
    bounds = Bounds(
        minimum=int(spec.get("minReplicaCount") or 0),
        maximum=int(_DEFAULT_MAXIMUM if spec.get("maxReplicaCount") is None else spec["maxReplicaCount"]),
        idle=None if spec.get("idleReplicaCount") is None else int(spec["idleReplicaCount"]),
        polling_seconds=float(spec.get("pollingInterval") or _DEFAULT_POLLING_SECONDS),
        cooldown_seconds=float(
            _DEFAULT_COOLDOWN_SECONDS if spec.get("cooldownPeriod") is None else spec["cooldownPeriod"]
        ),
    )
    if bounds.minimum > bounds.maximum:
        raise InvalidScaledObjectError(
            f"MinReplicaCount={bounds.minimum} must be less than MaxReplicaCount={bounds.maximum}"
        )
    if bounds.idle is not None and bounds.idle >= bounds.minimum:
        raise InvalidScaledObjectError(
            f"IdleReplicaCount={bounds.idle} must be less than MinReplicaCount={bounds.minimum}"
        )
    return bounds


def desired_replicas(
    bounds: Bounds, readings: Sequence[Reading], *, current: int, last_active: datetime | None, now: datetime
) -> int:
    """How many replicas there should be now; `last_active` is when a trigger was active last."""
    resting = bounds.idle if bounds.idle is not None else bounds.minimum
    working = max(bounds.minimum, 1)
    if any(reading.active for reading in readings):
        return max(_by_length(readings, current=current, at_least=working, at_most=bounds.maximum), working)
    if current <= resting:
        return resting
    cooled = last_active is None or now - last_active >= timedelta(seconds=bounds.cooldown_seconds)
    if cooled or resting == bounds.minimum > 0:
        return resting
    # Until it has cooled down, the HPA keeps its own minimum of one.
    return min(current, working)


def _by_length(readings: Sequence[Reading], *, current: int, at_least: int, at_most: int) -> int:
    wanted = 0
    for reading in readings:
        ratio = reading.length / (reading.target * current) if current else math.inf
        steady = abs(ratio - 1) <= _TOLERANCE
        wanted = max(wanted, current if steady else math.ceil(reading.length / reading.target))
    return min(max(wanted, at_least), at_most)
