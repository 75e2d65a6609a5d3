"""The operator's Prometheus metrics, in a registry of their own.

Owns names and labels. Holds no numbers that anything decides by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counters and gauges; every method only notes what has happened."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._reconciles = Counter(
            "rem_operator_reconciles", "Reconciles that have ended.", ["kind", "result"], registry=self.registry
        )
        self._reconcile_seconds = Histogram(
            "rem_operator_reconcile_seconds",
            "Duration of a reconcile.",
            ["kind"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._requests = Counter(
            "rem_operator_api_requests", "Requests to the API server.", ["verb", "status"], registry=self.registry
        )
        self._request_seconds = Histogram(
            "rem_operator_api_request_seconds",
            "Duration of a request.",
            ["verb"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._children = Counter(
            "rem_operator_children",
            "What was done with children, unchanged ones not counted.",
            ["resource", "action"],
            registry=self.registry,
        )
        self._events = Counter(
            "rem_operator_watch_events", "Events that the watches brought.", ["resource"], registry=self.registry
        )
        self._restarts = Counter(
            "rem_operator_watch_restarts",
            "Times that all watches were started anew.",
            ["reason"],
            registry=self.registry,
        )
        self._conditions = Gauge(
            "rem_resource_condition",
            "1 for the status that a condition of an object has now.",
            ["kind", "namespace", "name", "type", "status"],
            registry=self.registry,
        )

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        """One reconcile has ended with `success` or `error`."""
        self._reconciles.labels(kind, result).inc()
        self._reconcile_seconds.labels(kind).observe(seconds)

    def requested(self, verb: str, status: str, seconds: float) -> None:
        """One request to the API server was answered; status 0: it was not."""
        self._requests.labels(verb, status).inc()
        self._request_seconds.labels(verb).observe(seconds)

    def child(self, resource: str, action: str) -> None:
        """The apply engine has done something with a child."""
        if action != "unchanged":
            self._children.labels(resource, action).inc()

    def watched(self, resource: str) -> None:
        """An event has arrived."""
        self._events.labels(resource).inc()

    def restarted_watches(self, reason: str) -> None:
        """All watches are started anew."""
        self._restarts.labels(reason).inc()

    def conditions(self, kind: str, namespace: str, name: str, conditions: Iterable[Mapping[str, Any]]) -> None:
        """The conditions that an object has now; earlier ones of the object go."""
        self.forget(kind, namespace, name)
        for condition in conditions:
            self._conditions.labels(kind, namespace, name, condition["type"], condition["status"]).set(1)

    def forget(self, kind: str, namespace: str, name: str) -> None:
        """The object is gone, and its condition gauges with it."""
        self._conditions.remove_by_labels({"kind": kind, "namespace": namespace, "name": name})

    def follow(self, name: str, description: str, read: Callable[[], float]) -> None:
        """A gauge that is read when somebody scrapes."""
        Gauge(name, description, registry=self.registry).set_function(read)

    def follow_ages(self, name: str, description: str, read: Callable[[], Mapping[str, float]]) -> None:
        """A gauge per resource that is read when somebody scrapes."""
        self.registry.register(_PerResource(name, description, read))

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)


class _PerResource(Collector):
    def __init__(self, name: str, description: str, read: Callable[[], Mapping[str, float]]) -> None:
        self._name, self._description, self._read = name, description, read

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily(self._name, self._description, labels=["resource"])
        for resource, value in self._read().items():
            family.add_metric([resource], value)
        yield family
