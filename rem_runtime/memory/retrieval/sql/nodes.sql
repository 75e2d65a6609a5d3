-- name: nodes_by_id
-- Why: bodies come last, by primary key, for the few that are shown.
select n.id, n.tenant_id, n.owner, n.kind, n.type, n.key, n.label,
    n.data::text as data, nullif(n.metadata, '{}')::text as metadata, n.tags, n.starts_at, n.ends_at, n.content_hash,
    n.version, n.created_at, n.updated_at, edges.*
from node n
cross join lateral (
    select array_agg(e.dst_label) as edge_dst, array_agg(e.rel) as edge_rel, array_agg(e.dst_kind) as edge_kind,
        array_agg(e.weight) as edge_weight,
        array_agg(case when e.properties <> '{}' or e.valid <> '(,)' then jsonb_build_object(
            'properties', e.properties, 'since', lower(e.valid), 'until', upper(e.valid))::text end) as edge_more
    from (
        (select id, dst_label, rel, dst_kind, weight, properties, valid from edge
            where src = n.id and owner = '' and closed_at is null order by weight desc, id limit 50)
        union all
        (select id, dst_label, rel, dst_kind, weight, properties, valid from edge
            where src = n.id and owner = $1 and $1 <> '' and closed_at is null order by weight desc, id limit 50)
        order by weight desc, id limit 50
    ) e
) edges
where n.id = any ($2::uuid[]) and n.owner in ('', $1) and n.deleted_at is null;

-- name: lookup
-- Why: names by primary key, then nodes by primary key; a list is one statement, one's own come before the shared. The
-- laterals are nested loops, so what comes of a name comes in its order. What a document says first comes along by one more
-- probe: a name alone answers nobody.
select p.ord, p.qualifier, n.id, n.tenant_id, n.owner, n.kind, n.type, n.key, n.label,
    n.data::text as data, nullif(n.metadata, '{}')::text as metadata, n.tags, n.starts_at, n.ends_at, n.content_hash,
    n.version, n.created_at, n.updated_at, edges.*,
    opening.text as opening_text, opening.heading as opening_heading, opening.ord as opening_ord, opening.at as opening_at
from unnest($2::integer[], $3::text[], $4::text[]) as p (ord, key, qualifier)
cross join lateral (
    select n.id, n.tenant_id, n.owner, n.kind, n.type, n.key, n.label, n.data, n.metadata, n.tags, n.starts_at,
        n.ends_at, n.content_hash, n.version, n.created_at, n.updated_at
    from name m
    join node n on n.id = m.node_id and n.owner in ('', $1) and n.deleted_at is null
    where m.key = p.key collate "C" and m.owner in ('', $1)
        and (p.qualifier = '' or n.kind = p.qualifier or n.type = p.qualifier)
    order by n.owner = '', m.canonical desc, n.id
    limit $5
) n
cross join lateral (
    select array_agg(e.dst_label) as edge_dst, array_agg(e.rel) as edge_rel, array_agg(e.dst_kind) as edge_kind,
        array_agg(e.weight) as edge_weight,
        array_agg(case when e.properties <> '{}' or e.valid <> '(,)' then jsonb_build_object(
            'properties', e.properties, 'since', lower(e.valid), 'until', upper(e.valid))::text end) as edge_more
    from (
        (select id, dst_label, rel, dst_kind, weight, properties, valid from edge
            where src = n.id and owner = '' and closed_at is null order by weight desc, id limit 50)
        union all
        (select id, dst_label, rel, dst_kind, weight, properties, valid from edge
            where src = n.id and owner = $1 and $1 <> '' and closed_at is null order by weight desc, id limit 50)
        order by weight desc, id limit 50
    ) e
) edges
left join lateral (
    select c.text, c.heading, c.ord, c.at from chunk c
    where c.node_id = n.id and n.kind = 'resource' and c.owner in ('', $1) order by c.ord limit 1
) opening on true;

-- name: lookup_one
-- Why: one name, the usual question: without the list's joins and sorts it costs two probes more than a primary key.
select n.*, edges.*,
    opening.text as opening_text, opening.heading as opening_heading, opening.ord as opening_ord, opening.at as opening_at
from (
    select n.id, n.tenant_id, n.owner, n.kind, n.type, n.key, n.label,
        n.data::text as data, nullif(n.metadata, '{}')::text as metadata, n.tags, n.starts_at, n.ends_at, n.content_hash,
        n.version, n.created_at, n.updated_at
    from name m
    join node n on n.id = m.node_id and n.owner in ('', $1) and n.deleted_at is null
    where m.key = $2::text collate "C" and m.owner in ('', $1)
    order by n.owner = '', m.canonical desc, n.id
    limit $3
) n
cross join lateral (
    select array_agg(e.dst_label) as edge_dst, array_agg(e.rel) as edge_rel, array_agg(e.dst_kind) as edge_kind,
        array_agg(e.weight) as edge_weight,
        array_agg(case when e.properties <> '{}' or e.valid <> '(,)' then jsonb_build_object(
            'properties', e.properties, 'since', lower(e.valid), 'until', upper(e.valid))::text end) as edge_more
    from (
        (select id, dst_label, rel, dst_kind, weight, properties, valid from edge
            where src = n.id and owner = '' and closed_at is null order by weight desc, id limit 50)
        union all
        (select id, dst_label, rel, dst_kind, weight, properties, valid from edge
            where src = n.id and owner = $1 and $1 <> '' and closed_at is null order by weight desc, id limit 50)
        order by weight desc, id limit 50
    ) e
) edges
left join lateral (
    select c.text, c.heading, c.ord, c.at from chunk c
    where c.node_id = n.id and n.kind = 'resource' and c.owner in ('', $1) order by c.ord limit 1
) opening on true;

-- name: text_of_node
-- Why: a document's chunks, joined in order, are the document.
select string_agg(text, '' order by ord) from chunk where node_id = $2 and owner in ('', $1);

-- name: list_nodes
-- Why: a page of one kind, newest first: two ordered arms, so that neither owner's rows are sorted.
select id from (
    (select id from node where kind = $2 and owner = '' and deleted_at is null and id < $3 order by id desc limit $4)
    union all
    (select id from node
        where kind = $2 and owner = $1 and $1 <> '' and deleted_at is null and id < $3 order by id desc limit $4)
) as both_owners
order by id desc
limit $4;

-- name: fuzzy
-- Why: names that are like this one as a whole, by the index of their trigrams (after set_fuzzy).
select near.name, near.similarity,
    n.id, n.tenant_id, n.owner, n.kind, n.type, n.key, n.label,
    n.data::text as data, nullif(n.metadata, '{}')::text as metadata, n.tags, n.starts_at, n.ends_at, n.content_hash,
    n.version, n.created_at, n.updated_at, edges.*
from (
    select best.node_id, best.name, best.similarity, best.canonical
    from (
        -- a thing once, by the name that is likest, and by its label (an alias is never canonical) where others are as like
        select distinct on (m.node_id) m.node_id, m.key as name, similarity(m.fuzzy_text, $2) as similarity, m.canonical
        from name m
        where m.fuzzy_text % $2 and m.owner in ('', $1)
            and (($3::text[] is null and $4::text[] is null) or m.kind = any ($3) or ($4::text[] is not null
                and (select n.type from node n where n.id = m.node_id and n.owner in ('', $1)) = any ($4)))
        order by m.node_id, similarity desc, m.canonical desc, m.key
    ) best
    where best.similarity >= $5
    order by best.similarity desc, best.canonical desc, best.name, best.node_id
    limit $6
) near
join node n on n.id = near.node_id and n.owner in ('', $1) and n.deleted_at is null
cross join lateral (
    select array_agg(e.dst_label) as edge_dst, array_agg(e.rel) as edge_rel, array_agg(e.dst_kind) as edge_kind,
        array_agg(e.weight) as edge_weight,
        array_agg(case when e.properties <> '{}' or e.valid <> '(,)' then jsonb_build_object(
            'properties', e.properties, 'since', lower(e.valid), 'until', upper(e.valid))::text end) as edge_more
    from (
        (select id, dst_label, rel, dst_kind, weight, properties, valid from edge
            where src = n.id and owner = '' and closed_at is null order by weight desc, id limit 50)
        union all
        (select id, dst_label, rel, dst_kind, weight, properties, valid from edge
            where src = n.id and owner = $1 and $1 <> '' and closed_at is null order by weight desc, id limit 50)
        order by weight desc, id limit 50
    ) e
) edges
order by near.similarity desc, near.canonical desc, near.name, near.node_id;

-- name: fuzzy_word
-- Why: names with a part that is like this: a word is nothing like the whole of a name (after set_fuzzy).
select near.name, near.similarity,
    n.id, n.tenant_id, n.owner, n.kind, n.type, n.key, n.label,
    n.data::text as data, nullif(n.metadata, '{}')::text as metadata, n.tags, n.starts_at, n.ends_at, n.content_hash,
    n.version, n.created_at, n.updated_at, edges.*
from (
    select best.node_id, best.name, best.similarity, best.canonical
    from (
        -- a thing once, by the name that is likest, and by its label (an alias is never canonical) where others are as like
        select distinct on (m.node_id) m.node_id, m.key as name, word_similarity($2, m.fuzzy_text) as similarity, m.canonical
        from name m
        where m.fuzzy_text %> $2 and m.owner in ('', $1)
            and (($3::text[] is null and $4::text[] is null) or m.kind = any ($3) or ($4::text[] is not null
                and (select n.type from node n where n.id = m.node_id and n.owner in ('', $1)) = any ($4)))
        order by m.node_id, similarity desc, m.canonical desc, m.key
    ) best
    where best.similarity >= $5
    order by best.similarity desc, best.canonical desc, best.name, best.node_id
    limit $6
) near
join node n on n.id = near.node_id and n.owner in ('', $1) and n.deleted_at is null
cross join lateral (
    select array_agg(e.dst_label) as edge_dst, array_agg(e.rel) as edge_rel, array_agg(e.dst_kind) as edge_kind,
        array_agg(e.weight) as edge_weight,
        array_agg(case when e.properties <> '{}' or e.valid <> '(,)' then jsonb_build_object(
            'properties', e.properties, 'since', lower(e.valid), 'until', upper(e.valid))::text end) as edge_more
    from (
        (select id, dst_label, rel, dst_kind, weight, properties, valid from edge
            where src = n.id and owner = '' and closed_at is null order by weight desc, id limit 50)
        union all
        (select id, dst_label, rel, dst_kind, weight, properties, valid from edge
            where src = n.id and owner = $1 and $1 <> '' and closed_at is null order by weight desc, id limit 50)
        order by weight desc, id limit 50
    ) e
) edges
order by near.similarity desc, near.canonical desc, near.name, near.node_id;

-- name: set_fuzzy
-- Why: how like is like, for `%` and `%>`. The planner prices a comparison like an addition and would scan; never here.
set local enable_seqscan = off;
set local pg_trgm.similarity_threshold = 0.3;
set local pg_trgm.word_similarity_threshold = 0.3;

-- name: set_fuzzy_loose
-- Why: the same for a THRESHOLD below, for which the index has to let more through.
set local enable_seqscan = off;
set local pg_trgm.similarity_threshold = 0.01;
set local pg_trgm.word_similarity_threshold = 0.01;
