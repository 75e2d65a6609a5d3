"""What a version file may do: each kind of statement, allowed or refused, and the files that there are."""

from __future__ import annotations

import pytest

from rem_runtime.memory.schema.versions import Version, parse_version, read_version, refusals, version_files

ALLOWED = [
    "create table t (a text)",
    "create table t (a text); create index i on t (a); create unique index u on t (a); alter table t drop column a",
    "create index concurrently i on node (label) where label <> ';'",
    "alter table node add column a text",
    "alter table node add column a integer not null default 0, add column b jsonb",
    "alter table node alter column a set statistics 0, alter column b set default 1",
    "alter table node alter column a drop not null",
    "alter table posting set (fillfactor = 90)",
    "alter index node_uri alter column 3 set statistics 0",
    "insert into meta (a) values ('drop table node')",
    "update node set label = 'x, drop column y' where label is null",
    "comment on table node is 'drop table node;'",
    "-- drop table node;\nselect 1",
    "/* drop table node; */ create type mood as enum ('a', 'b')",
    "-- widens: it may be cancelled\nalter table job drop constraint c, add constraint c check (state in ('a', 'b'))",
]
REFUSED = [
    "drop table node",
    "DROP INDEX node_list",
    "truncate node",
    "delete from node",
    "alter table node drop column label",
    "alter table node add column a text, drop column label",
    "alter table node rename column label to name",
    "alter table node rename to things",
    "alter table node alter column label type varchar(10)",
    "alter table node alter label type varchar(10)",
    "alter table node alter column data set not null",
    "alter table node add column a text not null",
    "alter table node add column a text unique",
    "alter table node add column a text check (a <> '')",
    "alter table node add constraint c check (label <> '')",
    "alter table job drop constraint c, add constraint c check (state in ('a', 'b'))",
    "-- widens: no\nalter table job drop constraint c",
    "alter table node set schema other",
    "create index i on node (label)",
    "create unique index concurrently i on node (label)",
    "create table t (a text); create index concurrently i on t (a)",
    "alter table public.node add column a text",
    "create or replace function f() returns text language sql return 'x'",
    "do $$ begin execute 'drop table node'; end $$",
    "with gone as (delete from node returning id) select 1",
    "vacuum node",
    "create view v as select 1",
    "grant all on node to public",
]


def version(sql: str) -> Version:
    return parse_version(7, "0007_test", sql + ";")


@pytest.mark.parametrize("sql", ALLOWED)
def test_what_only_adds_is_allowed(sql: str) -> None:
    assert refusals(version(sql)) == []


@pytest.mark.parametrize("sql", REFUSED)
def test_what_drops_narrows_or_renames_is_refused(sql: str) -> None:
    [said, *_] = refusals(version(sql))
    assert said.startswith("0007_test: ")


@pytest.mark.parametrize("number", [number for number, _ in version_files()])
def test_the_files_only_add(number: int) -> None:
    assert refusals(read_version(dict(version_files())[number])) == []


def test_versions_are_numbered() -> None:
    numbers = [number for number, _ in version_files()]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 1


def test_an_index_on_a_table_in_use_is_built_outside_the_transaction() -> None:
    one = version(
        "create table t (a text); create index concurrently i on node\n  (label) -- why\n  where label <> ';'"
    )
    assert [statement.later_index for statement in one.statements] == [None, "i"]
    assert "concurrently" not in one.script(new_database=True)
    assert "create index  i on node" in one.script(new_database=True)
    assert "on node" not in one.script(new_database=False)
    assert one.statements[1].plain == "create index concurrently i on node (label) where label <> ';'"


def test_quotes_and_comments_part_no_statement() -> None:
    sql = "insert into t values ('a;b''c', $x$ d; $$ $x$, \"e;f\"); -- g;\nselect 1"
    assert [s.plain for s in version(sql).statements] == [
        "insert into t values ('a;b''c', $x$ d; $$ $x$, \"e;f\")",
        "select 1",
    ]
