"""The file worker: alive, healthy and idle. It takes nothing from the queue, so no message can be lost or hidden.

Reading the queue belongs here when it comes; probes and metrics are already the ones that its Deployment expects.
"""

from __future__ import annotations

import logging

from rem_runtime.monitoring import Metrics, monitoring_app
from rem_runtime.serving import Listener, listen, serve
from rem_runtime.settings import Settings

log = logging.getLogger(__name__)


async def run_files_worker(settings: Settings) -> None:
    """Serves probes and metrics until SIGTERM."""
    sock = listen(settings.metrics.host, settings.metrics.port, group="METRICS")
    listener = Listener(monitoring_app(Metrics(), probes=True), sock)
    log.info(
        "file worker idle: this version takes nothing from the queue",
        extra={"tenant": settings.tenant.name, "queue_url": settings.sqs.queue_url, "probes": listener.url},
    )
    await serve([listener])
