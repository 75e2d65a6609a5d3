"""The idle worker as a process: healthy, measured, says so once, gone at once on SIGTERM."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

import httpx


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def test_it_idles_healthily_and_ends_promptly() -> None:
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "METRICS__PORT": str(port),
        "SQS__QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/111122223333/acme-files",
        "AUTH__MODE": "ApiKey",  # the tenant's ConfigMap reaches every pod; the file of keys only the API's
    }
    command = Path(sys.executable).with_name("rem-runtime")
    process = await asyncio.create_subprocess_exec(
        command, "files", env=environment, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        first = json.loads(await asyncio.wait_for(process.stderr.readline(), 30))
        assert first["message"] == "file worker idle: this version takes nothing from the queue"
        assert first["queue_url"] == environment["SQS__QUEUE_URL"]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            for attempt in range(50):
                try:
                    assert (await client.get("/healthz")).status_code == 200
                    break
                except httpx.ConnectError:
                    assert attempt < 49
                    await asyncio.sleep(0.1)
            assert (await client.get("/readyz")).status_code == 200
            assert "process_resident_memory_bytes" in (await client.get("/metrics")).text
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 10) == 0
        assert time.monotonic() - started < 3
        rest = (await process.stderr.read()).decode().splitlines()
        assert [json.loads(line)["message"] for line in rest] == ["stopping"]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
