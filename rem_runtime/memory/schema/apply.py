"""`schema apply`: brings a database to this runtime's tables, views and grants. Twice is nothing.

Runs as the database's owner, on a direct connection, in one transaction under an advisory lock. Version files only
add; functions, views and grants are replaced whole when their text changes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from rem_runtime.memory.errors import SchemaError
from rem_runtime.memory.keys import NORMALISER_VERSION
from rem_runtime.memory.schema.views import VIEW_NAMES, view_statements
from rem_runtime.memory.statements import load_statements

_HERE = Path(__file__).parent
_SQL = load_statements(_HERE / "state.sql")

_VERSIONS = sorted((int(file.name.split("_")[0]), file) for file in (_HERE / "versions").glob("*.sql"))
SCHEMA_VERSION = _VERSIONS[-1][0]
MIN_READER = 1  # raised only by a change that an older runtime cannot live with
TOKENISER_VERSION = 1  # the rules of rem_terms
CHUNKER_VERSION = 1  # the rules of ingest.chunks
FIRST_MODEL_ID = 1

_EXTENSIONS = ("vector", "pg_trgm", "btree_gist")
_MIN_SERVER = 180000
_ROW_TABLES = (
    "run", "node", "name", "edge", "session", "message", "evidence", "chunk", "posting", "term_stat", "corpus_stat",
    "embedding", "job",
)  # fmt: skip


_READ_TABLES = ("meta", "embedding_model")


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """The model whose vectors are stored; its index is made with the tables."""

    name: str = "all-MiniLM-L6-v2"
    dimensions: int = 384


MINILM = EmbeddingModel()


@dataclass(frozen=True, slots=True)
class SchemaReport:
    """What was found, what was done."""

    version_before: int
    version: int
    applied: tuple[str, ...]
    """What was written, in order; empty when everything was there."""
    notes: tuple[str, ...]
    """What works only partly, and who can change that."""

    @property
    def unchanged(self) -> bool:
        """Whether nothing was written."""
        return not self.applied


async def apply_schema(
    conn: asyncpg.Connection, *, app_role: str, sql_role: str, embedding: EmbeddingModel = MINILM
) -> SchemaReport:
    """Tables, views and grants, under an advisory lock; raises SchemaError with who creates what is missing."""
    await _check_prerequisites(conn, app_role=app_role, sql_role=sql_role)
    async with conn.transaction():
        await conn.execute(_SQL["lock"])
        before, hash_before = await _read_meta(conn)
        if before > SCHEMA_VERSION:
            return SchemaReport(
                before, before, (), (f"the database is at {before} already; this runtime can serve it",)
            )
        applied = await _apply_versions(conn, before)
        applied += await _apply_model(conn, embedding)
        definitions = (_HERE / "functions.sql").read_text("utf-8") + view_statements()
        grants = _grants(app_role, sql_role)
        digest = hashlib.sha256((definitions + grants).encode()).hexdigest()
        if digest != hash_before:
            await conn.execute(definitions)
            applied.append("functions and views")
        if digest != hash_before or await _grants_missing(conn, app_role=app_role, sql_role=sql_role):
            await _grant(conn, grants, app_role=app_role, sql_role=sql_role)
            applied.append("grants")
        notes = await _pass_on_set_config(conn, app_role, applied)
        if applied:
            await conn.execute(
                _SQL["write_meta"], SCHEMA_VERSION, MIN_READER, NORMALISER_VERSION, TOKENISER_VERSION,
                CHUNKER_VERSION, digest,
            )  # fmt: skip
    return SchemaReport(before, SCHEMA_VERSION, tuple(applied), tuple(notes))


def version_files() -> list[tuple[int, Path]]:
    """The versions in order; the number is the start of the file's name."""
    return list(_VERSIONS)


async def _check_prerequisites(conn: asyncpg.Connection, *, app_role: str, sql_role: str) -> None:
    found = await conn.fetchrow(_SQL["prerequisites"], [app_role, sql_role])
    assert found is not None
    if found["server_version"] < _MIN_SERVER:
        raise SchemaError("PostgreSQL 18 or newer is needed (uuidv7, casefold); set the tenant's postgres image")
    if found["encoding"] != "UTF8":
        raise SchemaError(f"the database's encoding is {found['encoding']}, not UTF8; create it with encoding UTF8")
    if missing := [name for name in _EXTENSIONS if name not in found["extensions"]]:
        raise SchemaError(
            f"missing extensions: {', '.join(missing)}. Only a superuser can create them. In a cluster CloudNativePG "
            "does, from the Database object (kubectl describe database); elsewhere run "
            + "; ".join(f"CREATE EXTENSION {name}" for name in missing)
        )
    if absent := [role for role in (app_role, sql_role) if role not in found["roles"]]:
        raise SchemaError(
            f"missing roles: {', '.join(absent)}. In a cluster CloudNativePG creates them from the DatabaseRole "
            "objects (kubectl describe databaserole); elsewhere run "
            + "; ".join(f"CREATE ROLE {role} LOGIN" for role in absent)
        )
    if not found["may_create"]:
        raise SchemaError("this user may not create tables here; run `schema apply` as the owner of the database")


async def _read_meta(conn: asyncpg.Connection) -> tuple[int, str]:
    if not await conn.fetchval(_SQL["meta_exists"]):
        return 0, ""
    row = await conn.fetchrow(_SQL["read_meta"])
    if row is None:
        raise SchemaError("the table meta is there but empty; this is not a database that `schema apply` made")
    if row["min_reader"] > SCHEMA_VERSION:
        raise SchemaError(
            f"the database has schema version {row['schema_version']} and needs a runtime that knows "
            f"{row['min_reader']}; this one knows {SCHEMA_VERSION}: use a newer image"
        )
    return row["schema_version"], row["definitions_hash"]


async def _apply_versions(conn: asyncpg.Connection, before: int) -> list[str]:
    applied = []
    for version, file in version_files():
        if version > before:
            await conn.execute(file.read_text("utf-8"))
            applied.append(f"version {version}")
    return applied


async def _apply_model(conn: asyncpg.Connection, embedding: EmbeddingModel) -> list[str]:
    active = await conn.fetchrow(_SQL["active_model"])
    if active is None:
        await conn.execute(_SQL["add_model"], FIRST_MODEL_ID, embedding.name, embedding.dimensions)
        # Names and numbers of ours only. On a table that is filled this would be built CONCURRENTLY; here it is empty.
        await conn.execute(
            f"create index embedding_hnsw_{FIRST_MODEL_ID} on embedding "
            f"using hnsw ((v::halfvec({int(embedding.dimensions)})) halfvec_ip_ops) where model = {FIRST_MODEL_ID}"
        )
        return [f"embedding model {embedding.name}"]
    if (active["name"], active["dimensions"]) != (embedding.name, embedding.dimensions):
        raise SchemaError(
            f"the database's vectors are of {active['name']} ({active['dimensions']} dimensions), and the settings say "
            f"{embedding.name} ({embedding.dimensions}); set EMBEDDING__MODEL and EMBEDDING__DIMENSIONS back"
        )
    return []


def _grants(app_role: str, sql_role: str) -> str:
    return (_HERE / "grants.sql").read_text("utf-8").format(app=_quoted(app_role), sql=_quoted(sql_role))


def _quoted(role: str) -> str:
    return '"' + role.replace('"', '""') + '"'


async def _grants_missing(conn: asyncpg.Connection, *, app_role: str, sql_role: str) -> bool:
    views = list(VIEW_NAMES.values())
    return bool(
        await conn.fetchval(_SQL["missing_grants"], app_role, list(_ROW_TABLES), sql_role, views, list(_READ_TABLES))
    )


async def _grant(conn: asyncpg.Connection, grants: str, *, app_role: str, sql_role: str) -> None:
    await conn.execute(grants)
    database = _quoted(await conn.fetchval("select current_database()"))
    await conn.execute(f"grant connect on database {database} to {_quoted(app_role)}, {_quoted(sql_role)}")


async def _pass_on_set_config(conn: asyncpg.Connection, app_role: str, applied: list[str]) -> list[str]:
    rights = await conn.fetchrow(_SQL["set_config_rights"], app_role)
    assert rights is not None
    if rights["open_to_all"]:
        return ["PUBLIC may execute set_config, so SQL mode stays off; only a superuser can revoke it"]
    if not rights["app_may"] and rights["may_pass_on"]:
        await conn.execute(
            f"grant execute on function pg_catalog.set_config(text, text, boolean) to {_quoted(app_role)}"
        )
        applied.append("set_config for the app role")
    elif not rights["app_may"]:
        return [f"set_config is revoked from PUBLIC and not ours to pass on; a superuser must grant it to {app_role}"]
    return []
