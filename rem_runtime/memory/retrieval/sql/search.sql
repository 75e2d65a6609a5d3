-- name: begin
-- Why: one snapshot for all parts of an answer. Their plans are the same whatever is asked: made once. Without sorts, since the
-- planner would rather sort all distances of an owner whom it takes for small than walk the index of vectors.
begin isolation level repeatable read read only;
set local enable_sort = off;

-- name: begin_filtered
-- Why: which index answers a filter depends on what it says, so its statements are planned for these arguments.
begin isolation level repeatable read read only;
set local plan_cache_mode = force_custom_plan;
set local enable_sort = off;

-- name: opening
-- Why: the terms of a question, by the function that made the stored ones, with what the statistics know of them; a term that
-- came after the last refresh is counted here, as far as it matters. `lag` is what has no vector yet of what the caller may
-- see. `ids` are all chunks of these kinds ($3) and times, where there are at most $6.
select s.chunks, s.mean_len, t.terms, t.times, t.dfs,
    (select count(*) from (
        select from job
        where kind = 'embed' and payload ->> 'owner' in ('', $1)
            and hashtextextended(payload ->> 'owner', 0) in (hashtextextended('', 0), hashtextextended($1, 0))
        limit 1000) waiting) as lag,
    case when not exists (
        select from chunk c
        where c.owner in ('', $1) and c.kind = any ($3)
            and c.at >= coalesce($4, timestamptz '-infinity') and c.at < coalesce($5, timestamptz 'infinity')
        offset $6)
    then array(
        select c.id from chunk c
        where c.owner in ('', $1) and c.kind = any ($3)
            and c.at >= coalesce($4, timestamptz '-infinity') and c.at < coalesce($5, timestamptz 'infinity'))
    end as ids
from corpus_stat s
cross join lateral (
    select array_agg(a.term) as terms, array_agg(a.times) as times, array_agg(coalesce(
        (select k.df from term_stat k where k.term = a.term),
        (select count(*) from (select from posting p where p.term = a.term limit 1000) few))) as dfs
    from (select term, count(*) as times from rem_terms($2) as r (term) group by term) a
) t;

-- name: candidates
-- Why: a sharp filter is cheaper to enumerate than to test. An arm for nodes and one for messages, so that each can start at
-- the index that leaves the least; what the whole predicate says ($6 to $9) is in each, in the form that an index knows.
select case when count(*) <= $22 then coalesce(array_agg(found.id), '{}') end as ids from (
    (select c.id
    from node n
    join chunk c on c.node_id = n.id and c.owner in ('', $1)
    where n.owner in ('', $1) and n.deleted_at is null
        and (($2::text[] is null and $3::text[] is null) or n.kind = any ($2) or n.type = any ($3))
        and ($4::timestamptz is null or c.at >= $4) and ($5::timestamptz is null or c.at < $5)
        and ($6::jsonpath is null or (n.metadata || coalesce(n.data -> 'properties', '{}') || n.data) @@ $6)
        and ($7::jsonpath is null or rem_fields(n, null::message) @@ $7)
        and ($10::text[] is null or n.kind = any ($10)) and ($11::text[] is null or n.type = any ($11))
        and ($12::text[] is null or n.key = any ($12)) and ($13::text[] is null or n.tags && $13)
        and ($15::timestamptz is null or n.created_at >= $15) and ($16::timestamptz is null or n.created_at < $16)
        and ($17::timestamptz is null or c.at >= $17) and ($18::timestamptz is null or c.at < $18)
        and ($19::jsonpath is null or n.metadata @@ $19 or n.data @@ $19)
        and ($20::jsonpath is null or n.metadata @@ $20 or n.data @@ $20)
        and c.kind = any ($21)
    limit $22 + 1)
    union all
    (select c.id
    from message m
    join chunk c on c.message_id = m.id and c.owner in ('', $1)
    where m.owner in ('', $1) and m.deleted_at is null
        and (($2::text[] is null and $3::text[] is null) or 'message' = any ($2))
        and ($4::timestamptz is null or c.at >= $4) and ($5::timestamptz is null or c.at < $5)
        and ($8::jsonpath is null or m.metadata @@ $8)
        and ($9::jsonpath is null or rem_fields(null::node, m) @@ $9)
        and ($10::text[] is null or 'message' = any ($10)) and ($13::text[] is null or m.tags && $13)
        and ($14::uuid[] is null or m.session_id = any ($14))
        and ($15::timestamptz is null or m.created_at >= $15) and ($16::timestamptz is null or m.created_at < $16)
        and c.kind = 'message'
    limit $22 + 1)
    limit $22 + 1) found;

-- name: lexical
-- Why: BM25, the rarest terms' postings first ($2, $3); commoner terms ($4, $5) are scored for the best $7 alone, in one pass over
-- each term's postings. A weight has k1 + 1 in it, and $6 is k1 * b / mean length. float8 throughout: decimal literals
-- would make it numeric, ten times slower.
with partial as materialized (
    select p.chunk_id, sum(l.weight * p.tf::float8 / (p.tf::float8 + 0.3::float8 + $6::float8 * p.len::float8)) as score
    from unnest($2::text[], $3::float8[]) as l (term, weight)
    cross join lateral (
        select x.chunk_id, x.tf, x.len from posting x
        where x.term = l.term collate "C" and x.owner in ('', $1)
        offset 0  -- an index scan for each term, whatever the planner thinks of their number
    ) p
    group by p.chunk_id
),
best as materialized (select b.chunk_id, b.score from partial b order by b.score desc, b.chunk_id limit $7),
parts as (
    select chunk_id, score, score as partial from best
    union all
    select chunk_id, score, 0::float8 from rem_bm25($1, $4::text[], $5::float8[], $6::float8, array(select chunk_id from best))
)
select w.chunk_id, w.score, count(*) over () as considered, min(w.partial) over () as last_partial
from (select chunk_id, sum(score) as score, sum(partial) as partial from parts group by chunk_id) w
order by w.score desc, w.chunk_id
limit $8;

-- name: lexical_filtered
-- Why: the same where a filter leaves too many to enumerate: tested on the best first, until $7 have passed.
with partial as materialized (
    select p.chunk_id, sum(l.weight * p.tf::float8 / (p.tf::float8 + 0.3::float8 + $6::float8 * p.len::float8)) as score
    from unnest($2::text[], $3::float8[]) as l (term, weight)
    cross join lateral (
        select x.chunk_id, x.tf, x.len from posting x
        where x.term = l.term collate "C" and x.owner in ('', $1)
        offset 0
    ) p
    group by p.chunk_id
),
best as materialized (
    select b.chunk_id, b.score
    from (select chunk_id, score from partial order by score desc, chunk_id offset 0) b
    where exists (
        select from chunk k
        left join node n on n.id = k.node_id and n.owner in ('', $1)
        left join message m on m.id = k.message_id and m.owner in ('', $1)
        where k.id = b.chunk_id and k.owner in ('', $1)
            and (($9::text[] is null and $10::text[] is null) or k.kind = any ($9) or n.type = any ($10))
            and ($11::timestamptz is null or k.at >= $11) and ($12::timestamptz is null or k.at < $12)
            and ($13::jsonpath is null or rem_fields(n, m) @@ $13)
        offset 0)
    limit $7
),
parts as (
    select chunk_id, score, score as partial from best
    union all
    select chunk_id, score, 0::float8 from rem_bm25($1, $4::text[], $5::float8[], $6::float8, array(select chunk_id from best))
)
select w.chunk_id, w.score, count(*) over () as considered, min(w.partial) over () as last_partial
from (select chunk_id, sum(score) as score, sum(partial) as partial from parts group by chunk_id) w
order by w.score desc, w.chunk_id
limit $8;

-- name: lexical_among
-- Why: the exact BM25 of chunks that are known: all that a sharp filter leaves.
select chunk_id, score from rem_bm25($1, $2::text[], $3::float8[], $4::float8, $5::bigint[])
order by score desc, chunk_id
limit $6;

-- name: near
-- Why: the nearest by HNSW, scanned on until enough are the caller's. Limit and model are numbers in the text, without which a plan
-- that is made once would not take the index.
select e.chunk_id, e.v::halfvec({dimensions}) <#> $2::halfvec({dimensions}) as distance
from embedding e
join chunk c on c.id = e.chunk_id and c.owner in ('', $1)
where e.model = {model}
order by e.v::halfvec({dimensions}) <#> $2::halfvec({dimensions})
limit {rows}

-- name: near_filtered
-- Why: the same where a filter leaves too many to enumerate.
select e.chunk_id, e.v::halfvec({dimensions}) <#> $2::halfvec({dimensions}) as distance
from embedding e
join chunk c on c.id = e.chunk_id and c.owner in ('', $1)
left join node n on n.id = c.node_id and n.owner in ('', $1)
left join message m on m.id = c.message_id and m.owner in ('', $1)
where e.model = {model}
    and (($7::text[] is null and $8::text[] is null) or c.kind = any ($7) or n.type = any ($8))
    and ($9::timestamptz is null or c.at >= $9) and ($10::timestamptz is null or c.at < $10)
    and ($11::jsonpath is null or rem_fields(n, m) @@ $11)
order by e.v::halfvec({dimensions}) <#> $2::halfvec({dimensions})
limit {rows}

-- name: near_exact
-- Why: every distance to chunks that are known ($7, found by a statement that asks for the owner). In one pass over the primary
-- key, which the planner is not to exchange for the other index; and it is not to look into the array, which takes it
-- longer than the scan does.
select d.chunk_id, d.distance
from (
    select e.chunk_id, e.v::halfvec({dimensions}) <#> $2::halfvec({dimensions}) as distance
    from embedding e
    where e.model = {model} and e.chunk_id = any ((select $7::bigint[])::bigint[])
    offset 0
) d
order by d.distance
limit {rows}

-- name: dense
-- Why: the nearest ({near}), and what the words found ($3), each with both scores and its place, in one round trip: a chunk that only
-- one arm brought has a score in the other too, only not among its best; `around` is the mean cosine of it and the parts of
-- the same document beside it. The index orders roughly, so Python sorts.
with near as materialized ({near}),
every as materialized (
    select chunk_id, distance from near
    union all
    select k.id, (
        select e.v::halfvec({dimensions}) <#> $2::halfvec({dimensions})
        from embedding e where e.chunk_id = k.id and e.model = {model})
    from unnest($3::bigint[]) as k (id) where k.id not in (select chunk_id from near)
),
words as (
    select chunk_id, score
    from rem_bm25($1, $4::text[], $5::float8[], $6::float8,
        array(select chunk_id from near where chunk_id <> all ($3::bigint[])))
)
select c.id as chunk_id, c.node_id, c.message_id, -e.distance as dense, w.score as lexical,
    (beside.cosines - e.distance) / (beside.parts + 1) as around
from every e
join chunk c on c.id = e.chunk_id and c.owner in ('', $1)
cross join lateral (
    select count(*) as parts, coalesce(-sum(b.v::halfvec({dimensions}) <#> $2::halfvec({dimensions})), 0) as cosines
    from chunk k
    join embedding b on b.chunk_id = k.id and b.model = {model}
    where k.node_id = c.node_id and k.ord between c.ord - 1 and c.ord + 1 and k.ord <> c.ord and k.owner in ('', $1)
) beside
left join words w on w.chunk_id = e.chunk_id;

-- name: places
-- Why: which node or message each chunk belongs to, before any text is read.
select c.id as chunk_id, c.node_id, c.message_id from chunk c where c.id = any ($2::bigint[]) and c.owner in ('', $1);

-- name: passages
-- Why: text last, for what is shown; a message's with who said it, when and where.
select c.id, c.ord, c.heading, c.text, c.at, m.id as message_id, m.session_id, m.role
from chunk c
left join message m on m.id = c.message_id and m.owner in ('', $1) and m.deleted_at is null
where c.id = any ($2::bigint[]) and c.owner in ('', $1);
