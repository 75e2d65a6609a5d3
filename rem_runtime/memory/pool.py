"""The connection pool that the memory works on: codecs, the settings that retrieval needs, a cheap reset."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import asyncpg
import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from rem_runtime.memory.models.json import read_json

# They come with the connection, not with a query. relaxed_order: SEARCH sorts what it gets anyway.
_SERVER_SETTINGS = {
    "application_name": "rem-runtime",
    "timezone": "UTC",
    "jit": "off",
    # Every statement here is written for one plan, and planning costs more than running it; SEARCH says otherwise.
    "plan_cache_mode": "force_generic_plan",
    # The inner side of every lateral here is asked for a thing once; keeping what it answered costs 1 µs a thing.
    "enable_memoize": "off",
    "hnsw.ef_search": "200",
    "hnsw.iterative_scan": "relaxed_order",
}
_JSONB_VERSION = b"\x01"  # of its binary form, of which there is one


class _Connection(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
    """Remembers whether the database knew vectors when it was opened."""

    __slots__ = ("knows_vectors",)


async def open_pool(*, min_size: int = 1, max_size: int = 8, **connect: Any) -> asyncpg.Pool:
    """A pool for `Memory`; `connect` is what `asyncpg.connect` takes (dsn or host, port, user, ssl, …)."""
    settings = {**_SERVER_SETTINGS, **connect.pop("server_settings", {})}
    return await asyncpg.create_pool(
        min_size=min_size, max_size=max_size, init=_init, reset=_reset, connection_class=_Connection,
        server_settings=settings, **connect,
    )  # fmt: skip


async def prepare_connection(conn: asyncpg.Connection) -> bool:
    """jsonb is Python's objects both ways, halfvec is numpy's or pgvector's HalfVector, in binary.

    False where the database has no vectors yet: whoever keeps the connection has to open another one later.
    """
    # In binary, which COPY needs.
    await conn.set_type_codec("jsonb", schema="pg_catalog", encoder=_encode, decoder=_decode, format="binary")
    try:
        # The package's own registration asks for three types; each is a round trip, and we store one of them.
        await conn.set_type_codec(
            "halfvec", schema="public", encoder=_encode_vector, decoder=HalfVector.from_binary, format="binary"
        )
    except ValueError as error:
        if not str(error).startswith("unknown type"):
            raise
        return False
    return True


def half_vectors(vectors: Iterable[NDArray[np.float32]]) -> list[HalfVector]:
    """Vectors for a `halfvec[]` argument: asyncpg takes rows of numpy for a second dimension."""
    return [HalfVector(vector) for vector in vectors]


async def _init(conn: _Connection) -> None:
    conn.knows_vectors = await prepare_connection(conn)


async def _reset(conn: _Connection) -> None:
    if not conn.knows_vectors:
        await conn.close()  # readiness asks before `schema apply` has run; the next connection may know them
    # asyncpg's own reset is a round trip for each use; nothing here leaves a setting, a lock or a listener behind.
    elif conn.is_in_transaction():
        await conn.execute("rollback")


def _encode(value: Any) -> bytes:
    return _JSONB_VERSION + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _decode(value: bytes) -> Any:
    return read_json(value[len(_JSONB_VERSION) :])


def _encode_vector(value: Any) -> bytes:
    return (value if isinstance(value, HalfVector) else HalfVector(value)).to_binary()
