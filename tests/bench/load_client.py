"""The compiled load client: built once with Go, run as a process. A client in Python would measure itself."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SOURCE = Path(__file__).parent / "load"
BUILT = Path(__file__).parents[2] / "build" / "bench" / "load"


@dataclass(frozen=True)
class Load:
    """What the client measured."""

    clients: int
    answers: int
    faults: int
    answers_per_second: float
    p50_ms: float
    p99_ms: float


async def build_load_client() -> Path | None:
    """The program; None where there is no Go to build it with."""
    go = shutil.which("go")
    if go is None:
        return None
    BUILT.parent.mkdir(parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        go, "build", "-trimpath", "-o", str(BUILT), ".", cwd=_SOURCE, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"the load client does not build:\n{errors.decode()}")
    return BUILT


async def run_load(program: Path, url: str, key: str, queries: Sequence[str], *, clients: int, seconds: float) -> Load:
    """Post the queries in turn over `clients` connections for some seconds."""
    process = await asyncio.create_subprocess_exec(
        str(program), "-url", url, "-key", key, "-clients", str(clients), "-seconds", str(seconds),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate("\n".join(queries).encode())
    load = Load(**json.loads(output))
    if load.faults:
        raise RuntimeError(f"{load.faults} of {load.answers + load.faults} requests failed")
    return load
