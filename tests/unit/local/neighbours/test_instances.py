"""One server per Cluster: bootstrapped once, on an address of its own, started again when it dies or changes."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from rem_local.addresses import BlockLock
from rem_local.neighbours.cnpg.instances import Instance, Instances

pytestmark = pytest.mark.postgres


def cluster(name: str = "acme-db", *, statements: list[str] | None = None, **parameters: str) -> dict[str, Any]:
    initdb = {"database": "rem", "owner": "rem_owner", "postInitApplicationSQL": statements or []}
    return {
        "metadata": {"name": name, "namespace": "acme", "uid": f"{name}-uid"},
        "spec": {"bootstrap": {"initdb": initdb}, "postgresql": {"parameters": parameters}},
    }


@pytest.fixture
async def instances(tmp_path: Path) -> AsyncIterator[Instances]:
    with BlockLock.take() as block:
        found = Instances(block, state_dir=tmp_path, log_dir=tmp_path / "logs")
        yield found
        for name in ("acme-db", "other-db"):
            await found.remove("acme", name)


async def value(instance: Instance, query: str, database: str = "rem") -> Any:
    async with instance.connect(database) as connection:
        return await connection.fetchval(query)


async def test_a_server_that_was_killed_or_reconfigured_comes_back_with_its_data(instances: Instances) -> None:
    instance = instances.ensure(cluster())
    await instance.start(cluster(statements=["CREATE TABLE made_once AS SELECT 1"]))
    assert instances.running("acme", cluster()) is instance
    system_id = instance.system_id
    assert instance.server is not None
    postmaster = int((instance.server.data_directory / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGKILL)
    assert instance.server._supervisor is not None
    instance.server._supervisor.wait(10)

    await instance.start(cluster(statements=["CREATE TABLE made_once AS SELECT 1"], work_mem="9MB"))
    assert await value(instance, "SELECT count(*) FROM made_once") == 1
    assert await value(instance, "SHOW work_mem") == "9MB"
    assert instance.system_id == system_id


async def test_clusters_have_addresses_and_data_of_their_own(instances: Instances) -> None:
    first, second = instances.ensure(cluster()), instances.ensure(cluster("other-db"))
    await first.start(cluster())
    await second.start(cluster("other-db"))
    assert first.address != second.address
    assert first.system_id != second.system_id
    directory = first.directory
    await instances.remove("acme", "acme-db")
    assert instances.get("acme", "acme-db") is None
    assert not directory.exists()
    assert await value(second, "SELECT 1") == 1


async def test_a_bootstrap_that_fails_begins_again_from_nothing(instances: Instances) -> None:
    instance = instances.ensure(cluster())
    with pytest.raises(asyncpg.UndefinedColumnError):
        await instance.start(cluster(statements=["CREATE TABLE half ()", "SELECT nonsense"]))
    assert not instance.ready
    await instance.start(cluster(statements=["CREATE TABLE whole ()"]))
    assert await value(instance, "SELECT to_regclass('half')::text") is None
    assert await value(instance, "SELECT to_regclass('whole')::text") == "whole"
