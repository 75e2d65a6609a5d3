-- name: nodes_by_id
-- Why: bodies come last, by primary key, for the few that are shown.
select n.id, n.tenant_id, n.owner, n.kind, n.type, n.key, n.label, n.data, n.metadata, n.tags, n.starts_at, n.ends_at,
    n.content_hash, n.version, n.created_at, n.updated_at, n.deleted_at, edges.list as edges
from node n
cross join lateral (
    select jsonb_agg(jsonb_build_array(e.dst_label, e.rel, e.dst_kind, e.weight, e.properties, lower(e.valid), upper(e.valid))
        order by e.weight desc, e.id) as list
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
-- Why: names by primary key, then nodes by primary key; a list is one statement, one's own come before the shared. What a
-- document says first comes along by one more probe: a name alone answers nobody.
select p.ord, p.qualifier, n.id, n.tenant_id, n.owner, n.kind, n.type, n.key, n.label, n.data, n.metadata, n.tags,
    n.starts_at, n.ends_at, n.content_hash, n.version, n.created_at, n.updated_at, n.deleted_at, edges.list as edges,
    opening.text as opening_text, opening.heading as opening_heading, opening.ord as opening_ord, opening.at as opening_at
from unnest($2::integer[], $3::text[], $4::text[]) as p (ord, key, qualifier)
cross join lateral (
    select n.id, n.tenant_id, n.owner, n.kind, n.type, n.key, n.label, n.data, n.metadata, n.tags, n.starts_at,
        n.ends_at, n.content_hash, n.version, n.created_at, n.updated_at, n.deleted_at, m.canonical
    from name m
    join node n on n.id = m.node_id and n.owner in ('', $1) and n.deleted_at is null
    where m.key = p.key collate "C" and m.owner in ('', $1)
        and (p.qualifier = '' or n.kind = p.qualifier or n.type = p.qualifier)
    order by n.owner = '', m.canonical desc, n.id
    limit $5
) n
cross join lateral (
    select jsonb_agg(jsonb_build_array(e.dst_label, e.rel, e.dst_kind, e.weight, e.properties, lower(e.valid), upper(e.valid))
        order by e.weight desc, e.id) as list
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
) opening on true
order by p.ord, n.owner = '', n.canonical desc, n.id;

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
-- Why: nearest names first by index; GiST orders within one owner only, so each owner is an arm of its own.
select id, similarity from (
    (select id, similarity(fuzzy_text, $2) from node
        where owner = '' and deleted_at is null
            and (($3::text[] is null and $4::text[] is null) or kind = any ($3) or type = any ($4))
        order by fuzzy_text <-> $2 limit $5)
    union all
    (select id, similarity(fuzzy_text, $2) from node
        where owner = $1 and $1 <> '' and deleted_at is null
            and (($3::text[] is null and $4::text[] is null) or kind = any ($3) or type = any ($4))
        order by fuzzy_text <-> $2 limit $5)
) as arms (id, similarity)
order by similarity desc, id
limit $5;

-- name: fuzzy_word
-- Why: a single short word is compared with the words of a name, not with the whole of it.
select id, similarity from (
    (select id, word_similarity($2, fuzzy_text) from node
        where owner = '' and deleted_at is null
            and (($3::text[] is null and $4::text[] is null) or kind = any ($3) or type = any ($4))
        order by fuzzy_text <->> $2 limit $5)
    union all
    (select id, word_similarity($2, fuzzy_text) from node
        where owner = $1 and $1 <> '' and deleted_at is null
            and (($3::text[] is null and $4::text[] is null) or kind = any ($3) or type = any ($4))
        order by fuzzy_text <->> $2 limit $5)
) as arms (id, similarity)
order by similarity desc, id
limit $5;
