-- name: claim
-- Why: the jobs that are due, each to one process; that of a process that died is due again once its time is over.
with due as materialized (
    select id from job
    where kind = 'embed' and state <> 'failed' and run_after <= now()
    order by run_after
    limit $1
    for update skip locked
)
update job j
set state = 'running', attempts = j.attempts + 1, run_after = now() + $2::interval, locked_until = now() + $2::interval
from due
where j.id = due.id
returning j.id, j.attempts, j.payload ->> 'owner' as owner, (j.payload ->> 'node_id')::uuid as node_id,
    (j.payload ->> 'message_id')::uuid as message_id;

-- name: renew
-- Why: a long document takes longer than one lease.
update job set run_after = now() + $2::interval, locked_until = now() + $2::interval
where id = any ($1::bigint[]) and state = 'running';

-- name: missing
-- Why: what these nodes ($2) and messages ($3) of one owner have without a vector of this model. Chunks that have gone since
-- are not among them.
select c.id, c.heading, c.text
from unnest($2::uuid[]) as t (id)
join chunk c on c.node_id = t.id and c.owner = $1
where not exists (select from embedding e where e.chunk_id = c.id and e.model = $4)
union all
select c.id, c.heading, c.text
from unnest($3::uuid[]) as t (id)
join chunk c on c.message_id = t.id and c.owner = $1
where not exists (select from embedding e where e.chunk_id = c.id and e.model = $4)
order by 1
limit $5;

-- name: lock_owner
-- Why: as every writer: an erasure of the owner's things waits for us, and we for it.
select pg_advisory_xact_lock_shared(hashtextextended('rem owner ' || $1, 0));

-- name: insert_vectors
-- Why: a chunk that is deleted just now is waited for and left out; a vector that somebody else made meanwhile stays.
with kept as (
    select c.id, e.v
    from unnest($2::bigint[], $3::halfvec[]) as e (id, v)
    join chunk c on c.id = e.id and c.owner = $1
    order by c.id
    for key share of c
)
insert into embedding (chunk_id, model, v)
select id, $4, v from kept
on conflict do nothing;

-- name: settle
-- Why: a job is done when nothing of its thing lacks a vector, whoever made them; of a model that is no longer the active one
-- they count for nothing.
delete from job j
where j.id = any ($2::bigint[]) and exists (select from embedding_model m where m.id = $3 and m.active)
    and not exists (
        select from chunk c
        where c.node_id = (j.payload ->> 'node_id')::uuid and c.owner = $1
            and not exists (select from embedding e where e.chunk_id = c.id and e.model = $3))
    and not exists (
        select from chunk c
        where c.message_id = (j.payload ->> 'message_id')::uuid and c.owner = $1
            and not exists (select from embedding e where e.chunk_id = c.id and e.model = $3));

-- name: give_back
-- Why: tried again later, ever more seldom; after $3 attempts it is left for a person, with its reason. Where $3 is null the
-- model was away, which is no job's fault and no attempt.
update job
set state = case when attempts >= $3 then 'failed' else 'pending' end,
    attempts = case when $3::integer is null then attempts - 1 else attempts end,
    run_after = now() + case when $3::integer is null then interval '1 minute'
        else least($4::interval * 4 ^ least(attempts - 1, 10), interval '1 hour') end,
    locked_until = null, error = $2
where id = any ($1::bigint[]) and state = 'running';

-- name: release
-- Why: taken, and not tried.
update job set state = 'pending', attempts = attempts - 1, run_after = now(), locked_until = null
where id = any ($1::bigint[]) and state = 'running';

-- name: retry_failed
-- Why: a person has put right what was wrong.
update job set state = 'pending', attempts = 0, run_after = now(), error = null
where kind = 'embed' and state = 'failed';

-- name: count
-- Why: how far vectors are behind; bounded, so that it is cheap whatever a load has queued.
select
    (select count(*) from (select from job where kind = 'embed' and state <> 'failed' limit 100000) w) as waiting,
    (select count(*) from (select from job where kind = 'embed' and state = 'failed' limit 100000) f) as failed;
