"""The tenant's database on the embedded PostgreSQL: what CloudNativePG makes in a cluster, made here. Twice is nothing.

Owns the roles, their passwords (in a file beside the data, readable by its owner alone), the database and what only a
superuser can say in it. Tables are `schema apply`'s, in a cluster as here.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

import asyncpg

from rem_crds.handoff import DATABASE_NAME, EXTENSIONS, ROLE_APP, ROLE_OWNER, ROLE_SQL
from rem_crds.initdb import post_init_application_sql
from rem_runtime.laptop.postgres import EmbeddedPostgres

_CREDENTIALS_FILE = "credentials.json"


@dataclass(frozen=True, slots=True)
class Credentials:
    """One password for each role."""

    owner: str
    app: str
    sql: str


async def prepare_database(server: EmbeddedPostgres, directory: Path) -> Credentials:
    """Roles, database, extensions and rights on a running server; the passwords are kept in `directory`."""
    credentials = _credentials(directory / _CREDENTIALS_FILE)
    connection = await asyncpg.connect(server.superuser_dsn)
    try:
        for role, password in zip((ROLE_OWNER, ROLE_APP, ROLE_SQL), astuple(credentials), strict=True):
            await _make_role(connection, role, password)
        if not await connection.fetchval("select exists (select from pg_database where datname = $1)", DATABASE_NAME):
            await connection.execute(f"create database {DATABASE_NAME} owner {ROLE_OWNER}")
    finally:
        await connection.close()
    connection = await asyncpg.connect(server.dsn(DATABASE_NAME))
    try:
        for extension in EXTENSIONS:
            await connection.execute(f"create extension if not exists {extension}")
        for statement in post_init_application_sql():
            await connection.execute(statement)
    finally:
        await connection.close()
    return credentials


async def _make_role(connection: asyncpg.Connection, role: str, password: str) -> None:
    if not await connection.fetchval("select exists (select from pg_roles where rolname = $1)", role):
        await connection.execute(f"create role {role} login noinherit")
    # Our own token of letters, digits, - and _: nothing in it has to be quoted.
    await connection.execute(f"alter role {role} password '{password}'")


def _credentials(file: Path) -> Credentials:
    if file.exists():
        return Credentials(**json.loads(file.read_text("utf-8")))
    made = Credentials(*(secrets.token_urlsafe(24) for _ in range(3)))
    file.touch(mode=0o600)
    file.write_text(json.dumps(asdict(made)), encoding="utf-8")
    return made
