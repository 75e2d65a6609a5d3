"""The database that the runtime's tests get is the one that a schema Job finds."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("_run", [1, 2])
async def test_each_test_has_a_database_of_its_own(database: Any, _run: int) -> None:
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        await connection.execute("CREATE TABLE mine (v vector(3))")
        await connection.execute("GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO rem_app")
    finally:
        await connection.close()


async def test_the_read_only_role_cannot_set_settings_by_function(database: Any) -> None:
    connection = await asyncpg.connect(database.sql_dsn)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("SELECT set_config('rem.user', 'somebody', false)")
    finally:
        await connection.close()
