"""The shape of a schema's tables as the server describes it, and how two shapes differ: the SQL that makes them equal.

Pure but for `read_shape`. Nothing here decides what is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).with_name("drift.sql"))


@dataclass(frozen=True, slots=True)
class Column:
    """What a column is, apart from its name."""

    type: str
    not_null: bool
    default: str | None
    made: str
    """'' or who makes its values: an identity or an expression."""
    collation: str

    @property
    def declaration(self) -> str:
        """As ADD COLUMN takes it; NOT NULL only where a default fills what is there."""
        parts = [self.type]
        if self.collation:
            parts.append(f'collate "{self.collation}"')
        if self.default is not None:
            parts.append(f"default {self.default}" + (" not null" if self.not_null else ""))
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Index:
    """An index that no constraint owns."""

    table: str
    definition: str
    unique: bool
    valid: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """Tables with their columns, constraints by (table, name), indexes by name."""

    tables: dict[str, dict[str, Column]] = field(default_factory=dict)
    constraints: dict[tuple[str, str], str] = field(default_factory=dict)
    indexes: dict[str, Index] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not as it was declared, and the SQL that a person may run about it."""

    what: str
    by_hand: str


async def read_shape(conn: asyncpg.Connection, schema: str) -> Shape:
    """The shape of a schema that is first in the search path."""
    tables: dict[str, dict[str, Column]] = {}
    for row in await conn.fetch(SQL["columns"], schema):
        column = Column(row["type"], row["not_null"], row["default_value"], row["made"], row["collation"])
        tables.setdefault(row["table_name"], {})[row["name"]] = column
    constraints = {
        (row["table_name"], row["name"]): row["definition"] for row in await conn.fetch(SQL["constraints"], schema)
    }
    indexes = {
        row["name"]: Index(row["table_name"], row["definition"], row["is_unique"], row["valid"])
        for row in await conn.fetch(SQL["indexes"], schema)
    }
    return Shape(tables, constraints, indexes)


def differences(declared: Shape, live: Shape) -> list[Difference]:
    """Where the live tables are not what was declared; of indexes only those that change what may be stored."""
    return [
        *_tables(declared, live),
        *_columns(declared, live),
        *_constraints(declared, live),
        *_indexes(declared, live),
    ]


def unknown_indexes(declared: Shape, live: Shape) -> list[str]:
    """Indexes on our tables that nobody declared and that only cost time."""
    return [
        name
        for name, index in live.indexes.items()
        if name not in declared.indexes and index.table in declared.tables and not index.unique and index.valid
    ]


def _tables(declared: Shape, live: Shape) -> Iterator[Difference]:
    for table in sorted(live.tables.keys() - declared.tables.keys()):
        yield Difference(
            f"the table {table} is not known to this runtime, so nothing of a user in it could be erased",
            f"alter table {table} set schema another_schema;  -- or: drop table {table};",
        )
    for table in sorted(declared.tables.keys() - live.tables.keys()):
        yield Difference(f"the table {table} is missing", f"-- restore {table} from a backup")


def _columns(declared: Shape, live: Shape) -> Iterator[Difference]:
    for table in sorted(declared.tables.keys() & live.tables.keys()):
        ours, theirs = declared.tables[table], live.tables[table]
        for name in sorted(theirs.keys() - ours.keys()):
            yield Difference(
                f"the column {table}.{name} is not known to this runtime", f"alter table {table} drop column {name};"
            )
        for name in sorted(ours.keys() - theirs.keys()):
            yield Difference(
                f"the column {table}.{name} is missing",
                f"alter table {table} add column {name} {ours[name].declaration};",
            )
        for name in sorted(ours.keys() & theirs.keys()):
            yield from _column(table, name, ours[name], theirs[name])


def _column(table: str, name: str, declared: Column, live: Column) -> Iterator[Difference]:
    alter = f"alter table {table} alter column {name}"
    if (declared.type, declared.collation) != (live.type, live.collation):
        collate = f' collate "{declared.collation}"' if declared.collation else ""
        yield Difference(
            f"{table}.{name} is {_typed(live)}, not {_typed(declared)}",
            f"{alter} type {declared.type}{collate} using {name}::{declared.type};"
            "  -- drop the views that show it first: the next `schema apply` makes them anew",
        )
    if declared.not_null != live.not_null:
        yield Difference(
            f"{table}.{name} is {'not null' if live.not_null else 'nullable'}",
            f"{alter} {'set' if declared.not_null else 'drop'} not null;",
        )
    if declared.default != live.default:
        action = "drop default" if declared.default is None else f"set default {declared.default}"
        yield Difference(f"the default of {table}.{name} is {live.default or 'nothing'}", f"{alter} {action};")
    if declared.made != live.made:
        yield Difference(f"the values of {table}.{name} are made in another way", f"-- see \\d {table}")


def _typed(column: Column) -> str:
    return f'{column.type} collate "{column.collation}"' if column.collation else column.type


def _constraints(declared: Shape, live: Shape) -> Iterator[Difference]:
    for table, name in sorted(declared.constraints.keys() | live.constraints.keys()):
        if table not in declared.tables or table not in live.tables:
            continue
        ours, theirs = declared.constraints.get((table, name)), live.constraints.get((table, name))
        if ours == theirs:
            continue
        drop = f"drop constraint {name}" if theirs else ""
        add = f"add constraint {name} {ours}" if ours else ""
        what = (
            "missing" if theirs is None else "not known to this runtime" if ours is None else f"another one: {theirs}"
        )
        yield Difference(
            f"the constraint {name} of {table} is {what}",
            f"alter table {table} {', '.join(part for part in (drop, add) if part)};",
        )


def _indexes(declared: Shape, live: Shape) -> Iterator[Difference]:
    for name, index in sorted(live.indexes.items()):
        expected = declared.indexes.get(name)
        if expected is None and index.unique and index.valid and index.table in declared.tables:
            yield Difference(
                f"the unique index {name} on {index.table} is not known to this runtime",
                f"drop index concurrently {name};",
            )
        if expected is not None and expected.definition != index.definition:
            yield Difference(
                f"the index {name} is another one: {index.definition}",
                f"drop index concurrently {name};  -- the next `schema apply` makes it anew",
            )
