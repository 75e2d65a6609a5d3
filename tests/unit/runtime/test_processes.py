"""The commands as processes, as pods run them: schema, API, client, an orderly end; start and memory measured."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from rem_crds.handoff import make_api_key_file
from rem_runtime.settings import EmbeddingSettings

pytestmark = pytest.mark.postgres

KEY = "key of the tenant"
BIN = Path(sys.executable).parent
# Targets are 2 s and 450 MB on a quiet machine; the test machine may be busy.
MOST_SECONDS = 15
MOST_MIB = 450


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def environment(database: Any, tmp_path: Path) -> dict[str, str]:
    """What the operator hands to the API's pod."""
    if not (EmbeddingSettings().directory / "embedder.json").is_file():
        pytest.skip("the embedder is not converted yet: python -m rem_runtime.memory.embedding.convert")
    keys = tmp_path / "keys.json"
    keys.write_text(make_api_key_file(KEY, "made"))
    return {
        "PATH": os.environ["PATH"],
        "EMBEDDING__DIRECTORY": str(EmbeddingSettings().directory),
        "TENANT__NAME": "acme",
        "POSTGRES__HOST": database.host,
        "POSTGRES__PORT": str(database.port),
        "POSTGRES__DATABASE": database.name,
        "POSTGRES__USER": "rem_app",
        "POSTGRES__PASSWORD": "rem_app",
        "API__PORT": str(free_port()),
        "METRICS__PORT": str(free_port()),
        "AUTH__MODE": "ApiKey",
        "AUTH__KEYS_FILE": str(keys),
    }


def peak_mib(pid: int) -> int:
    """The most that a process has had resident."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) // 1024


async def run(*argv: str, env: dict[str, str]) -> tuple[int, str, list[dict[str, Any]]]:
    process = await asyncio.create_subprocess_exec(
        BIN / argv[0], *argv[1:], env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 120)
    lines = err.decode().splitlines()
    return process.returncode or 0, out.decode(), [json.loads(line) for line in lines if line.startswith("{")]


async def apply_schema(env: dict[str, str]) -> list[dict[str, Any]]:
    owner = {"POSTGRES__USER": "rem_owner", "POSTGRES__PASSWORD": "rem_owner", "POSTGRES__WAIT_SECONDS": "30"}
    code, _, lines = await run("rem-runtime", "schema", "apply", env=env | owner)
    assert code == 0, lines
    return lines


@asynccontextmanager
async def api(env: dict[str, str]) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    process = await asyncio.create_subprocess_exec(
        BIN / "rem-runtime", "api", env=env, stderr=asyncio.subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{env['API__PORT']}"
    try:
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, timeout=30) as client:
            async with asyncio.timeout(60):
                while True:
                    assert process.returncode is None
                    try:
                        await client.get("/api/v1/health")
                        break
                    except httpx.ConnectError:
                        await asyncio.sleep(0.02)
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_from_an_empty_database_to_an_answer(environment, tmp_path: Path, record_property) -> None:
    first = await apply_schema(environment)
    assert first[-1]["message"] == "schema applied"
    assert (await apply_schema(environment))[-1]["message"] == "schema unchanged"

    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "mercury.md").write_text("# Project Mercury\n\nThe launch moved to May. See [the budget](budget.md).\n")
    (corpus / "budget.md").write_text("# Budget\n\nThe antenna costs twelve thousand euros.\n")

    started = time.monotonic()
    async with api(environment) as (process, client):
        took = time.monotonic() - started
        record_property("api_start_seconds", round(took, 2))
        assert took < MOST_SECONDS
        assert (await client.get("/api/v1/ready")).json()["status"] == "ready"

        rem = environment | {"REM_URL": str(client.base_url), "REM_API_KEY": KEY, "COLUMNS": "120"}
        code, out, _ = await run("rem", "ingest", str(corpus), env=rem)
        assert (code, "2 stored (" in out) == (0, True), out
        code, out, _ = await run("rem", "ingest", str(corpus), env=rem)
        assert (code, "2 unchanged" in out) == (0, True), out
        code, out, _ = await run("rem", "ask", "what does the antenna cost?", env=rem)
        assert (code, "1. Budget" in out, "twelve thousand" in out) == (0, True, True), out
        code, out, _ = await run("rem", "ask", "TRAVERSE Project Mercury", env=rem)
        assert (code, "Budget" in out) == (0, True), out

        peak = peak_mib(process.pid)
        record_property("api_peak_mib", peak)
        assert peak < MOST_MIB
        metrics = await client.get(f"http://127.0.0.1:{environment['METRICS__PORT']}/metrics")
        assert 'rem_http_requests_total{method="POST",route="/api/v1/query",status="200"} 2.0' in metrics.text

        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_the_api_is_alive_but_not_ready_until_there_are_tables(environment) -> None:
    async with api(environment) as (process, client):
        assert (await client.get("/api/v1/health")).status_code == 200
        response = await client.get("/api/v1/ready")
        assert (response.status_code, response.json()["type"]) == (503, "urn:rem:problem:schema-not-ready")
        await apply_schema(environment)
        assert (await client.get("/api/v1/ready")).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_a_missing_role_is_waited_for_and_named(environment, tmp_path: Path) -> None:
    owner = {"POSTGRES__USER": "rem_owner", "POSTGRES__PASSWORD": "rem_owner", "POSTGRES__WAIT_SECONDS": "1"}
    message = {"POSTGRES__SQL_ROLE": "rem_other", "TERMINATION__MESSAGE_FILE": str(tmp_path / "message")}
    code, _, lines = await run("rem-runtime", "schema", "apply", env=environment | owner | message)
    assert code == 1
    assert "it has no role rem_other yet" in lines[-1]["reason"]
    assert "it has no role rem_other yet" in (tmp_path / "message").read_text()


async def test_a_taken_port_stops_the_start(environment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        taken = {"METRICS__PORT": str(sock.getsockname()[1])}
        code, _, lines = await run("rem-runtime", "api", env=environment | taken)
    assert code == 1
    assert "METRICS__PORT" in lines[-1]["reason"]
