"""What `schema apply` would do to a database: gathered and decided here, carried out by `apply`. Writes nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg

from rem_runtime.memory.errors import SchemaError
from rem_runtime.memory.keys import NORMALISER_VERSION
from rem_runtime.memory.schema.declared import Shapes, gather_shapes
from rem_runtime.memory.schema.indexes import HNSW_NAME, IndexStep, hnsw_statement, plan_indexes
from rem_runtime.memory.schema.shape import Difference, differences, unknown_indexes
from rem_runtime.memory.schema.versions import Version, read_version, refusals, version_files
from rem_runtime.memory.schema.views import ALL_VIEWS, view_statements
from rem_runtime.memory.statements import load_statements

_HERE = Path(__file__).parent
SQL = load_statements(_HERE / "state.sql")

SCHEMA_VERSION = version_files()[-1][0]
MIN_READER = 1  # raised only by a change that an older runtime cannot live with
TOKENISER_VERSION = 1  # the rules of rem_terms
CHUNKER_VERSION = 1  # the rules of ingest.chunks
FIRST_MODEL_ID = 1
RULES = {"normaliser": NORMALISER_VERSION, "tokeniser": TOKENISER_VERSION, "chunker": CHUNKER_VERSION}

_GRANTS = (_HERE / "grants.sql").read_text("utf-8")
_EXTENSIONS = ("vector", "pg_trgm", "btree_gist")
_MIN_SERVER = 180000


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """The model whose vectors are stored; its index is made with the tables."""

    name: str = "all-MiniLM-L6-v2"
    dimensions: int = 384


MINILM = EmbeddingModel()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who shall have rights, and whose vectors are stored."""

    app_role: str
    sql_role: str
    embedding: EmbeddingModel = MINILM


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the one transaction: what it is called, what is in it, and its statements with their arguments."""

    title: str
    details: tuple[str, ...]
    statements: tuple[tuple[str, tuple[Any, ...]], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that an apply does, in its order: `steps` in one transaction, then `indexes`, each by itself."""

    version_before: int
    version: int
    definitions_hash: str = ""
    steps: tuple[Step, ...] = ()
    indexes: tuple[IndexStep, ...] = ()
    notes: tuple[str, ...] = ()
    """What works only partly, and who can change that."""

    @property
    def titles(self) -> tuple[str, ...]:
        """What is written, in order."""
        return (*(step.title for step in self.steps), *(step.title for step in self.indexes))


@dataclass(frozen=True, slots=True)
class _Found:
    """What is in the database already, besides the shape of its tables."""

    version: int
    definitions_hash: str
    model: asyncpg.Record | None
    objects_missing: bool
    grants_missing: bool
    set_config: asyncpg.Record
    database: str


async def plan_schema(conn: asyncpg.Connection, wanted: Wanted) -> Plan:
    """What is to be done; raises SchemaError with who creates what is missing, or the SQL that a person has to run."""
    await _check_prerequisites(conn, wanted)
    before, digest = await _read_meta(conn)
    if before > SCHEMA_VERSION:
        note = f"the database is at {before} already; this runtime can serve it"
        return Plan(before, before, digest, notes=(note,))
    versions = [read_version(file) for _, file in version_files()]
    _refuse_destructive(versions)
    applied = [version for version in versions if version.number <= before]
    pending = [version for version in versions if version.number > before]
    shapes = await gather_shapes(conn, applied=applied, pending=pending)
    _refuse_drift(before, differences(shapes.declared, shapes.live))
    found = await _gather(conn, wanted, before, digest)
    plan = _plan(wanted, found, pending, shapes)
    return replace(plan, notes=plan.notes + (await _owed_note(conn) if before else ()))


async def owed_versions(conn: asyncpg.Connection) -> dict[str, tuple[int, int]]:
    """By whose rules rows are stored that are not this runtime's: the stored version and ours, by the rules' name."""
    row = await conn.fetchrow(SQL["read_meta"])
    if row is None:
        raise SchemaError("the table meta is there but empty; this is not a database that `schema apply` made")
    return {name: (row[name], ours) for name, ours in RULES.items() if row[name] != ours}


async def _owed_note(conn: asyncpg.Connection) -> tuple[str, ...]:
    owed = [f"{name} {stored} -> {ours}" for name, (stored, ours) in (await owed_versions(conn)).items()]
    return (f"stored by other rules ({', '.join(owed)}): run `rem-runtime rebuild`",) if owed else ()


def describe(plan: Plan) -> str:
    """The plan for a person to read."""
    lines = [f"schema version {plan.version_before} -> {plan.version}"]
    if not plan.titles:
        lines.append("nothing to do")
    if plan.steps:
        lines.append("in one transaction:")
    for step in plan.steps:
        lines += [f"  {step.title}", *(f"    {detail}" for detail in step.details)]
    if plan.indexes:
        lines.append("then, outside a transaction, while others read and write:")
    for index in plan.indexes:
        lines += [f"  {index.title}", *([f"    {index.statement}"] if index.statement else [])]
    return "\n".join([*lines, *(f"note: {note}" for note in plan.notes)])


async def _check_prerequisites(conn: asyncpg.Connection, wanted: Wanted) -> None:
    roles = (wanted.app_role, wanted.sql_role)
    found = await conn.fetchrow(SQL["prerequisites"], list(roles))
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
    if absent := [role for role in roles if role not in found["roles"]]:
        raise SchemaError(
            f"missing roles: {', '.join(absent)}. In a cluster CloudNativePG creates them from the DatabaseRole "
            "objects (kubectl describe databaserole); elsewhere run "
            + "; ".join(f"CREATE ROLE {role} LOGIN" for role in absent)
        )
    if not found["may_create"]:
        raise SchemaError("this user may not create tables here; run `schema apply` as the owner of the database")


async def _read_meta(conn: asyncpg.Connection) -> tuple[int, str]:
    if not await conn.fetchval(SQL["meta_exists"]):
        return 0, ""
    row = await conn.fetchrow(SQL["read_meta"])
    if row is None:
        raise SchemaError("the table meta is there but empty; this is not a database that `schema apply` made")
    if row["min_reader"] > SCHEMA_VERSION:
        raise SchemaError(
            f"the database has schema version {row['schema_version']} and needs a runtime that knows "
            f"{row['min_reader']}; this one knows {SCHEMA_VERSION}: use a newer image"
        )
    return row["schema_version"], row["definitions_hash"]


def _refuse_destructive(versions: Sequence[Version]) -> None:
    if found := [line for version in versions for line in refusals(version)]:
        raise SchemaError("this runtime's version files do more than add, which only a person may: " + "; ".join(found))


def _refuse_drift(version: int, found: list[Difference]) -> None:
    if found:
        raise SchemaError(
            f"the tables are not those of schema version {version}, and `schema apply` changes nothing that may hold "
            "data. Look at each, then run by hand what is right:\n"
            + "\n".join(f"  {difference.what}:\n    {difference.by_hand}" for difference in found)
        )


async def _gather(conn: asyncpg.Connection, wanted: Wanted, before: int, digest: str) -> _Found:
    model, objects_missing, grants_missing = None, True, True
    if before:
        model = await conn.fetchrow(SQL["active_model"])
        views, schemas = list(ALL_VIEWS), _schemas()
        objects_missing = await conn.fetchval(SQL["missing_definitions"], views, _function_names(), schemas)
        grants_missing = before < SCHEMA_VERSION or objects_missing or await conn.fetchval(
            SQL["missing_grants"], wanted.app_role, _tables_granted("select, insert, update, delete"), wanted.sql_role,
            views, _tables_granted("select"), schemas, _tables_granted("maintain"),
        )  # fmt: skip
    set_config = await conn.fetchrow(SQL["set_config_rights"], wanted.app_role)
    assert set_config is not None
    database = await conn.fetchval("select current_database()")
    return _Found(before, digest, model, bool(objects_missing), bool(grants_missing), set_config, database)


def _plan(wanted: Wanted, found: _Found, pending: Sequence[Version], shapes: Shapes) -> Plan:
    definitions, grants = _definitions(), _grants(wanted)
    digest = hashlib.sha256((definitions + grants).encode()).hexdigest()
    steps = [_version_step(version, new_database=found.version == 0) for version in pending]
    steps += _model_steps(wanted.embedding, found.model)
    if digest != found.definitions_hash or found.objects_missing:
        details = (*(f"function {name}" for name in _function_names()), *(f"view {view}" for view in ALL_VIEWS))
        steps.append(Step("functions and views", details, ((definitions, ()),)))
    if digest != found.definitions_hash or found.grants_missing:
        roles = (f"rows for {wanted.app_role}", f"views for {wanted.sql_role}")
        connect = f"grant connect on database {_quoted(found.database)} to {_roles(wanted)}"
        # Bulk loads compare through a temporary table; whoever asks in SQL mode gets none.
        temporary = f"grant temporary on database {_quoted(found.database)} to {_quoted(wanted.app_role)}"
        steps.append(Step("grants", roles, ((grants, ()), (connect, ()), (temporary, ()))))
    rights, notes = _set_config(wanted, found.set_config)
    new_tables = frozenset(shapes.target.tables) - frozenset(shapes.declared.tables)
    indexes = plan_indexes(shapes.target, shapes.live, new_tables=new_tables) + _hnsw_steps(found.model, shapes)
    notes += [
        f"the index {name} is not known to this runtime; if nobody needs it: drop index concurrently {name};"
        for name in unknown_indexes(shapes.target, shapes.live)
        if found.version and not HNSW_NAME.fullmatch(name)
    ]
    return Plan(found.version, SCHEMA_VERSION, digest, tuple(steps + rights), tuple(indexes), tuple(notes))


def _version_step(version: Version, *, new_database: bool) -> Step:
    inside = [s for s in version.statements if new_database or s.later_index is None]
    return Step(
        f"version {version.number}",
        tuple(statement.summary for statement in inside),
        ((version.script(new_database=new_database), ()),),
    )


def _model_steps(wanted: EmbeddingModel, active: asyncpg.Record | None) -> Iterator[Step]:
    if active is None:
        yield Step(
            f"embedding model {wanted.name}",
            (f"{wanted.dimensions} dimensions, with an index of its vectors",),
            (
                (SQL["add_model"], (FIRST_MODEL_ID, wanted.name, wanted.dimensions)),
                (hnsw_statement(FIRST_MODEL_ID, wanted.dimensions), ()),
            ),
        )
    elif (active["name"], active["dimensions"]) != (wanted.name, wanted.dimensions):
        raise SchemaError(
            f"the database's vectors are of {active['name']} ({active['dimensions']} dimensions), and the settings say "
            f"{wanted.name} ({wanted.dimensions}); set EMBEDDING__MODEL and EMBEDDING__DIMENSIONS back, or run "
            "`rem-runtime embed migrate`"
        )


def _hnsw_steps(active: asyncpg.Record | None, shapes: Shapes) -> list[IndexStep]:
    if active is None or (name := f"embedding_hnsw_{active['id']}") in shapes.live.indexes:
        return []
    statement = hnsw_statement(active["id"], active["dimensions"]).replace("index", "index concurrently", 1)
    return [IndexStep(name, "embedding", "it is missing", drop=False, statement=statement)]


def _definitions() -> str:
    return (_HERE / "functions.sql").read_text("utf-8") + view_statements()


def _function_names() -> list[str]:
    return re.findall(r"^create (?:or replace )?function (?:\w+\.)?(\w+)", _definitions(), re.MULTILINE)


def _grants(wanted: Wanted) -> str:
    app, sql = _quoted(wanted.app_role), _quoted(wanted.sql_role)
    return _GRANTS.format(app=app, sql=sql)


def _tables_granted(rights: str) -> list[str]:
    """The tables on which grants.sql gives the app role these rights; views are not among them."""
    match = re.search(rf"^grant {rights} on\s+([\w,\s]+?)\s+to {{app}};", _GRANTS, re.MULTILINE)
    if match is None:
        raise ValueError(f"grants.sql has no `grant {rights} on … to {{app}};`")
    return re.split(r"\s*,\s*", match[1])


def _schemas() -> list[str]:
    return re.findall(r"^grant usage on schema (\w+)", _GRANTS, re.MULTILINE)


def _roles(wanted: Wanted) -> str:
    return f"{_quoted(wanted.app_role)}, {_quoted(wanted.sql_role)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _set_config(wanted: Wanted, rights: asyncpg.Record) -> tuple[list[Step], list[str]]:
    if rights["open_to_all"]:
        return [], ["PUBLIC may execute set_config, so SQL mode stays off; only a superuser can revoke it"]
    if rights["app_may"]:
        return [], []
    if not rights["may_pass_on"]:
        return [], [
            f"set_config is revoked from PUBLIC and not ours to pass on; a superuser must grant it to {wanted.app_role}"
        ]
    grant = f"grant execute on function pg_catalog.set_config(text, text, boolean) to {_quoted(wanted.app_role)}"
    return [Step("set_config for the app role", (grant,), ((grant, ()),))], []
