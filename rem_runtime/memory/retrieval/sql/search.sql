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

-- name: lexical
-- Why: BM25, the rarest terms' postings first, up to $4 of them; commoner terms are scored for the best $5 by key probe.
-- float8 throughout: decimal literals would make it numeric, ten times slower.
with asked as (
    select t.term, count(*)::float8 as times from rem_terms($2) as t (term) group by t.term
),
corpus as (
    select greatest(chunks, 1)::float8 as chunks, greatest(mean_len, 1::float8) as mean_len from corpus_stat
),
known as (
    -- a term that came after the last refresh is counted here, as far as it matters
    select a.term, a.times,
        coalesce(s.df, (select count(*) from (select from posting p where p.term = a.term limit 1000) few))::float8 as df
    from asked a
    left join term_stat s on s.term = a.term
),
rated as (
    select k.term, k.times * ln(1::float8 + (greatest(c.chunks, k.df) - k.df + 0.5::float8) / (k.df + 0.5::float8)) as idf,
        sum(k.df) over (order by k.df, k.term) as so_far, row_number() over (order by k.df, k.term) as place
    from known k, corpus c
    where k.df > 0::float8
),
front as materialized (select r.term, r.idf from rated r where r.so_far <= $4 or r.place = 1),
rest as materialized (select r.term, r.idf from rated r where not (r.so_far <= $4 or r.place = 1)),
partial as (
    select p.chunk_id,
        sum(l.idf * p.tf::float8 * 2.2::float8
            / (p.tf::float8 + 1.2::float8 * (0.25::float8 + 0.75::float8 * p.len::float8 / c.mean_len))) as score
    from front l
    join posting p on p.term = l.term and p.owner in ('', $1)
    cross join corpus c
    where not $6::boolean or exists (
        select from chunk k
        left join node n on n.id = k.node_id and n.owner in ('', $1)
        left join message m on m.id = k.message_id and m.owner in ('', $1)
        where k.id = p.chunk_id and k.owner in ('', $1)
            and (($7::text[] is null and $8::text[] is null) or k.kind = any ($7) or n.type = any ($8))
            and ($9::timestamptz is null or k.at >= $9) and ($10::timestamptz is null or k.at < $10)
            and ($11::jsonpath is null or rem_fields(n, m) @@ $11))
    group by p.chunk_id
),
best as (select b.chunk_id, b.score from partial b order by b.score desc, b.chunk_id limit $5),
whole as (
    select b.chunk_id, b.score + coalesce(more.score, 0::float8) as score, b.score as leading_score
    from best b
    left join lateral (
        select sum(r.idf * p.tf::float8 * 2.2::float8
            / (p.tf::float8 + 1.2::float8 * (0.25::float8 + 0.75::float8 * p.len::float8 / c.mean_len))) as score
        from rest r
        join posting p on p.term = r.term and p.owner in ('', $1) and p.chunk_id = b.chunk_id
        cross join corpus c
    ) more on true
)
select w.chunk_id, w.score,
    (select coalesce(sum(r.idf), 0::float8) * 2.2::float8 from rest r) as rest_bound,
    (select min(x.leading_score) from whole x) as last_leading,
    (select count(*) from whole) as considered
from whole w
order by w.score desc, w.chunk_id
limit $3;

-- name: lexical_among
-- Why: the exact BM25 of chunks that are known: all that a sharp filter leaves, or what the dense arm brought.
with asked as (
    select t.term, count(*)::float8 as times from rem_terms($2) as t (term) group by t.term
),
corpus as (
    select greatest(chunks, 1)::float8 as chunks, greatest(mean_len, 1::float8) as mean_len from corpus_stat
),
known as (
    select a.term, a.times,
        coalesce(s.df, (select count(*) from (select from posting p where p.term = a.term limit 1000) few))::float8 as df
    from asked a
    left join term_stat s on s.term = a.term
),
rated as (
    select k.term, k.times * ln(1::float8 + (greatest(c.chunks, k.df) - k.df + 0.5::float8) / (k.df + 0.5::float8)) as idf
    from known k, corpus c
    where k.df > 0::float8
)
select p.chunk_id,
    sum(r.idf * p.tf::float8 * 2.2::float8
        / (p.tf::float8 + 1.2::float8 * (0.25::float8 + 0.75::float8 * p.len::float8 / c.mean_len))) as score
from rated r
join posting p on p.term = r.term and p.owner in ('', $1) and p.chunk_id = any ($3::bigint[])
cross join corpus c
group by p.chunk_id
order by score desc, p.chunk_id
limit $4;

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
