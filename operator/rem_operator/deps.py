"""What a reconciler needs from the outside, in one frozen record; nothing here is a module global anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from rem_operator.events import EventRecorder
from rem_operator.kube.client import KubeClient
from rem_operator.kube.index import Index
from rem_operator.metrics import Metrics
from rem_operator.settings import Settings


@dataclass(frozen=True, slots=True)
class Deps:
    """Everything that reaches out of a pure function: the API, what was seen of it, the clock, random values."""

    client: KubeClient
    index: Index
    settings: Settings
    metrics: Metrics
    events: EventRecorder
    clock: Callable[[], datetime]
    """The time in UTC."""
    token: Callable[[], str]
    """A new random secret, URL-safe, 32 bytes of entropy."""
