"""Reaching the tenant's database: what a connection takes, which failures pass by themselves, and waiting for it.

Statements about the memory's tables are in `memory/`; here is only what is true before there are any.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import asyncpg

from rem_crds.handoff import EXTENSIONS
from rem_runtime.errors import DatabaseUnavailableError
from rem_runtime.settings import PostgresSettings, Settings

log = logging.getLogger(__name__)

# The database is away, starting, failing over, full or slow; or its role or password has not arrived yet.
DATABASE_AWAY: tuple[type[Exception], ...] = (
    ConnectionError,
    socket.gaierror,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)

PERSON_WAITS_SECONDS = 3.0
_POD_WAITS_SECONDS = 300.0
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 3.0

# What others make (CNPG's DatabaseRole and Database) and may still be making. A superuser makes extensions itself.
_MISSING = """
    select 'role ' || wanted from unnest($1::text[]) wanted
     where not exists (select from pg_catalog.pg_roles where rolname = wanted)
    union all
    select 'extension ' || wanted from unnest($2::text[]) wanted
     where not exists (select from pg_catalog.pg_extension where extname = wanted)
       and not (select rolsuper from pg_catalog.pg_roles where rolname = current_user)
"""


def connection_arguments(settings: PostgresSettings, *, application: str) -> dict[str, Any]:
    """What `asyncpg.connect` takes; `application` is what the database shows for the connection."""
    return {
        "host": settings.host,
        "port": settings.port,
        "database": settings.database,
        "user": settings.user,
        "password": settings.password.get_secret_value() or None,
        "ssl": settings.sslmode,
        "timeout": settings.connect_timeout_seconds,
        "command_timeout": settings.command_timeout_seconds,
        "server_settings": {"application_name": application},
    }


def sql_connection_arguments(settings: PostgresSettings) -> dict[str, Any]:
    """What `open_sql_mode` takes: the same database, entered as the role of SQL mode."""
    arguments = connection_arguments(settings, application="rem-sql")
    return arguments | {"user": settings.sql_user, "password": settings.sql_password.get_secret_value() or None}


def patience_seconds(settings: Settings) -> float:
    """How long to wait for a database that others are making: long in a pod, whose database comes up beside it."""
    if settings.postgres.wait_seconds is not None:
        return settings.postgres.wait_seconds
    return _POD_WAITS_SECONDS if settings.tenant.namespace else PERSON_WAITS_SECONDS


async def connect_for_schema(settings: PostgresSettings, *, wait_seconds: float) -> asyncpg.Connection[Any]:
    """A connection, once the database answers and holds the roles and extensions that others make.

    Raises DatabaseUnavailableError after `wait_seconds`, with what it was still waiting for.
    """
    deadline = asyncio.get_running_loop().time() + wait_seconds
    pause_seconds = _FIRST_PAUSE_SECONDS
    told = ""
    while True:
        connection, reason = await _try_to_connect(settings)
        if connection is not None:
            return connection
        if asyncio.get_running_loop().time() + pause_seconds > deadline:
            where = f"{settings.host}:{settings.port}/{settings.database}"
            raise DatabaseUnavailableError(f"{where} was not ready within {wait_seconds:g} s: {reason}")
        if reason != told:
            log.info("waiting for the database", extra={"host": settings.host, "reason": reason})
            told = reason
        await asyncio.sleep(pause_seconds)
        pause_seconds = min(pause_seconds * 1.5, _LONGEST_PAUSE_SECONDS)


async def _try_to_connect(settings: PostgresSettings) -> tuple[asyncpg.Connection[Any] | None, str]:
    """A connection that is ready for `schema apply`, or why there is none yet."""
    arguments = connection_arguments(settings, application="rem-schema")
    # Making an index takes as long as it takes: no client-side limit on a statement of the schema.
    arguments["command_timeout"] = None
    try:
        connection = await asyncpg.connect(**arguments)
    except DATABASE_AWAY as error:
        return None, f"{type(error).__name__}: {error}"
    try:
        rows = await connection.fetch(_MISSING, [settings.app_role, settings.sql_role], list(EXTENSIONS))
    except DATABASE_AWAY as error:
        await connection.close(timeout=settings.connect_timeout_seconds)
        return None, f"{type(error).__name__}: {error}"
    if rows:
        await connection.close(timeout=settings.connect_timeout_seconds)
        return None, "it has no " + ", ".join(row[0] for row in rows) + " yet"
    return connection, ""
