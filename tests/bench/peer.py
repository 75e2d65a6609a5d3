"""The closest peer side by side: remdb 0.3.285 over the same things on the same server, asked the same questions.

It needs Python 3.12 or newer and lives in an environment of its own, made by uv in the bench's cache. Where that cannot
be made the bench says so and goes on. The figures have no target: the value is the peer's, the floor is ours.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import asyncpg

from rem_runtime.memory.keys import normalise_key
from tests.bench.databases import Bench
from tests.bench.graph import graph, samples
from tests.bench.harness import Context, Figure, interleaved, size_name
from tests.bench.names import CALLER, USER, misspelt

MAX_SIZE = 100_000  # beyond, it takes seconds for an answer
PACKAGES = ("remdb==0.3.285", "polars", "pillow", "pydub")
_THINGS = """
select n.key, n.label,
    coalesce(jsonb_agg(jsonb_build_array(e.dst_key, e.rel, e.weight)) filter (where e.id is not null), '[]')
from node n
left join edge e on e.src = n.id and e.rel <> 'hub'
where n.owner in ('', 'ann')
group by n.id
order by n.id"""
_SECONDS = 600.0


class _PeerError(Exception):
    """The peer cannot be run here, and why."""


async def measure(context: Context) -> list[Figure]:
    """Its p50 over ours, per verb."""
    directory = context.databases.directory.absolute() / "peer"
    figures = []
    try:
        python = await _environment(directory, context)
        for size in context.sizes:
            if size <= MAX_SIZE:
                figures += await _measure(context, size, python, directory)
    except _PeerError as reason:
        context.note(f"the peer (remdb 0.3.285) was not measured: {reason}")
    return figures


async def _measure(context: Context, size: int, python: Path, directory: Path) -> list[Figure]:
    async with context.corpus(graph(size)) as bench:
        context.say(f"the peer, {size:,}")
        theirs, ours = await _compare(context, bench, python, directory)
    for name, measured in theirs.items():
        if measured["answered"] < 1:
            context.note(f"the peer answered {measured['answered']:.0%} of the questions of {name}")
    return [
        Figure.shown(f"remdb {name} {size_name(size)}, p50, over ours", measured["p50"], floor=ours[name])
        for name, measured in theirs.items()
    ]


async def _environment(directory: Path, context: Context) -> Path:
    python = directory / "venv" / "bin" / "python"
    if (directory / "ready").exists() and python.exists():
        return python
    uv = shutil.which("uv")
    if uv is None:
        raise _PeerError("uv is not on PATH")
    context.say("installing the peer")
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    await _run(uv, "venv", "--clear", "--python", ">=3.12", str(directory / "venv"))
    await _run(uv, "pip", "install", "--python", str(python), *PACKAGES)
    (directory / "ready").touch()
    return python


async def _compare(
    context: Context, bench: Bench, python: Path, directory: Path
) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    things = await samples(bench.pool, 200, user=USER)
    keys = [normalise_key(thing.label) for thing in things]
    # Keys as it keeps them: of a label with a blank it finds nothing.
    questions = {
        "LOOKUP": [f'LOOKUP "{key}"' for key in keys],
        "FUZZY": [f'FUZZY "{misspelt(key, number)}" LIMIT 10' for number, key in enumerate(keys)],
        "TRAVERSE depth 2": [f'TRAVERSE "{key}" DEPTH 2' for key in keys],
    }
    memory = context.memory(bench)
    asked = {**questions, "TRAVERSE depth 2": [f'TRAVERSE "{key}" OUT DEPTH 2' for key in keys]}
    timed = await interleaved(
        {
            name: (lambda number, texts=texts: memory.query(texts[number % len(texts)], CALLER))
            for name, texts in asked.items()
        },
        rounds=context.rounds(200),
    )
    file = directory / "given.json"
    rows = await bench.pool.fetch(_THINGS)
    file.write_text(
        json.dumps(
            {
                "things": [[row[0], f"{row[1]} is one of the things.", row[2]] for row in rows],
                "questions": questions,
                "rounds": context.rounds(200),
            }
        )
    )
    theirs = await _ask(context, bench, python, file, database=f"peer_{len(rows)}")
    return theirs, {name: timing.p50 for name, timing in timed.items()}


async def _ask(
    context: Context, bench: Bench, python: Path, file: Path, *, database: str
) -> dict[str, dict[str, float]]:
    # Run with -P: beside the program lies a module named http.
    program = str(Path(__file__).with_name("peer_program.py"))
    dsn = bench.superuser_dsn.rsplit("/", 1)[0] + f"/{database}"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(file.parent),
        "POSTGRES__CONNECTION_STRING": dsn,
        "AUTH__ENABLED": "false",
    }
    admin = await asyncpg.connect(bench.superuser_dsn)
    try:
        if not await admin.fetchval("select true from pg_database where datname = $1", database):
            context.say("loading the peer")
            await admin.execute(f"create database {database}")
            try:
                await _run(str(python), "-P", program, str(file), "load", environment=environment)
            except _PeerError:
                await admin.execute(f"drop database {database} with (force)")
                raise
    finally:
        await admin.close()
    output = await _run(str(python), "-P", program, str(file), "ask", environment=environment)
    line = next(line for line in output.splitlines() if line.startswith("RESULT "))
    result: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    return result


async def _run(*command: str, environment: dict[str, str] | None = None) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), _SECONDS)
    except TimeoutError:
        process.kill()
        raise _PeerError(f"{Path(command[0]).name} {command[1]} took more than {_SECONDS:.0f} s") from None
    if process.returncode != 0:
        last = (errors + output).decode(errors="replace").strip().splitlines()[-3:]
        raise _PeerError(f"{Path(command[0]).name} {command[1]} failed: {' / '.join(last)}")
    return output.decode(errors="replace")
