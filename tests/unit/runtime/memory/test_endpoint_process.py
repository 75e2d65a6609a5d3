"""The API as a process without a model of its own: small, its vectors made behind it; then rebuilt by the command."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from .endpoint_server import serving

pytestmark = pytest.mark.postgres

BIN = Path(sys.executable).parent
MOST_MIB = 200


def free_port() -> str:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return str(sock.getsockname()[1])


def peak_mib(pid: int) -> int:
    """The most that a process has had resident."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) // 1024


async def run(*argv: str, env: dict[str, str]) -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(BIN / "rem-runtime", *argv, env=env, stderr=asyncio.subprocess.PIPE)
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    return [json.loads(line) for line in err.decode().splitlines()]


async def until_ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                if (await client.get("/api/v1/ready")).status_code == 200:
                    return
            except httpx.ConnectError:
                pass
            await asyncio.sleep(0.05)


async def test_a_process_with_an_endpoint(database: Any) -> None:
    async with serving() as server:
        env = {
            "PATH": os.environ["PATH"],
            "POSTGRES__HOST": database.host,
            "POSTGRES__PORT": str(database.port),
            "POSTGRES__DATABASE": database.name,
            "POSTGRES__USER": "rem_app",
            "POSTGRES__PASSWORD": "rem_app",
            "API__PORT": free_port(),
            "METRICS__PORT": free_port(),
            "EMBEDDING__PROVIDER": "openai",
            "EMBEDDING__BASE_URL": server.url,
            "EMBEDDING__MODEL": "m",
            "EMBEDDING__DIMENSIONS": "4",
        }
        as_owner = env | {"POSTGRES__USER": "rem_owner", "POSTGRES__PASSWORD": "rem_owner"}
        await run("schema", "apply", env=as_owner)
        process = await asyncio.create_subprocess_exec(
            BIN / "rem-runtime", "api", env=env, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{env['API__PORT']}", timeout=30) as client:
                await until_ready(client)
                await use(client, env)
            assert peak_mib(process.pid) < MOST_MIB
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 10) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        await rebuild(database, as_owner)


async def use(client: httpx.AsyncClient, env: dict[str, str]) -> None:
    for number in range(3):
        body = {"uri": f"{number}.md", "content": f"# Note {number}\n\nAn elephant."}
        assert (await client.post("/api/v1/resources", json=body)).status_code in {200, 201}
    url = f"http://127.0.0.1:{env['METRICS__PORT']}/metrics"
    expected = ("rem_embedding_vectors_total 3.0", 'rem_embedding_jobs{state="waiting"} 0.0')
    async with asyncio.timeout(20):
        while True:
            shown = (await client.get(url)).text
            if all(line in shown for line in expected):
                break
            await asyncio.sleep(0.1)
    answer = (await client.post("/api/v1/query", json={"query": "SEARCH elephant MODE dense"})).json()
    assert len(answer["results"]) == 3


async def rebuild(database: Any, as_owner: dict[str, str]) -> None:
    assert (await run("rebuild", env=as_owner))[-1]["message"] == "nothing to rebuild"
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute("update meta set tokeniser = 0; update posting set term = 'x' where term = 'eleph'")
    last = (await run("rebuild", env=as_owner))[-1]
    assert (last["message"], last["parts"]) == ("rebuilt", ["tokeniser"])
    assert last["changed"] == {"chunks with other terms": 3}
    assert await connection.fetchval("select count(*) from posting where term = 'eleph'") == 3
    assert (await run("rebuild", "--all", env=as_owner))[-1]["changed"]["nodes cut otherwise"] == 0
    await connection.close()
