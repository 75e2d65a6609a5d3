-- name: stored_hash
-- Why: the same content again is answered without cutting or embedding it.
select n.id, n.label, n.content_hash,
    (select count(*) from chunk c where c.node_id = n.id and c.owner = $1) as chunks,
    (select count(*) from edge e where e.src = n.id and e.owner = $1 and e.closed_at is null) as edges
from node n
where n.owner = $1 and n.kind = 'resource' and n.data ->> 'uri' = $2 and n.deleted_at is null;

-- name: lock_identity
-- Why: two writers of one document take turns; of different documents they never meet. An erasure of the owner's things waits
-- for all of them, and they for it.
select pg_advisory_xact_lock_shared(hashtextextended('rem owner ' || $1, 0)),
    pg_advisory_xact_lock(hashtextextended('rem node ' || $2 || chr(31) || $1 || chr(31) || $3, 0));

-- name: find_resource
-- Why: (owner, uri) is a document's identity.
select id, content_hash from node
where owner = $1 and kind = 'resource' and data ->> 'uri' = $2 and deleted_at is null;

-- name: find_entity
-- Why: (owner, key) is an entity's identity; an alias of another entity is not.
select n.id, n.content_hash
from name m
join node n on n.id = m.node_id and n.owner = $1 and n.deleted_at is null
where m.key = $2 and m.owner = $1 and m.kind = 'entity' and m.canonical;

-- name: find_user
-- Why: as an entity's.
select n.id, n.content_hash
from name m
join node n on n.id = m.node_id and n.owner = $1 and n.deleted_at is null
where m.key = $2 and m.owner = $1 and m.kind = 'user' and m.canonical;

-- name: find_moment
-- Why: the same label at another time is another moment; of two at once the first is canonical, the other found as well.
select n.id, n.content_hash
from name m
join node n on n.id = m.node_id and n.owner = $1 and n.key = m.key and n.deleted_at is null
where m.key = $2 and m.owner = $1 and m.kind = 'moment' and n.starts_at is not distinct from $3;

-- name: find_resources
-- Why: as find_resource, of several at once.
select id, data ->> 'uri' as uri, label, content_hash,
    (select count(*) from chunk c where c.node_id = node.id and c.owner = $1) as chunks,
    (select count(*) from edge e where e.src = node.id and e.owner = $1 and e.closed_at is null) as edges
from node
where owner = $1 and kind = 'resource' and data ->> 'uri' = any ($2::text[]) and deleted_at is null;

-- name: insert_node
-- Why: a new node of one owner.
insert into node (
    tenant_id, owner, kind, type, key, label, data, metadata, tags, starts_at, ends_at, fuzzy_text, content_hash)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
returning id;

-- name: update_node
-- Why: what a second write of the same identity replaces; created_at and identity stay.
update node
set type = $3, key = $4, label = $5, data = $6, metadata = $7, tags = $8, starts_at = $9, ends_at = $10, fuzzy_text = $11,
    content_hash = $12, version = version + 1, updated_at = now()
where id = $1 and owner = $2;

-- name: delete_postings
-- Why: postings have no foreign key, so they go before their chunks.
delete from posting where chunk_id in (select id from chunk where node_id = $1 and owner = $2);

-- name: delete_chunks
-- Why: a changed document replaces all of them; vectors follow by their foreign key.
delete from chunk where node_id = $1 and owner = $2;

-- name: delete_names
-- Why: the names of the last version.
delete from name where node_id = $1 and owner = $2;

-- name: insert_label
-- Why: the first of a label is its canonical bearer; a later one waits here for the first's transaction.
insert into name (key, owner, kind, node_id, canonical) values ($1, $2, $3, $4, true)
on conflict (key, owner, kind) where canonical do nothing
returning true;

-- name: insert_names
-- Why: a label that is taken, and aliases: found, but not canonical.
insert into name (key, owner, kind, node_id, canonical)
select key, $2, $3, $4, false from unnest($1::text[]) as key
on conflict do nothing;

-- name: delete_edges
-- Why: edges of the last version that this one has no more; what dreaming derived (run_id) is not the document's.
delete from edge
where src = $1 and owner = $2 and run_id is null and closed_at is null
    and (rel, dst_key, dst_kind) not in (select * from unnest($3::text[], $4::text[], $5::text[]));

-- name: upsert_edges
-- Why: one row per (rel, destination); an edge that stays keeps its id and the time it was first recorded.
insert into edge (src, owner, rel, dst_key, dst_kind, dst_label, weight, properties, valid)
select $1, $2, rel, dst_key, dst_kind, dst_label, weight, properties, tstzrange(since, until)
from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::real[], $8::jsonb[], $9::timestamptz[], $10::timestamptz[])
    as e (rel, dst_key, dst_kind, dst_label, weight, properties, since, until)
on conflict (src, rel, dst_key, dst_kind, owner) where closed_at is null
do update set dst_label = excluded.dst_label, weight = excluded.weight, properties = excluded.properties,
    valid = excluded.valid
where edge.run_id is null and edge.owner = excluded.owner
    and (edge.dst_label, edge.weight, edge.properties, edge.valid)
        is distinct from (excluded.dst_label, excluded.weight, excluded.properties, excluded.valid);

-- name: delete_message_postings
-- Why: as of a node.
delete from posting where chunk_id in (select id from chunk where message_id = $1 and owner = $2);

-- name: delete_message_chunks
-- Why: as of a node.
delete from chunk where message_id = $1 and owner = $2;

-- name: insert_chunks
-- Why: chunks, their vectors and their postings in one round trip; `at` is the node's time, or when it came. Without
-- vectors ($7 empty), or with those of a model that was replaced a moment ago, a job is queued in the same transaction, so
-- that none is forgotten.
with added as (
    insert into chunk (node_id, ord, heading, text, at, owner, kind)
    select n.id, c.ord, c.heading, c.text, coalesce(n.starts_at, n.created_at), n.owner, n.kind
    from node n, unnest($3::integer[], $4::text[], $5::text[]) as c (ord, heading, text)
    where n.id = $1 and n.owner = $2
    returning id, ord, heading, text, owner
),
vectors as (
    insert into embedding (chunk_id, model, v)
    select a.id, $6, e.v
    from added a
    join unnest($3::integer[], $7::halfvec[]) as e (ord, v) on e.ord = a.ord and e.v is not null
    where exists (select from embedding_model m where m.id = $6 and m.active)
),
queued as (
    insert into job (kind, payload)
    select 'embed', jsonb_build_object('node_id', $1::uuid, 'owner', $2::text)
    where cardinality($7::halfvec[]) = 0 or not exists (select from embedding_model m where m.id = $6 and m.active)
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

-- name: insert_message_chunks
-- Why: the same for a message: its time is when it was said.
with added as (
    insert into chunk (message_id, ord, heading, text, at, owner, kind)
    select m.id, c.ord, c.heading, c.text, m.created_at, m.owner, 'message'
    from message m, unnest($3::integer[], $4::text[], $5::text[]) as c (ord, heading, text)
    where m.id = $1 and m.owner = $2
    returning id, ord, heading, text, owner
),
vectors as (
    insert into embedding (chunk_id, model, v)
    select a.id, $6, e.v
    from added a
    join unnest($3::integer[], $7::halfvec[]) as e (ord, v) on e.ord = a.ord and e.v is not null
    where exists (select from embedding_model m where m.id = $6 and m.active)
),
queued as (
    insert into job (kind, payload)
    select 'embed', jsonb_build_object('message_id', $1::uuid, 'owner', $2::text)
    where cardinality($7::halfvec[]) = 0 or not exists (select from embedding_model m where m.id = $6 and m.active)
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

-- name: try_lock_statistics
-- Why: one refresh at a time is enough; a second caller goes on without.
select pg_try_advisory_xact_lock(hashtextextended('rem statistics', 0));

-- name: refresh_statistics
-- Why: document frequencies, how many chunks there are and how long they are, over all owners, by decision (no owner predicate).
-- One pass over the postings, where each chunk's shares (tf / len) add up to one; and only what has changed is written. Row by
-- row, writers would deadlock on common terms.
with counted as materialized (
    select term, count(*) as df, sum(tf) as total, sum(tf::float8 / len::float8) as chunks from posting group by term
),
gone as (delete from term_stat s where not exists (select from counted c where c.term = s.term)),
terms as (
    insert into term_stat (term, df)
    select term, df from counted
    on conflict (term) do update set df = excluded.df where term_stat.df <> excluded.df
)
update corpus_stat
set (chunks, mean_len, refreshed_at) = (
    select coalesce(round(sum(chunks)), 0), coalesce(sum(total) / nullif(round(sum(chunks)), 0), 1), now() from counted);

-- name: corpus_size
-- Why: how much was there at the last refresh decides when the next is due.
select chunks from corpus_stat;
