"""The HTTP layer over the memory's own call, and the API as a process: start, memory, rate.

The API runs as a pod runs it (keys, logs and metrics on). The layer's cost is the same LOOKUPs over HTTP, by a compiled
client with one connection, less the memory's call in this process; the rate is at 16 connections.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import httpx

from rem_crds.handoff import PATH_API_READY, PATH_PREFIX
from rem_runtime.memory.caller import Caller
from tests.bench.api_process import KEY, ApiProcess, running_api
from tests.bench.databases import Bench
from tests.bench.graph import graph, samples
from tests.bench.harness import Context, Figure, interleaved
from tests.bench.load_client import build_load_client, run_load

_SIZE = 10_000
_SECONDS = 5.0
_CLIENTS = 16
_SEARCHES = 1_000
_CHUNKS = 200
_NOBODY = Caller.of("")
_VOCABULARY = 2_000


async def measure(context: Context) -> list[Figure]:
    """All figures of the API's process."""
    figures: list[Figure] = []
    async with context.corpus(graph(_SIZE)) as bench:
        figures += await _layer(context, bench)
    async with context.scratch() as bench:
        figures += await _process(context, bench)
    figures += await _dev(context)
    return figures


async def _layer(context: Context, bench: Bench) -> list[Figure]:
    program = await build_load_client()
    if program is None:
        context.note("HTTP: no Go to build the load client with; install Go to measure the HTTP layer")
        return []
    memory = context.memory(bench)
    queries = [f"LOOKUP {thing.label}" for thing in await samples(bench.pool, 500, user="")]
    seconds = _SECONDS / 5 if context.quick else _SECONDS

    async def call(number: int) -> None:
        await memory.query(queries[number % len(queries)], _NOBODY)

    with tempfile.TemporaryDirectory() as directory:
        async with running_api(bench.app_dsn, Path(directory)) as api:
            await run_load(program, api.query_url, KEY, queries, clients=_CLIENTS, seconds=1)
            context.say("HTTP: one connection, then 16")
            one = await run_load(program, api.query_url, KEY, queries, clients=1, seconds=seconds)
            direct = (await interleaved({"call": call}, rounds=context.rounds(1000)))["call"]
            many = await run_load(program, api.query_url, KEY, queries, clients=_CLIENTS, seconds=seconds)
    return [
        Figure.shown("HTTP LOOKUP, 1 connection, p50", one.p50_ms, floor=direct.p50),
        Figure.at_most("HTTP layer over the memory's call, p50", one.p50_ms - direct.p50, 2, unit="ms"),
        Figure.at_least(f"HTTP LOOKUP, {_CLIENTS} connections", many.answers_per_second, 1_000, unit="answers/s"),
        Figure.shown(f"HTTP LOOKUP, {_CLIENTS} connections, p99", many.p99_ms),
    ]


async def _process(context: Context, bench: Bench) -> list[Figure]:
    context.say("the API as a process: start, memory")
    with tempfile.TemporaryDirectory() as directory:
        async with running_api(bench.app_dsn, Path(directory)):
            pass  # the first start fills the page cache
        async with running_api(bench.app_dsn, Path(directory)) as api:
            started, fresh = api.seconds_to_ready, api.resident_mb()
            await _use(api)
            used = api.resident_mb()
    return [
        Figure.at_most("API, start to ready", started, 2, unit="s"),
        Figure.shown("API with the embedder, fresh", fresh, unit="MB"),
        Figure.at_most(f"API after {_SEARCHES} searches and {_CHUNKS} chunks", used, 450, unit="MB"),
    ]


async def _use(api: ApiProcess) -> None:
    rng = random.Random(1)
    words = [f"{rng.choice('bcdfgklmnprst')}{rng.choice('aeiou')}{number}" for number in range(_VOCABULARY)]
    sections = [f"# Section {number}\n\n{' '.join(rng.choices(words, k=60))}" for number in range(_CHUNKS)]
    async with api.client() as client:
        stored = await client.post(
            f"{PATH_PREFIX}/resources", json={"uri": "bench.md", "content": "\n\n".join(sections), "owner": ""}
        )
        if stored.json()["chunks"] < _CHUNKS:
            raise RuntimeError(f"the document became {stored.json()['chunks']} chunks, not {_CHUNKS}")
        for _ in range(_SEARCHES):
            answer = await client.post(api.query_url, json={"query": f"SEARCH {' '.join(rng.choices(words, k=6))}"})
            answer.raise_for_status()


async def _dev(context: Context) -> list[Figure]:
    """`rem dev` on an empty directory: the first start makes the database, the second finds it."""
    context.say("rem dev")
    with tempfile.TemporaryDirectory() as directory:
        first = await _dev_seconds(Path(directory))
        second = await _dev_seconds(Path(directory))
    return [
        Figure.at_most("rem dev, first start to ready", first, 10, unit="s"),
        Figure.at_most("rem dev, later starts", second, 10, unit="s"),
    ]


async def _dev_seconds(directory: Path) -> float:
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "rem_runtime.client.cli", "dev", str(directory), "--port", "0",
        stderr=asyncio.subprocess.PIPE, start_new_session=True, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async for line in process.stderr:
            _, found, url = line.decode().partition(" API ")
            if found:
                async with httpx.AsyncClient() as client:
                    (await client.get(url.strip().removesuffix(PATH_PREFIX) + PATH_API_READY)).raise_for_status()
                return time.perf_counter() - started
        raise RuntimeError("`rem dev` ended before it was ready")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
