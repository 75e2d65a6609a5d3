-- name: lock_owner
-- Why: one loader of an owner at a time, with nobody else writing for them: 5,000 locks on single identities would not fit
-- into the server's lock table.
select pg_advisory_xact_lock(hashtextextended('rem owner ' || $1, 0));

-- name: stage
-- Why: what a batch is compared by; COPY fills it faster than arrays would.
create temp table bulk_node (
    ord integer, kind text collate "C", identity text collate "C", key text collate "C", starts_at timestamptz,
    content_hash bytea
) on commit drop;

-- name: unstage
-- Why: a second batch may follow in the same transaction.
drop table bulk_node;

-- name: by_index
-- Why: of tables that grew from nothing a moment ago the planner knows no size; it would compare every row with every row.
set local enable_seqscan = off;
set local enable_hashjoin = off;
set local enable_mergejoin = off;

-- name: resolve
-- Why: what is there already, and whether it is the same.
select b.ord, f.same
from bulk_node b
cross join lateral (
    select n.content_hash is not distinct from b.content_hash as same
    from node n
    where n.owner = $1 and n.kind = b.kind and n.data ->> 'uri' = b.identity
        and n.kind in ('resource', 'file') and n.deleted_at is null
    limit 1
) f
where b.kind in ('resource', 'file')
union all
select b.ord, f.same
from bulk_node b
cross join lateral (
    select n.content_hash is not distinct from b.content_hash as same
    from name m
    join node n on n.id = m.node_id and n.owner = $1 and n.key = b.key and n.deleted_at is null
    where m.key = b.key and m.owner = $1 and m.kind = b.kind and (m.canonical or m.kind = 'moment')
        and (b.kind <> 'moment' or n.starts_at is not distinct from b.starts_at)
    limit 1
) f
where b.kind in ('entity', 'user', 'moment');

-- name: as_usual
-- Why: what follows is joined as sets.
set local enable_seqscan = on;
set local enable_hashjoin = on;
set local enable_mergejoin = on;

-- name: new_ids
-- Why: rows that refer to a node are copied beside it, so its id has to be known; the server's are in order.
select array_agg(uuidv7()) from generate_series(1, $1::integer);

-- name: taken_labels
-- Why: of documents, files and moments several may have one label; the first is canonical.
select l.key, l.kind
from unnest($2::text[], $3::text[]) as l (key, kind)
where exists (
    select from name m where m.key = l.key collate "C" and m.owner = $1 and m.kind = l.kind collate "C" and m.canonical);

-- name: insert_chunks
-- Why: chunks, postings and vectors as in write.sql, of many nodes at once; without vectors a job for each node.
with added as (
    insert into chunk (node_id, ord, heading, text, at, owner, kind)
    select n.id, c.ord, c.heading, c.text, coalesce(n.starts_at, n.created_at), n.owner, n.kind
    from unnest($2::uuid[], $3::integer[], $4::text[], $5::text[]) as c (node_id, ord, heading, text)
    join node n on n.id = c.node_id and n.owner = $1
    returning id, node_id, ord, heading, text, owner
),
vectors as (
    insert into embedding (chunk_id, model, v)
    select a.id, $6, e.v
    from added a
    join unnest($2::uuid[], $3::integer[], $7::halfvec[]) as e (node_id, ord, v)
        on e.node_id = a.node_id and e.ord = a.ord and e.v is not null
    where exists (select from embedding_model m where m.id = $6 and m.active)
),
queued as (
    insert into job (kind, payload)
    select 'embed', jsonb_build_object('node_id', node_id, 'owner', $1::text)
    from added
    where cardinality($7::halfvec[]) = 0 or not exists (select from embedding_model m where m.id = $6 and m.active)
    group by node_id
),
terms as (
    select a.id, a.owner, t.term, count(*) as tf
    from added a
    cross join lateral rem_terms(a.heading || ' ' || a.text) as t (term)
    group by a.id, a.owner, t.term
)
insert into posting (term, owner, chunk_id, tf, len)
select term, owner, id, least(tf, 32767), least(sum(tf) over (partition by id), 32767)
from terms;
