-- name: lock_owner
-- Why: whoever writes for this owner holds the same lock shared, so nobody is met in the middle of a thing.
select pg_advisory_xact_lock(hashtextextended('rem owner ' || $1, 0));

-- name: plan_for_values
-- Why: lists of ten ids and of a hundred thousand need different plans.
set local plan_cache_mode = force_custom_plan;

-- name: lock_statistics
-- Why: a count of terms that began before an erasure would write its words again after it.
select pg_advisory_xact_lock(hashtextextended('rem statistics', 0));

-- name: find_node
-- Why: whose it is decides who may delete it; an admin ($4) may delete anybody's, and erase what was deleted ($5).
select owner from node
where id = $2 and kind = $3 and (owner in ('', $1) or $4::boolean) and (deleted_at is null or $5::boolean);

-- name: find_session
-- Why: as find_node; $3 is 'session'.
select owner from session
where id = $2 and $3 = 'session' and (owner in ('', $1) or $4::boolean) and (deleted_at is null or $5::boolean);

-- name: find_message
-- Why: as find_node; $3 is 'message'.
select owner from message
where id = $2 and $3 = 'message' and (owner in ('', $1) or $4::boolean) and (deleted_at is null or $5::boolean);

-- name: same_document
-- Why: a file and the resource that was read from it are one document, and are deleted together.
select o.id
from node n
join node o on o.owner = $1 and o.kind in ('resource', 'file') and o.data ->> 'uri' = n.data ->> 'uri' and o.deleted_at is null
where n.id = $2 and n.owner = $1 and n.kind in ('resource', 'file') and n.deleted_at is null
union
select o.id
from node n
join node o on o.owner = $1 and o.kind in ('resource', 'file') and o.data ->> 'uri' = n.data ->> 'uri'
    and o.deleted_at = n.deleted_at and o.deleted_at is not null
where n.id = $2 and n.owner = $1 and n.kind in ('resource', 'file') and n.deleted_at is not null;

-- name: messages_of_sessions
-- Why: a session takes its messages along.
select id from message where session_id = any ($2::uuid[]) and owner = $1;

-- name: nodes_of_user
-- Why: everything private, hidden or not ($1), and the shared node of that user: by its name ($2) or its address.
select id from node where owner = $1 and deleted_at is null
union all
select id from node where owner = $1 and deleted_at is not null;

-- name: shared_user
-- Why: the tenant's own node about this user, by any of its names ($1): label, address and aliases; a hidden one has lost them,
-- and is known by its label or its address ($2).
select n.id from name m
join node n on n.id = m.node_id and n.owner = ''
where m.key = $1 and m.owner = '' and m.kind = 'user'
union
select id from node where owner = '' and kind = 'user' and (key = $1 or lower(data ->> 'email') = lower($2));

-- name: sessions_of_user
-- Why: hidden ones too.
select id from session where owner = $1 and deleted_at is null
union all
select id from session where owner = $1 and deleted_at is not null;

-- name: messages_of_user
-- Why: hidden ones too, and whatever stands in a session of theirs.
select id from message where owner = $1 and deleted_at is null
union
select id from message where owner = $1 and deleted_at is not null;

-- name: edges_of_user
-- Why: a private edge may hang on a shared node.
select id from edge where owner = $1 and owner <> '';

-- name: made_from
-- Why: one step from sources (nodes $1, messages $2) to what was derived from them.
select node_id, edge_id from evidence where source_node_id = any ($1::uuid[])
union all
select node_id, edge_id from evidence where source_message_id = any ($2::uuid[]);

-- name: evidence_of
-- Why: all that these nodes ($1) and edges ($2) rest on.
select node_id, edge_id, coalesce(source_node_id, source_message_id) as source from evidence where node_id = any ($1::uuid[])
union all
select node_id, edge_id, coalesce(source_node_id, source_message_id) from evidence where edge_id = any ($2::uuid[]);

-- name: owners_of
-- Why: what was derived has the owner of its evidence; where it has not, an admin ($4) erases it all the same.
select 'node' as what, id, owner from node where id = any ($2::uuid[]) and (owner = $1 or $4::boolean)
union all
select 'edge', id, owner from edge where id = any ($3::uuid[]) and (owner = $1 or $4::boolean);

-- name: lock_nodes
-- Why: a writer that is in the middle of one of these has ended when this returns.
select id from node where id = any ($2::uuid[]) and owner = $1 order by id for update;

-- name: lock_messages
-- Why: as lock_nodes.
select id from message where id = any ($2::uuid[]) and owner = $1 order by id for update;

-- name: lock_sessions
-- Why: no message comes into a session while its messages are counted up.
select id from session where id = any ($2::uuid[]) and owner = $1 order by id for update;

-- name: delete_postings
-- Why: postings have no foreign key, so they go before their chunks.
delete from posting p
using chunk c
where c.owner = $1 and (c.node_id = any ($2::uuid[]) or c.message_id = any ($3::uuid[])) and p.chunk_id = c.id;

-- name: delete_chunks
-- Why: passages; their vectors follow by a foreign key.
with dead as (
    delete from chunk where owner = $1 and (node_id = any ($2::uuid[]) or message_id = any ($3::uuid[])) returning id
)
select count(*) from dead;

-- name: delete_names
-- Why: nothing is found under them any more, and they may be given anew; the planner's statistics may know them.
with dead as (delete from name where node_id = any ($2::uuid[]) and owner = $1 returning key)
select array(select distinct key from dead);

-- name: hide_nodes
-- Why: a soft delete keeps the row.
with hidden as (
    update node set deleted_at = now(), updated_at = now(), version = version + 1
    where id = any ($2::uuid[]) and owner = $1 and deleted_at is null
    returning kind
)
select kind, count(*) as things from hidden group by kind;

-- name: close_edges
-- Why: an edge from a hidden thing would still be counted; others' edges on it ($3) hang in the air as well.
with closed as (
    update edge set closed_at = now()
    where src = any ($2::uuid[]) and (owner = $1 or $3::boolean) and closed_at is null
    returning id
)
select count(*) from closed;

-- name: hide_sessions
-- Why: as hide_nodes.
with hidden as (
    update session set deleted_at = now(), updated_at = now()
    where id = any ($2::uuid[]) and owner = $1 and deleted_at is null
    returning id
)
select count(*) from hidden;

-- name: hide_messages
-- Why: as hide_nodes.
with hidden as (
    update message set deleted_at = now(), updated_at = now()
    where id = any ($2::uuid[]) and owner = $1 and deleted_at is null
    returning id
)
select count(*) from hidden;

-- name: runs_that_touched
-- Why: a run that made or read what is erased may quote it.
select coalesce(array_agg(distinct run_id), '{}') from (
    select n.run_id from node n where n.id = any ($2::uuid[]) and n.owner = $1
    union
    select e.run_id from edge e where (e.src = any ($2) or e.id = any ($4::uuid[])) and e.owner = $1
    union
    select e.closed_run_id from edge e where (e.src = any ($2) or e.id = any ($4)) and e.owner = $1
    union
    select v.run_id from evidence v where v.node_id = any ($2)
    union
    select v.run_id from evidence v where v.edge_id = any ($4)
    union
    select v.run_id from evidence v where v.source_node_id = any ($2)
    union
    select v.run_id from evidence v where v.source_message_id = any ($3::uuid[])
) touched
where run_id is not null;

-- name: uris_of
-- Why: waiting work may name a document by its uri.
select coalesce(array_agg(distinct data ->> 'uri'), '{}') from node
where id = any ($2::uuid[]) and owner = $1 and data ? 'uri';

-- name: erase_edges
-- Why: edges by themselves ($3), and all edges from nodes that go ($2), others' too ($4): without its source there is none.
with dead as (
    delete from edge
    where (id = any ($3::uuid[]) or src = any ($2::uuid[])) and (owner = $1 or $4::boolean)
    returning dst_key, rel
)
select count(*) as edges, array(select distinct dst_key from dead union select rel from dead) as words from dead;

-- name: erase_messages
-- Why: what rests on them goes by the evidence, which follows by a foreign key.
with dead as (delete from message where id = any ($2::uuid[]) and owner = $1 returning id)
select count(*) from dead;

-- name: erase_sessions
-- Why: after their messages.
with dead as (delete from session where id = any ($2::uuid[]) and owner = $1 returning agent)
select count(*) as sessions, array(select distinct agent from dead where agent is not null) as words from dead;

-- name: erase_nodes
-- Why: the row itself; evidence from it and for it follows by foreign keys.
with dead as (delete from node where id = any ($2::uuid[]) and owner = $1 returning kind, key, type)
select kind, count(*) as things, array_agg(key) || array_remove(array_agg(distinct type), null) as words
from dead group by kind;

-- name: erase_jobs
-- Why: waiting work that names something erased: by id or uri ($1), or by the user ($2) whose everything went.
with dead as (
    delete from job j
    where exists (
        select from jsonb_path_query(j.payload, 'strict $.** ? (@.type() == "string")') as v (value)
        where v.value #>> '{}' = any ($1::text[])
    ) or ($2::text is not null and exists (
        select from jsonb_path_query(j.payload, 'strict $.** ? (@.type() == "object")') as v (value)
        where $2 in (v.value ->> 'owner', v.value ->> 'user', v.value ->> 'user_id')
    ))
    returning id
)
select count(*) from dead;

-- name: empty_runs
-- Why: what a run says about itself may quote what is erased; its key and state stay, so that it is not run again.
with emptied as (
    update run r set result = '{}', counters = '{}', error = null
    where (r.id = any ($1::uuid[])
            or exists (
                select from jsonb_path_query(
                    jsonb_build_array(r.result, r.counters), 'strict $.** ? (@.type() == "string")') as v (value)
                where v.value #>> '{}' = any ($2::text[]))
            or exists (
                select from regexp_split_to_table(coalesce(r.error, ''), '[^[:alnum:]_./:@-]+') as word
                where rtrim(word, '.:') = any ($2)))
        and (r.result <> '{}' or r.counters <> '{}' or r.error is not null)
    returning id
)
select count(*) from emptied;

-- name: erase_terms
-- Why: a word that occurs nowhere any more, of this text or of an earlier version of it, is not to be read in a statistic.
with dead as (
    delete from term_stat s where not exists (select from posting p where p.term = s.term) returning term
)
select count(*) from dead;

-- name: stale_statistics
-- Why: the planner's statistics are copies of values. Which columns still show an erased one: words ($1), the user ($2), or a
-- name or word that stands in no row of anybody any more, whichever earlier version of the text it came from.
with shown as materialized (
    select s.tablename::text as table_name, s.attname::text as column_name, v.value
    from pg_stats s
    cross join lateral unnest(
        coalesce(s.most_common_vals::text::text[], '{}') || coalesce(s.histogram_bounds::text::text[], '{}')) as v (value)
    where s.schemaname = 'public'
)
select s.table_name, s.column_name from shown s
where (s.column_name = 'owner' and s.value = $2)
    or ((s.table_name, s.column_name) in (('node', 'type'), ('edge', 'rel'), ('session', 'agent')) and s.value = any ($1::text[]))
union
select s.table_name, s.column_name from shown s
where (s.table_name, s.column_name) = ('name', 'key') and not exists (
    select from name m where m.key = s.value and (m.owner = '' or m.owner <> ''))
union
select s.table_name, s.column_name from shown s
where (s.table_name, s.column_name) = ('node', 'key') and not exists (
    select from node n where n.key = s.value and (n.owner = '' or n.owner <> ''))
union
select s.table_name, s.column_name from shown s
where (s.table_name, s.column_name) = ('edge', 'dst_key') and not exists (
    select from edge e where e.dst_key = s.value and (e.owner = '' or e.owner <> ''))
union
select s.table_name, s.column_name from shown s
where (s.table_name, s.column_name) in (('posting', 'term'), ('term_stat', 'term'))
    and not exists (select from posting p where p.term = s.value)
order by 1, 2;

-- name: clear_statistics
-- Why: ANALYZE alone keeps the old values of a table that has become empty.
select pg_clear_attribute_stats('public', $1, $2, false);
