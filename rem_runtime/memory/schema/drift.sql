-- name: columns
-- Why: the shape of every table of a schema, as the server writes it; what an extension brought is not ours.
select c.relname::text as table_name, a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type,
    a.attnotnull as not_null, pg_get_expr(d.adbin, d.adrelid) as default_value,
    a.attidentity::text || a.attgenerated::text as made, coalesce(o.collname::text, '') as collation
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
left join pg_collation o on o.oid = a.attcollation and a.attcollation <> t.typcollation
where c.relnamespace = to_regnamespace($1) and c.relkind in ('r', 'p')
    and not exists (select from pg_depend x where x.classid = 'pg_class'::regclass and x.objid = c.oid and x.deptype = 'e')
order by c.relname, a.attnum;

-- name: constraints
-- Why: keys and checks are part of the shape; `not null` is a column's.
select c.relname::text as table_name, k.conname::text as name, pg_get_constraintdef(k.oid, true) as definition
from pg_constraint k
join pg_class c on c.oid = k.conrelid
where c.relnamespace = to_regnamespace($1) and k.contype <> 'n'
    and not exists (select from pg_depend x where x.classid = 'pg_class'::regclass and x.objid = c.oid and x.deptype = 'e')
order by c.relname, k.conname;

-- name: indexes
-- Why: which indexes there are and whether they may be used; those of a constraint belong to it.
select i.relname::text as name, c.relname::text as table_name, pg_get_indexdef(i.oid, 0, true) as definition,
    x.indisunique as is_unique, x.indisvalid and x.indisready as valid
from pg_index x
join pg_class i on i.oid = x.indexrelid
join pg_class c on c.oid = x.indrelid
where c.relnamespace = to_regnamespace($1)
    and not exists (select from pg_constraint k where k.conindid = i.oid)
    and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')
order by i.relname;

-- name: begin_apart
-- Why: the version files are run in a schema of their own, so that the server itself says what they declare.
create schema rem_expected;
set local search_path = rem_expected, public;

-- name: names_of_ours
-- Why: definitions are written as seen from the schema that they are in, so that both can be compared as text.
set local search_path = public;
