"""Runs in the peer's own environment, with its packages alone: loads the given things, asks, prints times as JSON.

Arguments: a JSON file with `things` (name, content, edges as [dst, rel, weight]), `questions` (by name) and `rounds`;
and `load` or `ask`. Only its public classes are used; vectors are left out, as there is nobody to ask for them. Its
migrations run as they are but for one extension, uuid-ossp, whose library the embedded PostgreSQL lacks on machines
without libossp-uuid: the one function that is used of it is PostgreSQL's own under another name.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import psycopg
from rem.models.entities import Resource
from rem.services.postgres import PostgresService
from rem.services.rem import RemService
from rem.settings import settings
from rem.utils.sql_paths import list_all_migrations

USER = "bench"
EXTENSION = 'CREATE EXTENSION IF NOT EXISTS "uuid-ossp";'
FUNCTION = "CREATE FUNCTION uuid_generate_v4() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';"


async def main(file: str, what: str) -> None:
    given = json.loads(Path(file).read_text())  # noqa: ASYNC240 - nothing else runs here
    if what == "load":
        migrate()
    postgres = PostgresService(embedding_worker=None)
    await postgres.connect()
    try:
        if what == "load":
            await load(postgres, given["things"])
        else:
            print("RESULT " + json.dumps(await ask(RemService(postgres), given)))
    finally:
        await postgres.disconnect()


def migrate() -> None:
    with psycopg.connect(settings.postgres.connection_string) as conn:
        for file in list_all_migrations():
            conn.execute(file.read_text().replace(EXTENSION, FUNCTION))


async def load(postgres: PostgresService, things: list) -> None:
    records = [
        Resource(
            name=name, uri=f"bench/{number}", content=content, tenant_id=USER, user_id=USER, category="document",
            graph_edges=[{"dst": dst, "rel_type": rel, "weight": weight} for dst, rel, weight in edges],
        )
        for number, (name, content, edges) in enumerate(things)
    ]  # fmt: skip
    done = await postgres.batch_upsert(records, Resource, "resources", generate_embeddings=False)
    print(str(done)[:200], file=sys.stderr)
    await postgres.execute_ddl("analyze")


async def ask(service: RemService, given: dict) -> dict:
    times: dict = {name: [] for name in given["questions"]}
    found: dict = {}
    for number in range(given["rounds"]):
        for name, texts in given["questions"].items():
            start = time.perf_counter()
            answer = await service.execute_query_string(texts[number % len(texts)], user_id=USER)
            times[name].append((time.perf_counter() - start) * 1000)
            found[name] = found.get(name, 0) + bool(answer["count"])
    return {
        name: {"p50": sorted(taken)[len(taken) // 2], "answered": found[name] / len(taken)}
        for name, taken in times.items()
    }


asyncio.run(main(*sys.argv[1:]))
