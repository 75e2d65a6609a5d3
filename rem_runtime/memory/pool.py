"""The connection pool that the memory works on: codecs, the settings that retrieval needs, a cheap reset."""

from __future__ import annotations

import json
from typing import Any

import asyncpg

# They come with the connection, not with a query. relaxed_order: SEARCH sorts what it gets anyway.
_SERVER_SETTINGS = {
    "application_name": "rem-runtime",
    "timezone": "UTC",
    "jit": "off",
    # Every statement here is written for one plan, and planning costs more than running it; SEARCH says otherwise.
    "plan_cache_mode": "force_generic_plan",
    "hnsw.ef_search": "100",
    "hnsw.iterative_scan": "relaxed_order",
}


async def open_pool(*, min_size: int = 1, max_size: int = 8, **connect: Any) -> asyncpg.Pool:
    """A pool for `Memory`; `connect` is what `asyncpg.connect` takes (dsn or host, port, user, ssl, …)."""
    settings = {**_SERVER_SETTINGS, **connect.pop("server_settings", {})}
    return await asyncpg.create_pool(
        min_size=min_size, max_size=max_size, init=prepare_connection, reset=_reset, server_settings=settings, **connect
    )


async def prepare_connection(conn: asyncpg.Connection) -> None:
    """jsonb is Python's objects, both ways."""
    await conn.set_type_codec("jsonb", schema="pg_catalog", encoder=_encode, decoder=json.loads)


async def _reset(conn: asyncpg.Connection) -> None:
    # asyncpg's own reset is a round trip for each use; nothing here leaves a setting, a lock or a listener behind.
    if conn.is_in_transaction():
        await conn.execute("rollback")


def _encode(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
