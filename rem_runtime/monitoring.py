"""The port for Prometheus and probes: what is measured, and the small application that shows it.

Labels are bounded: a route's template, never a path; no user, no tenant (a process serves one).
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

# Seconds. LOOKUP answers in a few milliseconds, a large document takes seconds to embed.
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Every metric of one process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.requests = Counter(
            "rem_http_requests",
            "Requests answered, by route template and status.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "rem_http_request_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.rejected = Counter(
            "rem_http_rejected",
            "Requests refused before any route: no key, a wrong key, another tenant.",
            ["reason"],
            registry=self.registry,
        )
        self.embedding_jobs = Gauge(
            "rem_embedding_jobs",
            "Things of the tenant whose vectors are owed (waiting, counted to 100,000) or were given up (failed).",
            ["state"],
            registry=self.registry,
        )
        self.vectors = Counter(
            "rem_embedding_vectors", "Vectors that this process made for such things.", registry=self.registry
        )


def monitoring_app(metrics: Metrics, *, probes: bool) -> Starlette:
    """`/metrics`; with `probes` also `/healthz` and `/readyz`, for a process that has no API of its own."""

    async def show_metrics(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def answer_ok(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    routes = [Route("/metrics", show_metrics)]
    if probes:
        routes += [Route("/healthz", answer_ok), Route("/readyz", answer_ok)]
    return Starlette(routes=routes)
