"""The embedded PostgreSQL: what it offers, who can get in, and that nothing of it outlives its parent."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import pytest

from rem_runtime.laptop.account import server_account, sweep_substitutes
from rem_runtime.laptop.database import prepare_database
from rem_runtime.laptop.errors import EmbeddedPostgresError, LaptopError
from rem_runtime.laptop.postgres import NOT_DURABLE, EmbeddedPostgres

pytestmark = pytest.mark.postgres

_PARENT = """
import sys
from pathlib import Path
from threading import Event
from rem_runtime.laptop.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), host=sys.argv[2], port=int(sys.argv[3]))
server.start()
print("ready", flush=True)
Event().wait()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server that is not started yet and leaves nothing behind."""
    instance = EmbeddedPostgres(tmp_path / "pg", host="127.0.0.3", port=0, parameters=NOT_DURABLE)
    yield instance
    instance.destroy()


async def fetch_value(dsn: str, query: str) -> Any:
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_is_postgres_18_with_the_extensions_of_a_tenant(server: EmbeddedPostgres) -> None:
    async with server:
        assert (await fetch_value(server.superuser_dsn, "SHOW server_version")).startswith("18.")
        available = await fetch_value(server.superuser_dsn, "SELECT array_agg(name) FROM pg_available_extensions")
        assert {"vector", "pg_trgm", "btree_gist"} <= set(available)
        assert await fetch_value(server.superuser_dsn, "SELECT lower('ÄÖЖ')") == "äöж"
        assert await fetch_value(server.superuser_dsn, "SHOW server_encoding") == "UTF8"
        assert await fetch_value(server.superuser_dsn, "SHOW unix_socket_directories") == ""


async def test_wants_a_password_and_never_runs_as_root(server: EmbeddedPostgres) -> None:
    async with server:
        assert await fetch_value(server.superuser_dsn, "SHOW password_encryption") == "scram-sha-256"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await fetch_value(server.dsn(password="wrong"), "SELECT 1")
        owner = server.data_directory.stat()
        assert owner.st_uid == server_account().uid != 0
        assert owner.st_mode & 0o077 == 0


async def test_keeps_data_password_and_identity_over_a_restart(server: EmbeddedPostgres) -> None:
    server.start()
    await fetch_value(server.superuser_dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    before = await fetch_value(server.superuser_dsn, "SELECT system_identifier FROM pg_control_system()")
    dsn = server.superuser_dsn
    server.stop()
    assert not server.running
    server.start()
    assert await fetch_value(dsn, "SELECT answer FROM kept") == 42
    assert await fetch_value(dsn, "SELECT system_identifier FROM pg_control_system()") == before


async def test_passes_parameters_on(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg", host="127.0.0.3", port=0, parameters={"work_mem": "7MB", **NOT_DURABLE})
    try:
        async with server:
            assert await fetch_value(server.superuser_dsn, "SHOW work_mem") == "7MB"
    finally:
        server.destroy()


def test_says_what_the_server_said_when_it_does_not_start(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg", host="127.0.0.3", port=0, parameters={"work_mem": "much"})
    try:
        with pytest.raises(EmbeddedPostgresError, match='invalid value for parameter "work_mem"'):
            server.start()
        assert not server.running
    finally:
        server.destroy()


def test_refuses_a_directory_that_another_server_uses(
    server: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rem_runtime.laptop.postgres._STOP_SECONDS", 0.2)
    server.start()
    with pytest.raises(EmbeddedPostgresError, match="another PostgreSQL runs in"):
        EmbeddedPostgres(tmp_path / "pg", host="127.0.0.3", port=0).start()


async def test_data_that_are_damaged_are_never_cleared(server: EmbeddedPostgres) -> None:
    with server:
        pass
    (server.data_directory / "PG_VERSION").unlink()
    with pytest.raises(EmbeddedPostgresError, match="pgdata has lost its PG_VERSION: restore it, or remove"):
        server.start()
    assert (server.data_directory / "global").exists()
    server.password_file.unlink()
    with pytest.raises(EmbeddedPostgresError, match="superuser-password is missing"):
        server.dsn()


async def test_a_password_file_of_another_server_is_named(server: EmbeddedPostgres, tmp_path: Path) -> None:
    with server:
        server.password_file.write_text("another")
        with pytest.raises(LaptopError, match="superuser-password is not the password that PostgreSQL was made with"):
            await prepare_database(server, tmp_path)


async def test_dies_with_a_killed_parent_and_starts_again_in_its_place(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg", host="127.0.0.3", port=0)
    arguments = [sys.executable, "-c", _PARENT, str(tmp_path / "pg"), server.host, str(server.port)]
    try:
        parent = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE)
        assert parent.stdout is not None
        assert await parent.stdout.readline() == b"ready\n"
        postmaster = int((server.data_directory / "postmaster.pid").read_text().splitlines()[0])
        await fetch_value(server.superuser_dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
        parent.kill()
        await parent.wait()
        await wait_until_gone(postmaster)
        async with server:
            assert await fetch_value(server.superuser_dsn, "SELECT answer FROM kept") == 42
    finally:
        server.destroy()


async def wait_until_gone(pid: int) -> None:
    deadline = monotonic() + 10
    while is_running(pid):
        assert monotonic() < deadline, f"process {pid} outlived its parent"
        await asyncio.sleep(0.02)


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another account")
async def test_as_root_a_directory_that_others_cannot_reach_has_a_substitute_as_long_as_it_is_there(
    tmp_path: Path,
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    wanted = private / "not-there-yet" / "pg"
    server = EmbeddedPostgres(wanted, host="127.0.0.3", port=0, parameters=NOT_DURABLE)
    assert not server.directory.is_relative_to(private)
    try:
        async with server:
            await fetch_value(server.superuser_dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
        again = EmbeddedPostgres(wanted, host="127.0.0.3", port=0, parameters=NOT_DURABLE)
        async with again:
            assert await fetch_value(again.superuser_dsn, "SELECT answer FROM kept") == 42
        sweep_substitutes()
        assert server.directory.exists()
        wanted.rmdir()
        sweep_substitutes()
        assert not server.directory.exists()
    finally:
        server.destroy()
