"""The attacks on SQL mode, as data: what is tried, and what must become of it.

`listed` is what the allow-list says: "refused", or "harmless" (it is run, and shows or does nothing that it should not),
or "ended" (it is run, and a limit or PostgreSQL itself ends it). Asked as Ann; what is Bob's says BOBSECRET, what is deleted GONE.
"""

# ruff: noqa: E501 - statements stand as they are sent

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_LARGE = {
    "repeat", "repeat, many", "lpad", "rpad", "format", "generate_series", "array_fill", "ARRAY(SELECT)", "xmlagg", "json_agg",
    "a bit string",
}  # fmt: skip


@dataclass(frozen=True)
class Attack:
    """One statement."""

    group: str
    name: str
    statement: str
    listed: Literal["refused", "harmless", "ended"] = "refused"

    @property
    def grows_in_the_planner(self) -> bool:
        """PostgreSQL writes out what names stand for before it runs anything, and nothing interrupts or bounds it."""
        return self.name.startswith("doubling") or self.name == "arrays of arrays"

    @property
    def only_the_list_stops_it(self) -> bool:
        """PostgreSQL's own bound, a gigabyte for one value, is what remains; not for a test to fill a machine with."""
        return self.name in _LARGE


def _group(name: str, *attacks: tuple[str, str] | tuple[str, str, Literal["harmless", "ended"]]) -> list[Attack]:
    return [Attack(name, *attack) for attack in attacks]


_H: Literal["harmless"] = "harmless"
_L: Literal["ended"] = "ended"
_E = _L  # by an error about a row of one's own
_DOUBLE = ", ".join(f"c{i} as (select x || x as x from c{i - 1})" for i in range(1, 31))
_SUM = ", ".join(f"c{i} as (select x + x as x from c{i - 1})" for i in range(1, 31))
_JSON = ", ".join(f"c{i} as (select jsonb_build_array(x, x) as x from c{i - 1})" for i in range(1, 31))
_ROWS = ", ".join(f"c{i} as (select row(x, x) as x from c{i - 1})" for i in range(1, 31))
_WHOLE = ", ".join(f"c{i} as (select c{i - 1} as x, c{i - 1} as y from c{i - 1})" for i in range(1, 31))
_ARRAYS = ", ".join(f"c{i} as (select array[{', '.join(['x'] * 60)}] as x from c{i - 1})" for i in range(1, 6))
_CROSS = "messages a, messages b, messages c, messages d, messages e"


def _long(text: str, name: str) -> str:
    """A subselect with one value of 80,000 characters; `offset 0` keeps the planner from writing it out."""
    part = (text * 8_000)[:4_000]
    return f"(select {' || '.join(['v'] * 20)} as {name} from (select '{part}' as v offset 0) i offset 0) {name}_t"


def _each(expression: str, x: str = "a", z: str = "a") -> tuple[str, Literal["ended"]]:
    return f"select {expression} from {_long(x, 'x')}, {_long(z, 'z')}", _L


ATTACKS: list[Attack] = [
    *_group(
        "comparing each with each",
        ("translate", *_each("length(translate(x, z, 'q'))", z="b")),
        ("strpos", *_each("strpos(x, 'b' || left(z, 40000))")),
        ("position", f"select position('b' || left(z, 40000) in x) from {_long('a', 'x')}, {_long('a', 'z')}"),
        ("replace", *_each("length(replace(x, left(z, 40000) || 'b', ''))")),
        ("split_part", *_each("split_part(x, left(z, 40000) || 'b', 2)")),
        ("string_to_array", *_each("string_to_array(x, left(z, 40000) || 'b')")),
        ("string_to_array, many", *_each("cardinality(string_to_array(x, ','))", x="a,")),
        ("regexp_split_to_array, many", *_each("cardinality(regexp_split_to_array(x, ','))", x="a,")),
        ("btrim", *_each("btrim(x, z)", z="b")),
        ("trim from", f"select length(trim(both z from x)) from {_long('a', 'x')}, {_long('b', 'z')}"),
        ("ltrim", *_each("ltrim(x, z || 'a')", z="b")),
        ("like", *_each("x like '%' || left(z, 40000) || 'b'")),
        ("not like", *_each("x not like '%' || left(z, 40000) || 'b'")),
        ("like any", *_each("x like any (array['%' || left(z, 40000) || 'b'])")),
        (
            "like with escape",
            f"select x like left(z, 40000) || 'b' escape '!' from {_long('a', 'x')}, {_long('a', 'z')}",
        ),
        ("ilike", *_each("x ilike '%' || left(z, 40000) || 'b'")),
        ("jsonb contains", *_each("('[' || x || '1]')::jsonb @> ('[' || z || '2]')::jsonb", x="1,", z="3,")),
        ("jsonb is contained", *_each("('[' || x || '1]')::jsonb <@ ('[' || z || '2]')::jsonb", x="1,", z="3,")),
        ("word_similarity", *_each("word_similarity(x, z)", x="abcd efgh ", z="abce efgi ")),
        ("words that are like it", *_each("x <% z", x="abcd efgh ", z="abce efgi ")),
    ),
    *_group(
        "other users' rows",
        *(
            (f"all of {view}", f"select * from {view}", _H)
            for view in [
                "resources",
                "entities",
                "moments",
                "users",
                "files",
                "sessions",
                "messages",
                "passages",
                "edges",
            ]
        ),
        ("the condition says so", "select * from resources where user_id = 'bob' or true", _H),
        (
            "by join",
            "select r.*, e.* from resources r full join entities e on true where e.user_id = 'bob' or r.user_id = 'bob'",
            _H,
        ),
        (
            "by lateral subselect",
            "select l.* from users u, lateral (select * from messages m where m.user_id = 'bob') l",
            _H,
        ),
        ("by scalar subselect", "select (select label from entities where label like 'BOB%' limit 1)", _H),
        (
            "by exists, one bit at a time",
            "select exists (select from entities where user_id = 'bob' and label like 'B%') as leak",
            _H,
        ),
        (
            "by CTE",
            "with them as materialized (select * from passages) select text from them where text like '%BOB%'",
            _H,
        ),
        (
            "by union",
            "select label from resources union all select label from files union all select content from messages",
            _H,
        ),
        ("whole row", "select r from resources r", _H),
        ("TABLE", "table messages", _H),
        ("graph_edges on a shared node", "select label, graph_edges from entities", _H),
        ("an edge's destination", "select dst, dst_id, properties from edges", _H),
        ("an error with the value in it: cast", "select * from resources where (metadata->>'x')::int = 1", _H),
        (
            "an error with the value in it: division",
            "select * from resources where 1 / (length(label) - 18) > 0 and label like 'BOB%'",
            _H,
        ),
        (
            "an error with the value in it: date",
            "select count(*) from messages where (metadata->>'x')::int > 0 and content::text <> ''",
            _H,
        ),
        *(
            (
                f"an error with the value in it: {view}.{column}",
                f"select count(*) from {view} where {column}::text::int = 1",
                _E,
            )
            for view, column in (
                ("resources", "label"),
                ("entities", "label"),
                ("moments", "summary"),
                ("users", "email"),
                ("files", "reason"),
                ("sessions", "name"),
                ("messages", "content"),
                ("passages", "text"),
                ("passages", "uri"),
                ("edges", "properties"),
            )
        ),
        (
            "an error in a join condition",
            "select count(*) from users a join users b on (a.metadata->>'x')::int = (b.metadata->>'x')::int",
            _H,
        ),
        ("an error in the order", "select label from entities order by (metadata->>'x')::int limit 1", _H),
        ("the table behind the view", "select * from node"),
        ("the table, with its schema", "select * from public.node"),
        ("the table of vectors", "select * from embedding"),
        ("the table of names", "select * from name"),
        (
            "a table under a CTE's name elsewhere",
            "select (with node as (select 1) select count(*) from node), (select count(*) from node)",
        ),
        ("a table in ORDER BY of VALUES", "values (1) order by (select count(*) from message)"),
        ("a table as an argument", "select to_jsonb(n) from node n"),
        ("deleted rows", "select * from resources where deleted_at is not null or label like 'GONE%'", _H),
        ("a sample of the table", "select * from node tablesample system (100)"),
    ),
    *_group(
        "who asks",
        ("set_config", "select set_config('rem.user', 'bob', true)"),
        ("set_config, with its schema", "select pg_catalog.set_config('rem.user', 'bob', true), m.* from messages m"),
        ("set_config, quoted", """select "set_config"('rem.user', 'bob', true)"""),
        ("set_config, by escapes", r"""select U&"set\005fconfig"('rem.user', 'bob', true)"""),
        (
            "set_config in a lateral",
            "select m.* from (select set_config('rem.user', 'bob', true)) s, lateral (select * from messages where s is not null) m",
        ),
        ("set_config in FROM", "select * from set_config('rem.user', 'bob', false), messages"),
        ("set_config as a field", "select ('rem.user').set_config"),
        ("SET", "set rem.\"user\" = 'bob'"),
        ("SET LOCAL", "set local rem.\"user\" = 'bob'"),
        ("RESET", 'reset rem."user"'),
        ("SET ROLE", "set role rem_owner"),
        ("SET SESSION AUTHORIZATION", "set session authorization postgres"),
        ("current_setting", "select current_setting('rem.user')"),
        ("the settings view", "update pg_settings set setting = 'bob' where name = 'rem.user'"),
        ("query_to_xml", "select query_to_xml('select set_config(''rem.user'', ''bob'', true)', true, true, '')"),
        ("table_to_xml", "select table_to_xml('public.node', true, true, '')"),
        ("database_to_xml", "select database_to_xml(true, true, '')"),
        ("ts_stat", "select * from ts_stat('select set_config(''rem.user'', ''bob'', true)::tsvector')"),
        ("ts_rewrite", "select ts_rewrite('a'::tsquery, 'select 1')"),
        ("search_path", "set search_path = pg_temp, public"),
        ("a function by its schema", "select public.rem_terms('x')"),
        ("the trigram limit", "select set_limit(0.1)"),
    ),
    *_group(
        "files, network, large objects",
        ("pg_read_file", "select pg_read_file('/etc/passwd')"),
        ("pg_read_file as a field", "select ('/etc/passwd'::text).pg_read_file"),
        ("pg_read_binary_file", "select pg_read_binary_file('PG_VERSION')"),
        ("pg_ls_dir", "select * from pg_ls_dir('.')"),
        ("pg_stat_file", "select pg_stat_file('PG_VERSION')"),
        ("lo_import", "select lo_import('/etc/passwd')"),
        ("lo_export", "select lo_export(1, '/tmp/rem-canary')"),
        ("lo_from_bytea", "select lo_from_bytea(0, 'x')"),
        ("lo_creat", "select lo_creat(-1)"),
        ("lo_get", "select lo_get(1)"),
        ("dblink", "select * from dblink('host=127.0.0.1', 'select 1') as t(x int)"),
        ("COPY to a program", "copy (select 1) to program 'touch /tmp/rem-canary'"),
        ("COPY to a file", "copy messages to '/tmp/rem-canary'"),
        ("COPY to the client", "copy messages to stdout"),
        ("COPY from a file", "copy node from '/etc/passwd'"),
        ("the log", "select pg_read_file(pg_current_logfile())"),
    ),
    *_group(
        "writing",
        ("INSERT", "insert into node (owner, kind, key, label, fuzzy_text) values ('', 'entity', 'x', 'x', 'x')"),
        ("UPDATE", "update node set label = 'x'"),
        ("UPDATE of a view", "update messages set content = 'x'"),
        ("DELETE", "delete from messages"),
        ("MERGE", "merge into node using (values (1)) v on true when matched then delete"),
        ("DELETE in a CTE", "with gone as (delete from message returning *) select * from gone"),
        ("INSERT in a CTE", "with made as (insert into job (kind) values ('x') returning id) select * from made"),
        ("DELETE behind a comment", "/* read only */ delete from node"),
        ("TRUNCATE", "truncate node cascade"),
        ("DROP", "drop table node cascade"),
        ("CREATE TABLE", "create table t (x int)"),
        ("a temporary table", "create temp table resources as select 1"),
        ("SELECT INTO", "select * into temporary t from resources"),
        ("CREATE FUNCTION", "create function f() returns int language sql as 'select 1'"),
        ("DO", "do $$ begin delete from node; end $$"),
        ("CALL", "call p()"),
        ("nextval", "select nextval('chunk_id_seq')"),
        ("setval", "select setval('chunk_id_seq', 1)"),
        ("GRANT", "grant all on node to rem_sql"),
        ("ALTER ROLE", "alter role rem_sql superuser"),
        ("COMMENT", "comment on table node is 'x'"),
        ("NOTIFY", "notify rem, 'x'"),
        ("LISTEN", "listen rem"),
        ("pg_notify", "select pg_notify('rem', 'x')"),
        ("EXPLAIN ANALYZE", "explain analyze delete from node"),
        ("PREPARE", "prepare p as delete from node"),
        ("EXECUTE", "execute p"),
        ("DECLARE", "declare c cursor with hold for select * from messages"),
        ("VACUUM", "vacuum full node"),
        ("REFRESH", "refresh materialized view v"),
    ),
    *_group(
        "more than one statement, and getting out of the wrapping",
        ("two statements", "select 1; delete from node"),
        ("two, the second behind a comment", "select 1 --\n; drop table node"),
        ("COMMIT first", "commit; delete from node"),
        ("out of the parenthesis", "select 1) statement; delete from node --"),
        (
            "out of the parenthesis, one statement",
            "select 1) statement) sent) counted union all select row(n.*)::text from node n --",
        ),
        ("an open comment", "select 1 /*"),
        ("an open string", "select 'a"),
        ("a nested comment", "select 1 /* /* */ ; delete from node */", _H),
        ("dollar quotes", "select $a$; delete from node; $a$ as text", _H),
        ("a backslash before the quote", r"select '\'; delete from node; --'"),
        ("an escape string", r"select E'\'; delete from node; --' as text", _H),
        ("a column that is called like the wrapping", "select 1 as statement, 2 as sent, 3 as row, 4 as counted", _H),
        ("U+0000", "select 1 \x00; delete from node"),
        ("a parameter", "select * from messages where user_id = $1"),
        ("half a surrogate pair", "select '\ud800'"),
        ("nothing", "  -- nothing at all\n"),
        ("a psql command", r"\copy node to '/tmp/rem-canary'"),
    ),
    *_group(
        "locks, time, other sessions",
        ("pg_sleep", "select pg_sleep(60)"),
        ("pg_sleep in a condition", "select count(*) from messages where pg_sleep(1) is not null"),
        ("an advisory lock", "select pg_advisory_lock(1)"),
        ("an advisory lock that stays", "select pg_advisory_lock(hashtextextended('rem schema', 0)), 1"),
        ("all advisory locks", "select count(pg_advisory_lock(id)) from passages"),
        ("FOR UPDATE", "select * from messages for update"),
        ("FOR SHARE in a subselect", "select * from (select * from messages for share) m"),
        ("LOCK TABLE", "lock table node in access exclusive mode"),
        ("pg_terminate_backend", "select pg_terminate_backend(pid) from pg_stat_activity"),
        ("pg_cancel_backend", "select pg_cancel_backend(pid) from pg_stat_activity"),
        ("pg_reload_conf", "select pg_reload_conf()"),
        ("pg_switch_wal", "select pg_switch_wal()"),
        ("pg_export_snapshot", "select pg_export_snapshot()"),
    ),
    *_group(
        "the catalog",
        ("pg_roles", "select * from pg_roles"),
        ("pg_authid", "select rolname, rolpassword from pg_authid"),
        ("pg_stat_activity", "select query from pg_stat_activity"),
        ("pg_stats", "select most_common_vals from pg_stats where tablename = 'node'"),
        ("pg_class", "select relname from pg_catalog.pg_class"),
        ("information_schema", "select * from information_schema.tables"),
        ("pg_settings", "select * from pg_settings"),
        ("a catalog under an alias", "select r.rolname from pg_roles as resources, lateral (select resources.*) r"),
        ("regclass", "select 'node'::regclass::oid"),
        ("regrole", "select 10::regrole"),
        ("cast as", "select cast('pg_authid' as regclass)"),
        ("typed literal", "select regclass 'pg_authid'"),
        ("current_user", "select current_user"),
        ("session_user", "select session_user, current_catalog"),
        ("version", "select version()"),
        ("inet_server_addr", "select inet_server_addr()"),
        ("pg_typeof as a field", "select r.pg_typeof from resources r"),
        ("a function of the row as a field", "select r.row_to_json from resources r"),
        ("system columns", "select ctid, xmin, tableoid from resources", _L),
        ("pg_get_viewdef", "select pg_get_viewdef('resources')"),
        ("has_table_privilege", "select has_table_privilege('node', 'select')"),
    ),
    *_group(
        "memory",
        ("repeat", "select repeat('x', 1000000000)"),
        ("repeat, many", "select length(repeat('x', 500000000)) + length(repeat('y', 500000000)) as n"),
        ("lpad", "select lpad('x', 1000000000)"),
        ("rpad", "select rpad('x', 1000000000, 'ab')"),
        ("format", "select format('%999999999s', 'x')"),
        ("generate_series", "select array_agg(i) from generate_series(1, 100000000) i"),
        ("string_agg of a cross join", f"select length(string_agg(a.content || b.content, ',')) from {_CROSS}", _L),
        ("array_agg of a cross join", f"select cardinality(array_agg(a.content)) from {_CROSS}", _L),
        ("jsonb_agg of a cross join", f"select jsonb_array_length(jsonb_agg(a.content)) from {_CROSS}", _L),
        ("array_agg as a window", f"select array_agg(a.id) over () from {_CROSS}", _L),
        ("ARRAY(SELECT)", f"select cardinality(array(select a.content from {_CROSS}))"),
        (
            "string_agg of many groups",
            f"select a.id, b.id, c.id, string_agg(d.content, ',') from {_CROSS} group by 1, 2, 3",
            _L,
        ),
        ("xmlagg", f"select xmlagg(xmlelement(name x, a.content)) from {_CROSS}"),
        ("json_agg", f"select json_agg(a) from {_CROSS}"),
        (
            "count distinct of a cross join",
            f"select count(distinct a.content || b.content || c.content || d.content || e.content) from {_CROSS}",
            _L,
        ),
        (
            "a sort of a cross join",
            f"select a.* from {_CROSS} order by a.content || b.content || c.content || d.content || e.content",
            _L,
        ),
        (
            "doubling a text in CTEs",
            f"with c0 as (select content as x from messages limit 1), {_DOUBLE} select length(x) from c30",
        ),
        (
            "doubling an expression in CTEs",
            f"with c0 as (select length(content) as x from messages), {_SUM} select x from c30",
        ),
        (
            "doubling in subselects",
            "select " + "x || x as x from (select " * 15 + "content as x from messages" + ") q" * 15,
        ),
        ("doubling jsonb", f"with c0 as (select metadata as x from messages), {_JSON} select x from c30"),
        ("doubling rows", f"with c0 as (select content as x from messages), {_ROWS} select x from c30"),
        ("doubling whole rows", f"with c0 as (select content as x from messages), {_WHOLE} select c30 from c30"),
        ("arrays of arrays", f"with c0 as (select content as x from messages), {_ARRAYS} select x from c5"),
        (
            "NOT MATERIALIZED",
            "with a as not materialized (select 1 as x), b as not materialized (select * from a p, a q) select count(*) from b p, b q",
        ),
        (
            "replace",
            "select length(replace(replace(replace('aaaaaaaaaaaaaaaaaaaa', 'a', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'), 'b', '"
            + "c" * 200
            + "'), 'c', 'dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd'))",
            _L,
        ),
        (
            "regexp_replace",
            "select length(" + "regexp_replace(" * 4 + "'aaaaaaaaaa'" + (", '.*', '" + r"\&" * 40 + "')") * 4 + ")",
            _L,
        ),
        ("concat", "select concat(content, content) from messages"),
        ("a bit string", "select 1::bit(80000000)"),
        ("a padded char", "select 'x'::char(10485760)"),
        ("a to_char with a long picture", "select to_char(now(), content) from messages"),
        ("array_fill", "select array_fill(1, array[100000, 1000])"),
        (
            "xmlparse with an entity",
            "select xmlparse(document '<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><x>&a;</x>')",
        ),
        ("xpath", "select xpath('//x', '<x/>'::xml)"),
        ("JSON_TABLE", "select * from json_table('[1]'::jsonb, '$[*]' columns (x int path '$'))"),
        ("a jsonpath", "select jsonb_path_query('[1,2,3]', '$.**.**.**.**')"),
        ("a jsonpath operator", "select metadata @? '$.** ? (@ > 1)' from messages"),
        ("too many rows", "select a.content from messages a, messages b, messages c", _H),
        ("too many bytes", "select a.*, b.*, c.* from passages a, passages b, passages c", _H),
        (
            "a very long list",
            f"select count(*) from messages where length(content) in ({', '.join(map(str, range(3000)))})",
            _H,
        ),
        ("a megabyte of statement", "select '" + "x" * 1_000_000 + "'"),
    ),
    *_group(
        "computing without end",
        ("recursion", "with recursive r as (select 1 as x union all select x + 1 from r) select count(*) from r"),
        (
            "recursion behind a name",
            "with recursive resources as (select 1 as x union all select x from resources) select * from resources",
        ),
        ("a cross join", f"select count(*) from {_CROSS}", _L),
        ("many tables", "select count(*) from " + ", ".join(f"messages m{i}" for i in range(21))),
        ("nested parentheses", "select " + "(" * 9000 + "1" + ")" * 9000, _H),
        ("nested operators", "select " + "+".join("1" * 5000)),
        ("nested NOT", "select " + "not " * 4000 + "true"),
        ("nested subselects", "select * from " + "(select * from " * 60 + "resources" + ") q" * 60),
        ("nested cases", "select " + "case when true then " * 500 + "1" + " end" * 500),
        ("many unions", " union ".join(["select 1"] * 400)),
        (
            "CUBE",
            "select count(*) from resources group by cube (id, label, key, uri, version, tags, metadata, user_id, media_type, created_at, updated_at, timestamp)",
        ),
        ("GROUPING SETS", "select count(*) from resources group by grouping sets ((id), (label))"),
        (
            "a regular expression that backtracks",
            r"select count(*) from passages where text ~ '^(([a-z])+.)+[A-Z]([a-z])+$' and text ~ '(.*)(.*)(.*)(.*)(.*)\1\2\3\4\5x'",
            _H,
        ),
        ("a regular expression that explodes", "select 'x' ~ '((((x{1,200}){1,200}){1,200}){1,200})y'", _L),
        ("a pattern of many parts", "select count(*) from passages where text like '" + "%_" * 2000 + "z'", _H),
        ("a numeric to a power", "select (10::numeric ^ 100000)::text", _L),
        (
            "numerics multiplied",
            "select 99999999999999999999::numeric * 1e100000 * 1e-1 * 3.3e-16000 * 1.7e16000 * 7e-50 / 3 as x",
            _H,
        ),
        (
            "a numeric squared again and again",
            "with "
            + ", ".join(f"c{i} as materialized (select x * x as x from c{i - 1})" for i in range(1, 9)).join(
                ("c0 as (select length(content)::numeric + 0.123456789012345678901234567890 as x from messages), ", "")
            )
            + " select x from c8",
            _L,
        ),
        ("factorial", "select factorial(100000)"),
        ("a number of many digits", "select " + "9" * 5000 + "::numeric * " + "9" * 5000),
        ("exp", "select exp(100000::numeric)", _L),
        ("an operator by its schema", "select 1 operator(pg_catalog.+) 1"),
        ("an operator that is not listed", "select 'a'::text @@ 'b'::text"),
        ("a function in ORDER BY USING", "select label from resources order by label using operator(pg_catalog.>)"),
        (
            "a thousand conditions",
            "select count(*) from resources where "
            + " or ".join(f"label = 'a{i}' and version = {i}" for i in range(400)),
            _H,
        ),
        (
            "a thousand columns",
            "select " + ", ".join(f"version + {i} as c{i}" for i in range(600)) + " from resources limit 1",
        ),
        (
            "twenty views joined",
            "select count(*) from passages p0 "
            + " ".join(f"join passages p{i} on p{i}.id = p{i - 1}.id" for i in range(1, 20)),
            _H,
        ),
        (
            "twenty views joined by a loose condition",
            "select count(*) from edges p0 "
            + " ".join(f"join edges p{i} on p{i}.weight > p{i - 1}.weight" for i in range(1, 20)),
            _L,
        ),
        (
            "many sorts",
            "select " + ", ".join(f"count(distinct length(label) + {i})" for i in range(30)) + " from resources",
        ),
        ("ORDER BY random()", f"select a.id from {_CROSS} order by random()", _L),
    ),
]
