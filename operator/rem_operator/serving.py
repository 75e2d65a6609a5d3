"""The operator's own HTTP server: /healthz, /readyz and /metrics.

Owns the answers' form; what is healthy and ready is asked of two functions that name what is wrong.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from rem_operator.metrics import Metrics

Complaints = Callable[[], Sequence[str]]
"""What is wrong, in words; nothing when all is well."""


@asynccontextmanager
async def serve(
    host: str, port: int, *, metrics: Metrics, healthy: Complaints, ready: Complaints
) -> AsyncIterator[int]:
    """Serve until the block ends; yields the port, which is a free one when `port` is 0."""

    async def healthz(_: web.Request) -> web.Response:
        return _verdict(healthy())

    async def readyz(_: web.Request) -> web.Response:
        return _verdict(ready())

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(
            body=metrics.exposition(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", exposition)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield _port_of(runner)
    finally:
        await runner.cleanup()


def _verdict(complaints: Sequence[str]) -> web.Response:
    if not complaints:
        return web.Response(text="ok\n")
    return web.Response(status=503, text="".join(f"{complaint}\n" for complaint in complaints))


def _port_of(runner: web.AppRunner) -> int:
    address = runner.addresses[0]
    return int(address[1])
