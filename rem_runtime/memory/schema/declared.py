"""What the version files declare, as the server itself describes it, beside what is there. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from rem_runtime.memory.schema.shape import SQL, Shape, read_shape
from rem_runtime.memory.schema.versions import Version


@dataclass(frozen=True, slots=True)
class Shapes:
    """The tables that are there, that should be there now, and that will be there after the pending versions."""

    live: Shape
    declared: Shape
    target: Shape


async def gather_shapes(conn: asyncpg.Connection, *, applied: Sequence[Version], pending: Sequence[Version]) -> Shapes:
    """Reads the three shapes; the files run in a schema of their own, in a transaction that is rolled back."""
    transaction = conn.transaction()
    await transaction.start()
    try:
        await conn.execute(SQL["names_of_ours"])
        live = await read_shape(conn, "public")
        if not applied:
            return Shapes(live, Shape(), Shape())
        await conn.execute(SQL["begin_apart"])
        for version in applied:
            await conn.execute(version.script(new_database=True))
        declared = await read_shape(conn, "rem_expected")
        for version in pending:
            await conn.execute(version.script(new_database=True))
        target = await read_shape(conn, "rem_expected") if pending else declared
        return Shapes(live, declared, target)
    finally:
        await transaction.rollback()
