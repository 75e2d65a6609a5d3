"""The API as a process of its own, as a pod runs it: key auth, logs and metrics on."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from rem_crds.handoff import PATH_API_READY, PATH_PREFIX, make_api_key_file

KEY = "the bench's own key"
_POLL_SECONDS = 0.005
_MOST_SECONDS = 60.0


@dataclass(frozen=True)
class ApiProcess:
    """A running API."""

    url: str
    pid: int
    seconds_to_ready: float
    """From starting the program to the first answer that says ready."""

    @property
    def query_url(self) -> str:
        """Where queries are posted."""
        return f"{self.url}{PATH_PREFIX}/query"

    def client(self) -> httpx.AsyncClient:
        """A client with the key."""
        return httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=60)

    def resident_mb(self) -> float:
        """Resident memory now, in units of 10^6 bytes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@asynccontextmanager
async def running_api(dsn: str, directory: Path, **environment: str) -> AsyncIterator[ApiProcess]:
    """`rem-runtime api` on the database of `dsn` (as the app role); logs go to a file in `directory`."""
    keys = directory / "keys.json"
    keys.write_text(make_api_key_file(KEY, "made"))
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    with (directory / "api.log").open("wb") as log:
        started = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "rem_runtime.cli", "api", stderr=log, start_new_session=True,
            env={
                **_reachable(dsn),
                "PATH": os.environ["PATH"],
                "HOME": str(Path.home()),
                "TENANT__NAME": "bench",
                "API__PORT": str(port),
                "METRICS__PORT": str(_free_port()),
                "AUTH__MODE": "ApiKey",
                "AUTH__KEYS_FILE": str(keys),
                **environment,
            },
        )  # fmt: skip
        try:
            await _ready(process, url, started)
            yield ApiProcess(url, process.pid, time.perf_counter() - started)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


def _reachable(dsn: str) -> dict[str, str]:
    parts = urlsplit(dsn)
    return {
        "POSTGRES__HOST": str(parts.hostname),
        "POSTGRES__PORT": str(parts.port),
        "POSTGRES__DATABASE": unquote(parts.path[1:]),
        "POSTGRES__USER": unquote(str(parts.username)),
        "POSTGRES__PASSWORD": unquote(str(parts.password)),
    }


async def _ready(process: Any, url: str, started: float) -> None:
    async with httpx.AsyncClient() as client:
        while time.perf_counter() - started < _MOST_SECONDS:
            if process.returncode is not None:
                raise RuntimeError(f"the API ended with {process.returncode}")
            try:
                if (await client.get(url + PATH_API_READY)).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(_POLL_SECONDS)
    raise RuntimeError(f"the API was not ready within {_MOST_SECONDS:.0f} s")


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
