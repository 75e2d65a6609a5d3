-- name: begin
-- Why: one snapshot for all parts of an answer, and plans for these arguments: a generic plan cannot know how common a term is.
begin isolation level repeatable read read only;
set local plan_cache_mode = force_custom_plan;

-- name: candidates
-- Why: a sharp filter is cheaper to enumerate than to test; above $7 the indexes are asked instead. `lag` is what has no vector yet.
select
    (select array_agg(found.id) from (
        select c.id
        from chunk c
        left join node n on n.id = c.node_id and n.owner in ('', $1)
        left join message m on m.id = c.message_id and m.owner in ('', $1)
        where c.owner in ('', $1)
            and (($2::text[] is null and $3::text[] is null) or c.kind = any ($2) or n.type = any ($3))
            and ($4::timestamptz is null or c.at >= $4) and ($5::timestamptz is null or c.at < $5)
            and ($6::jsonpath is null or rem_fields(n, m) @@ $6)
        limit $7 + 1) found) as ids,
    (select count(*) from (select from job where kind = 'embed' and state <> 'failed' limit 1000) waiting) as lag;

-- name: weigh
-- Why: the terms of a question, by the function that made the stored ones, with what the statistics know of them.
-- A term that came after the last refresh is counted here, as far as it matters.
select t.term, t.times, c.chunks, c.mean_len,
    coalesce(
        (select s.df from term_stat s where s.term = t.term),
        (select count(*) from (select from posting p where p.term = t.term limit 1000) few)) as df
from corpus_stat c
cross join (select term, count(*) as times from rem_terms($1) as a (term) group by term) t;

-- name: lexical
-- Why: BM25, the rarest terms' postings first ($2, $3); commoner terms ($4, $5) are scored for the best $7 by key probe.
-- float8 throughout: decimal literals would make it numeric, ten times slower.
with partial as (
    select p.chunk_id,
        sum(l.weight * p.tf::float8 * 2.2::float8
            / (p.tf::float8 + 1.2::float8 * (0.25::float8 + 0.75::float8 * p.len::float8 / $6::float8))) as score
    from unnest($2::text[], $3::float8[]) as l (term, weight)
    join posting p on p.term = l.term collate "C" and p.owner in ('', $1)
    where not $9::boolean or exists (
        select from chunk k
        left join node n on n.id = k.node_id and n.owner in ('', $1)
        left join message m on m.id = k.message_id and m.owner in ('', $1)
        where k.id = p.chunk_id and k.owner in ('', $1)
            and (($10::text[] is null and $11::text[] is null) or k.kind = any ($10) or n.type = any ($11))
            and ($12::timestamptz is null or k.at >= $12) and ($13::timestamptz is null or k.at < $13)
            and ($14::jsonpath is null or rem_fields(n, m) @@ $14))
    group by p.chunk_id
),
best as (select b.chunk_id, b.score from partial b order by b.score desc, b.chunk_id limit $7),
whole as (
    select b.chunk_id, b.score + coalesce(more.score, 0::float8) as score, b.score as partial_score
    from best b
    left join lateral (
        select sum(r.weight * p.tf::float8 * 2.2::float8
            / (p.tf::float8 + 1.2::float8 * (0.25::float8 + 0.75::float8 * p.len::float8 / $6::float8))) as score
        from unnest($4::text[], $5::float8[]) as r (term, weight)
        cross join lateral (
            select x.tf, x.len from posting x
            where x.term = r.term collate "C" and x.owner in ('', $1) and x.chunk_id = b.chunk_id
            offset 0  -- a probe of the primary key, not a join that reads all terms of the chunk
        ) p
    ) more on true
)
select w.chunk_id, w.score, count(*) over () as considered, min(w.partial_score) over () as last_partial
from whole w
order by w.score desc, w.chunk_id
limit $8;

-- name: lexical_among
-- Why: the exact BM25 of chunks that are known: all that a sharp filter leaves, or what the dense arm brought.
select p.chunk_id,
    sum(l.weight * p.tf::float8 * 2.2::float8
        / (p.tf::float8 + 1.2::float8 * (0.25::float8 + 0.75::float8 * p.len::float8 / $4::float8))) as score
from unnest($2::text[], $3::float8[]) as l (term, weight)
join posting p on p.term = l.term collate "C" and p.owner in ('', $1) and p.chunk_id = any ($5::bigint[])
group by p.chunk_id
order by score desc, p.chunk_id
limit $6;

-- name: dense_among
-- Why: exact distances to chunks that are known (and were found by a statement that asks for the owner).
select e.chunk_id, -(e.v <#> $3::halfvec) as score
from embedding e
where e.model = $2 and e.chunk_id = any ($1::bigint[])
order by score desc, e.chunk_id
limit $4;

-- name: dense
-- Why: the nearest by HNSW, scanned on until enough pass the filter; the index orders only roughly, so sorted again.
with near as materialized (
    select e.chunk_id, e.v::halfvec({dimensions}) <#> $3::halfvec({dimensions}) as distance
    from embedding e
    join chunk c on c.id = e.chunk_id and c.owner in ('', $1)
    left join node n on n.id = c.node_id and n.owner in ('', $1)
    left join message m on m.id = c.message_id and m.owner in ('', $1)
    where e.model = $2
        and (($5::text[] is null and $6::text[] is null) or c.kind = any ($5) or n.type = any ($6))
        and ($7::timestamptz is null or c.at >= $7) and ($8::timestamptz is null or c.at < $8)
        and ($9::jsonpath is null or rem_fields(n, m) @@ $9)
    order by e.v::halfvec({dimensions}) <#> $3::halfvec({dimensions})
    limit $4
)
select chunk_id, -distance as score from near order by score desc, chunk_id;

-- name: places
-- Why: which node or message each chunk belongs to, before any text is read.
select c.id, c.node_id, c.message_id from chunk c where c.id = any ($2::bigint[]) and c.owner in ('', $1);

-- name: passages
-- Why: text last, for what is shown.
select c.id, c.ord, c.heading, c.text, c.at from chunk c where c.id = any ($2::bigint[]) and c.owner in ('', $1);

-- name: messages
-- Why: a message is found by its chunk and shown with its session.
select m.id, m.session_id, m.role from message m
where m.id = any ($2::uuid[]) and m.owner in ('', $1) and m.deleted_at is null;
