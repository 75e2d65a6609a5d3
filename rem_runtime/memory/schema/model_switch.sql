-- name: try_lock
-- Why: one switch at a time; of the session, and gone with it.
select pg_try_advisory_lock(hashtextextended('rem embed migrate', 0));

-- name: unlock
-- Why: a connection may be used for something else afterwards.
select pg_advisory_unlock(hashtextextended('rem embed migrate', 0));

-- name: models
-- Why: the one that is asked, one that is being filled, one that was replaced and not cleared away.
select id, name, dimensions, active from embedding_model order by id;

-- name: add_model
-- Why: beside the active one; nobody asks it before it is complete.
insert into embedding_model (id, name, dimensions, active)
select max(m.id) + 1, $1, $2, false from embedding_model m
returning id;

-- name: index_state
-- Why: an index that was left INVALID is built anew.
select i.indisvalid from pg_index i where i.indexrelid = to_regclass($1);

-- name: chunks
-- Why: how far there is to go; of all owners, as the database's owner.
select count(*) from chunk;

-- name: lacking
-- Why: one page of chunks without a vector of this model, in their order: stopped anywhere, it goes on from there.
select c.id, c.heading, c.text
from chunk c
where c.id > $1 and not exists (select from embedding e where e.chunk_id = c.id and e.model = $2)
order by c.id
limit $3;

-- name: store
-- Why: a chunk that somebody is deleting is left out and not waited for, so that nobody waits in a circle; whatever lacks
-- a vector in the end is queued.
with kept as (
    select c.id, e.v
    from unnest($1::bigint[], $2::halfvec[]) as e (id, v)
    join chunk c on c.id = e.id
    for key share of c skip locked
)
insert into embedding (chunk_id, model, v)
select id, $3, v from kept
on conflict do nothing;

-- name: switch
-- Why: from one statement to the next a query uses the other model; never both, never none.
with replaced as (update embedding_model set active = false where active and id <> $1 returning id)
update embedding_model set active = true where id = $1 and (select count(*) from replaced) >= 0;

-- name: running
-- Why: who may have begun to write vectors of the old model before the switch.
select array_agg(l.virtualtransaction) from pg_locks l where l.locktype = 'virtualxid' and l.pid <> pg_backend_pid();

-- name: still_running
-- Why: whether one of them has not ended.
select exists (select from pg_locks l where l.locktype = 'virtualxid' and l.virtualtransaction = any ($1::text[]));

-- name: queue_lacking
-- Why: what was written meanwhile with vectors of the old model, and what the endpoint refused; the API's replicas go on.
with queued as (
    insert into job (kind, payload)
    select distinct 'embed', jsonb_strip_nulls(
        jsonb_build_object('node_id', c.node_id, 'message_id', c.message_id, 'owner', c.owner))
    from chunk c
    where not exists (select from embedding e where e.chunk_id = c.id and e.model = $1)
    returning 1
)
select count(*) from queued;

-- name: drop_vectors
-- Why: in parts, so that no transaction is long, and by key, so that none looks at what the last one deleted.
with old as (
    select e.chunk_id from embedding e where e.chunk_id > $2 and e.model = $1 order by e.chunk_id limit $3
),
gone as (delete from embedding e using old where e.chunk_id = old.chunk_id and e.model = $1)
select count(*) as dropped, max(chunk_id) as last from old;

-- name: drop_model
-- Why: after its vectors.
delete from embedding_model where id = $1 and not active;
