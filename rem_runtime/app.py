"""The API process: its parts put together, from settings to a listening server.

`create_app` takes finished parts and is what tests use; `serve_api` opens the parts, serves, and closes them again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable

import asyncpg
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import RedirectResponse

from rem_crds.handoff import PATH_PREFIX
from rem_runtime import __version__
from rem_runtime.api import docs, entities, files, health, messages, moments, query, resources, sessions, users
from rem_runtime.api.access_log import AccessLogMiddleware
from rem_runtime.api.auth.caller import Authenticator
from rem_runtime.api.auth.keys import KeyRing
from rem_runtime.api.auth.middleware import AuthMiddleware
from rem_runtime.api.auth.near import Nearby
from rem_runtime.api.body_limit import BodyLimitMiddleware
from rem_runtime.api.failures import register_failures
from rem_runtime.api.openapi import describe
from rem_runtime.api.statistics import StatisticsRefresher
from rem_runtime.api.vectors import VectorDrain
from rem_runtime.database import DATABASE_AWAY, connection_arguments, sql_connection_arguments
from rem_runtime.embedder import open_embedder
from rem_runtime.errors import SettingsError
from rem_runtime.memory.embedding import Embedder
from rem_runtime.memory.pool import open_pool
from rem_runtime.memory.sql import SqlLimits, SqlMode, open_sql_mode
from rem_runtime.memory.store import Memory
from rem_runtime.monitoring import Metrics, monitoring_app
from rem_runtime.serving import Listener, listen, serve
from rem_runtime.settings import Settings

log = logging.getLogger(__name__)


def create_app(
    settings: Settings,
    memory: Memory,
    *,
    authenticator: Authenticator,
    metrics: Metrics,
    statistics: StatisticsRefresher,
) -> FastAPI:
    """The application over finished parts; it opens and closes nothing."""
    app = FastAPI(
        title="REM",
        version=__version__,
        summary="A memory for AI agents: resources, entities and moments, and one dialect to ask them.",
        openapi_url=f"{PATH_PREFIX}/openapi.json",
        docs_url=None,  # FastAPI's pages load scripts from a CDN, which a tenant's network does not reach
        redoc_url=None,
        redirect_slashes=False,
        middleware=_middleware(settings, authenticator, metrics),
    )
    app.state.memory = memory
    app.state.statistics = statistics
    app.state.uploads = files.UploadTurns()
    for part in (health, docs, query, resources, entities, moments, users, files, sessions, messages):
        app.include_router(part.router)
    for path in ("/", "/docs"):  # where people look first; with keys, as closed as any other path
        app.add_api_route(path, lambda: RedirectResponse(docs.PATH_DOCS), include_in_schema=False)
    register_failures(app)
    describe(app)
    return app


def _middleware(settings: Settings, authenticator: Authenticator, metrics: Metrics) -> list[Middleware]:
    """Outermost first: CORS, so that a browser can read a 401; then who calls; then the log, which can name them."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(settings.api.cors_origins),
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["*"],
        expose_headers=["ETag", "Location", "Retry-After", "WWW-Authenticate", "Accept-Patch"],
    )
    nearby = Nearby(host=settings.api.host, origins=settings.api.cors_origins)
    auth = Middleware(AuthMiddleware, authenticator=authenticator, nearby=nearby, metrics=metrics)
    access_log = Middleware(AccessLogMiddleware, metrics=metrics)
    larger = {files.PATH: settings.api.max_file_bytes + files.FORM_BYTES}
    body_limit = Middleware(BodyLimitMiddleware, max_bytes=settings.api.max_body_bytes, larger=larger)
    return [cors, auth, access_log, body_limit]


def make_authenticator(settings: Settings) -> Authenticator:
    """Who decides who calls; raises SettingsError or KeysFileError for a mode that cannot be served."""
    tenant = settings.tenant.name
    match settings.auth.mode:
        case "Disabled":
            return Authenticator(tenant=tenant, keys=None)
        case "ApiKey" if settings.auth.keys_file is not None:
            return Authenticator(tenant=tenant, keys=KeyRing(settings.auth.keys_file))
        case "ApiKey":
            raise SettingsError("AUTH__KEYS_FILE: must name the file of API keys when AUTH__MODE is ApiKey")
        case "OIDC":
            raise SettingsError("AUTH__MODE: OIDC is not available yet; set it to ApiKey (or Disabled on a laptop)")


async def serve_api(settings: Settings, *, listening: Callable[[str], None] | None = None) -> None:
    """Serves until SIGTERM. A database that is away makes the pod unready, it does not end it.

    `listening` is told the URL once connections are taken.
    """
    started = time.perf_counter()
    if settings.otel.endpoint:
        raise SettingsError("OTEL__ENDPOINT: exporting traces is not available yet; unset it")
    authenticator = make_authenticator(settings)
    metrics = Metrics()
    # Listening comes last: a connection that is accepted is served.
    async with open_embedder(settings.embedding) as embedder, _open_memory(settings, embedder) as memory:
        statistics = StatisticsRefresher(memory)
        app = create_app(settings, memory, authenticator=authenticator, metrics=metrics, statistics=statistics)
        with (
            contextlib.closing(listen(settings.api.host, settings.api.port, group="API")) as sock,
            contextlib.closing(listen(settings.metrics.host, settings.metrics.port, group="METRICS")) as metrics_sock,
        ):
            listener = Listener(app, sock, shutdown_seconds=settings.api.shutdown_seconds)
            monitoring = Listener(monitoring_app(metrics, probes=False), metrics_sock)
            log.info(
                "api started",
                extra={
                    "tenant": settings.tenant.name,
                    "url": listener.url,
                    "metrics": monitoring.url,
                    "auth": settings.auth.mode,
                    "took_ms": round((time.perf_counter() - started) * 1000),
                },
            )
            if listening:
                listening(listener.url)
            await serve([listener, monitoring], companions=[statistics.run(), VectorDrain(memory, metrics).run()])
    log.info("api stopped", extra={"tenant": settings.tenant.name})


@contextlib.asynccontextmanager
async def _open_memory(settings: Settings, embedder: Embedder) -> AsyncIterator[Memory]:
    """The memory over a pool that connects when it is first needed, and is warmed if the database is there."""
    size = settings.postgres.pool_size
    arguments = connection_arguments(settings.postgres, application="rem-api")
    # No minimum: the pool would otherwise refuse to open while the database is starting or failing over.
    pool = await open_pool(min_size=0, max_size=size, **arguments)
    sql = await _open_sql_mode(settings)
    try:
        await _warm(pool, size)
        yield Memory(pool, embedder, tenant=settings.tenant.name, sql=sql)
    finally:
        if sql is not None:
            await sql.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(settings.postgres.connect_timeout_seconds):
                await pool.close()
        pool.terminate()


async def _open_sql_mode(settings: Settings) -> SqlMode | None:
    """SQL mode over connections that are made when it is first asked; None where it has no login."""
    postgres = settings.postgres
    if not postgres.sql_user:
        log.info("SQL mode is off", extra={"reason": "POSTGRES__SQL_USER is not set"})
        return None
    limits = SqlLimits(seconds=postgres.sql_timeout_seconds)
    return await open_sql_mode(max_size=postgres.sql_pool_size, limits=limits, **sql_connection_arguments(postgres))


async def _warm(pool: asyncpg.Pool, size: int) -> None:
    """Opens every connection at once, so that no first request pays for one."""
    opened = await asyncio.gather(*(pool.acquire() for _ in range(size)), return_exceptions=True)
    for connection in opened:
        if not isinstance(connection, BaseException):
            await pool.release(connection)
        elif not isinstance(connection, DATABASE_AWAY):
            raise connection
    away = next((error for error in opened if isinstance(error, DATABASE_AWAY)), None)
    if away is not None:
        log.warning("database not there yet, serving unready", extra={"reason": f"{type(away).__name__}: {away}"})
