-- name: try_lock
-- Why: two at once would do everything twice. Of the session, since it spans many transactions.
select pg_try_advisory_lock(hashtextextended('rem rebuild', 0));

-- name: unlock
-- Why: the connection goes back to its pool.
select pg_advisory_unlock(hashtextextended('rem rebuild', 0));

-- name: lock_owner
-- Why: while a batch is rewritten nobody else writes for this owner; readers go on, and see it whole afterwards.
select pg_advisory_xact_lock(hashtextextended('rem owner ' || $1, 0));

-- name: custom_plans
-- Why: which index is right depends on whether the owner is the whole tenant or one user.
set local plan_cache_mode = force_custom_plan;

-- name: nodes
-- Why: a batch of one owner and kind, in the order of the index node_list.
select id, key, label, fuzzy_text from node
where kind = $2 and owner = $1 and id > $3 and deleted_at is null
order by id
limit $4;

-- name: names
-- Why: what the nodes of a batch are found by; the canonical ones first, so that they stay it.
select node_id, key, kind, canonical from name
where node_id = any ($2::uuid[]) and owner = $1
order by canonical desc, node_id, key;

-- name: update_key
-- Why: the new key. Neither version nor time: nobody changed the node.
update node set key = $3, fuzzy_text = $4 where id = $2 and owner = $1;

-- name: delete_names
-- Why: all of the batch before any is written again, so that two that swap their keys do not meet.
delete from name where node_id = any ($2::uuid[]) and owner = $1;

-- name: insert_canonical
-- Why: of two labels that have become one the first stays canonical.
insert into name (key, owner, kind, node_id, canonical)
select key, $1, kind, node_id, true
from unnest($2::text[], $3::text[], $4::uuid[]) with ordinality as n (key, kind, node_id, number)
order by number
on conflict do nothing;

-- name: insert_names
-- Why: the others, and those that came second.
insert into name (key, owner, kind, node_id, canonical)
select key, $1, kind, node_id, false from unnest($2::text[], $3::text[], $4::uuid[]) as n (key, kind, node_id)
on conflict do nothing;

-- name: promote
-- Why: a label whose canonical bearer has moved away in a later batch.
update name m
set canonical = true
from (
    select distinct on (w.key, w.kind) w.key, w.kind, w.node_id
    from name w
    join node n on n.id = w.node_id and n.owner = $1 and n.key = w.key
    where w.owner = $1 and w.kind <> 'file'
        and not exists (
            select from name c where c.key = w.key and c.owner = $1 and c.kind = w.kind and c.canonical)
    order by w.key, w.kind, w.node_id
) f
where m.key = f.key and m.owner = $1 and m.kind = f.kind and m.node_id = f.node_id;

-- name: edges
-- Why: a batch of one owner's edges, which may hang on shared nodes; closed ones too, they may be shown.
select id, dst_key, dst_label from edge where owner = $1 and id > $2 order by id limit $3;

-- name: update_edges
-- Why: each to its new destination. Of two that have become one the stronger is open, the other closed.
update edge e
set dst_key = w.dst_key,
    closed_at = case when w.id = any ($4::uuid[]) and not w.second then null else e.closed_at end
from (
    select x.id, x.dst_key,
        row_number() over (
            partition by o.src, o.rel, x.dst_key, o.dst_kind, x.id = any ($4::uuid[]) order by o.weight desc, o.id) > 1
        or exists (
            select from edge s
            where s.src = o.src and s.rel = o.rel and s.dst_key = x.dst_key and s.dst_kind = o.dst_kind
                and s.owner = $1 and s.closed_at is null) as second
    from unnest($2::uuid[], $3::text[]) as x (id, dst_key)
    join edge o on o.id = x.id and o.owner = $1
) w
where e.id = w.id and e.owner = $1
returning w.id = any ($4::uuid[]) and w.second as closed;

-- name: close_edges
-- Why: while their destinations are written anew they are not to meet one another in the unique index.
update edge set closed_at = now() where id = any ($2::uuid[]) and owner = $1 and closed_at is null
returning id;

-- name: texts
-- Why: what the chunks of a batch are made of, and the chunks; `version` says whether it changed meanwhile.
select n.id, n.version, n.label, n.kind, n.data ->> 'media_type' as media_type,
    coalesce(n.data ->> 'description', n.data ->> 'summary', '') as said,
    coalesce(array_agg(c.heading order by c.ord) filter (where c.id is not null), '{}') as headings,
    coalesce(array_agg(c.text order by c.ord) filter (where c.id is not null), '{}') as texts
from (
    select id, version, label, kind, data from node
    where kind = $2 and owner = $1 and id > $3 and deleted_at is null
    order by id
    limit $4
) n
left join chunk c on c.node_id = n.id and c.owner = $1
group by n.id, n.version, n.label, n.kind, n.data
order by n.id;

-- name: unchanged_node
-- Why: what was cut is still what is stored; nobody changes it until the end of the transaction.
select true from node where id = $2 and owner = $1 and version = $3 and deleted_at is null for update;

-- name: messages
-- Why: as of nodes.
select m.id, m.updated_at, m.content, m.role, m.metadata,
    coalesce(array_agg(c.heading order by c.ord) filter (where c.id is not null), '{}') as headings,
    coalesce(array_agg(c.text order by c.ord) filter (where c.id is not null), '{}') as texts
from (
    select id, updated_at, content, role, metadata from message
    where owner = $1 and id > $2 and deleted_at is null order by id limit $3
) m
left join chunk c on c.message_id = m.id and c.owner = $1
group by m.id, m.updated_at, m.content, m.role, m.metadata
order by m.id;

-- name: unchanged_message
-- Why: as of a node.
select true from message where id = $2 and owner = $1 and updated_at = $3 and deleted_at is null for update;

-- name: chunks
-- Why: a batch of one owner's chunks.
select array_agg(id) from (select c.id from chunk c where c.owner = $1 and c.id > $2 order by c.id limit $3) b;

-- name: rewrite_postings
-- Why: what rem_terms makes of these chunks today; what is right already is not written.
with wanted as materialized (
    select a.id, t.term, least(count(*), 32767)::smallint as tf,
        least(sum(count(*)) over (partition by a.id), 32767)::smallint as len
    from chunk a
    cross join lateral rem_terms(a.heading || ' ' || a.text) as t (term)
    where a.id = any ($2::bigint[]) and a.owner = $1
    group by a.id, t.term
),
gone as (
    delete from posting p
    where p.chunk_id = any ($2::bigint[]) and p.owner = $1
        and not exists (select from wanted w where w.id = p.chunk_id and w.term = p.term)
    returning p.chunk_id
),
put as (
    insert into posting (term, owner, chunk_id, tf, len)
    select term, $1, id, tf, len from wanted
    on conflict (term, owner, chunk_id) do update set tf = excluded.tf, len = excluded.len
    where (posting.tf, posting.len) <> (excluded.tf, excluded.len)
    returning chunk_id
)
select count(distinct chunk_id) from (select chunk_id from gone union all select chunk_id from put) changed;
