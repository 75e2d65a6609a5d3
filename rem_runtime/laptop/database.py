"""The tenant's database on the embedded PostgreSQL: what CloudNativePG makes in a cluster, made here. Twice is nothing.

Owns the roles, their passwords (in a file beside the data, readable by its owner alone), the database and what only a
superuser can say in it. Tables are `schema apply`'s, in a cluster as here.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

import asyncpg

from rem_crds.handoff import DATABASE_NAME, EXTENSIONS, ROLE_APP, ROLE_OWNER, ROLE_SQL
from rem_crds.initdb import post_init_application_sql
from rem_runtime.laptop.errors import LaptopError
from rem_runtime.laptop.postgres import EmbeddedPostgres

_CREDENTIALS_FILE = "credentials.json"
# As `secrets.token_urlsafe` makes them: nothing in one has to be quoted in a statement.
_PASSWORD = re.compile(r"[A-Za-z0-9_-]{20,}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """One password for each role."""

    owner: str
    app: str
    sql: str


async def prepare_database(server: EmbeddedPostgres, directory: Path) -> Credentials:
    """Roles, database, extensions and rights on a running server; the passwords are kept in `directory`.

    Raises LaptopError where a file there, or the server, is not what it was.
    """
    credentials = _credentials(directory / _CREDENTIALS_FILE)
    try:
        await _prepare(server, credentials)
    except asyncpg.InvalidPasswordError as error:
        raise LaptopError(
            f"{server.password_file} is not the password that PostgreSQL was made with: put that file back, or remove "
            f"{directory} to begin anew, without what is stored"
        ) from error
    except asyncpg.PostgresError as error:
        raise LaptopError(f"PostgreSQL in {server.directory} refuses: {error}; its log is {server.log_file}") from error
    return credentials


async def _prepare(server: EmbeddedPostgres, credentials: Credentials) -> None:
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


async def _make_role(connection: asyncpg.Connection, role: str, password: str) -> None:
    if not await connection.fetchval("select exists (select from pg_roles where rolname = $1)", role):
        await connection.execute(f"create role {role} login noinherit")
    # Of letters, digits, - and _ (`_PASSWORD`): nothing in it has to be quoted.
    await connection.execute(f"alter role {role} password '{password}'")


def _credentials(file: Path) -> Credentials:
    """The passwords that were kept, or new ones; raises LaptopError for a file that is not ours any more."""
    if file.exists():
        return _read_credentials(file)
    made = Credentials(*(secrets.token_urlsafe(24) for _ in range(3)))
    file.touch(mode=0o600)
    file.write_text(json.dumps(asdict(made)), encoding="utf-8")
    return made


def _read_credentials(file: Path) -> Credentials:
    try:
        kept = Credentials(**json.loads(file.read_text("utf-8")))
        if all(_PASSWORD.fullmatch(password) for password in astuple(kept)):
            return kept
    except (ValueError, TypeError):  # no UTF-8, no JSON, or other fields
        pass
    raise LaptopError(
        f"{file} is damaged: remove it and start again. It holds the roles' passwords, which are made anew; "
        "what is stored stays"
    )
