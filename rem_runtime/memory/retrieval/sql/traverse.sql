-- name: resolve
-- Why: where to start: the things that have this name, keys only.
select p.ord, p.qualifier, n.id, n.label
from unnest($2::integer[], $3::text[], $4::text[]) as p (ord, key, qualifier)
cross join lateral (
    select n.id, n.label, n.owner, m.canonical
    from name m
    join node n on n.id = m.node_id and n.owner in ('', $1) and n.deleted_at is null
    where m.key = p.key collate "C" and m.owner in ('', $1)
        and (p.qualifier = '' or n.kind = p.qualifier or n.type = p.qualifier)
    order by n.owner = '', m.canonical desc, n.id
    limit $5
) n
order by p.ord, n.owner = '', n.canonical desc, n.id;

-- name: traverse
-- Why: one round trip from the name to the bodies. Breadth first, a row per level: PostgreSQL refuses LIMIT in a recursive
-- term, but not inside a lateral of it. A vertex is a node (ids), or a name that no node has (names); each is reached once,
-- over its strongest edge of that level, and known by its place in the level. Equal weights stand in the order of keys. The
-- statement has the ways (out, into, into_name) and ends that are asked for, and no others: what is never run is started and
-- reset in every level all the same, which took as long as the rest.
with recursive found as (
    select n.id, n.key, n.label, row_number() over (order by n.owner = '', n.canonical desc, n.id) as place, p.qualifier
    from unnest($2::text[], $3::text[]) as p (key, qualifier)
    cross join lateral (
        select n.id, n.key, n.label, n.owner, m.canonical
        from name m
        join node n on n.id = m.node_id and n.owner in ('', $1) and n.deleted_at is null
        where m.key = p.key collate "C" and m.owner in ('', $1)
            and (p.qualifier = '' or n.kind = p.qualifier or n.type = p.qualifier)
        order by n.owner = '', m.canonical desc, n.id
        limit $5
    ) n
),
start as (
    -- whoever writes a kind or type means it; without any node it is the name alone, by every reading
    select coalesce(array_agg(f.id order by f.place), array_fill(null::uuid, array[cardinality($2::text[])])) as ids,
        coalesce(array_agg(null::text order by f.place), $2::text[]) as names,
        coalesce(array_agg(f.key order by f.place), $2::text[]) as keys,
        coalesce(array_agg(f.label order by f.place), array_fill($4::text, array[cardinality($2::text[])])) as labels
    from found f
    where f.qualifier <> '' or not exists (select from found q where q.qualifier <> '')
),
level (depth, ids, names, seen_ids, seen_names, keys, labels, parents, rels, weights, reverses, cut, before) as (
    select 0, s.ids, s.names collate "C", s.ids, s.names collate "C", s.keys collate "C", s.labels,
        null::bigint[], null::text[] collate "C", null::real[], null::boolean[], 0::bigint, 0
    from start s
    union all
    select l.depth + 1, f.ids, f.names, l.seen_ids || f.ids, l.seen_names || f.names, f.keys, f.labels, f.parents, f.rels,
        f.weights, f.reverses, f.cut, case when l.depth > 0 then l.before + cardinality(l.ids) else 0 end
    from level l
    cross join lateral (
        with strongest as (
            {ways}
        ),
        reached as (
            {ends}
        ),
        fresh as (
            select distinct on (r.id, r.name) r.place, r.rel, r.weight, r.reverse, r.id, r.name, r.key, r.label
            from reached r
            where not exists (select from unnest(l.seen_ids) as seen (id) where seen.id = r.id)
                and (r.name = any (l.seen_names)) is not true
            order by r.id, r.name, r.weight desc, r.rel, r.place
        ),
        kept as (
            select f.place, f.rel, f.weight, f.reverse, f.id, f.name, f.key, f.label
            from fresh f
            order by f.weight desc, f.key, f.id limit $11
        )
        select coalesce(array_agg(k.id), '{{}}') as ids, coalesce(array_agg(k.name), '{{}}') as names,
            array_agg(k.key) as keys, array_agg(k.label) as labels, array_agg(k.place) as parents, array_agg(k.rel) as rels,
            array_agg(k.weight) as weights, array_agg(k.reverse) as reverses,
            (select count(*) from strongest s where s.rank > $10)
                + greatest((select count(*) from fresh) - $11, 0) as cut
        from kept k
    ) f
    where l.depth < $6 and cardinality(l.ids) > 0
)
-- a level comes as arrays, in the row of its first vertex; the other rows are bodies
select l.depth, l.cut, v.place, case when l.depth = 0 then cardinality(array_remove(l.ids, null)) end as starts,
    case when v.place = 1 then l.keys end as keys, case when v.place = 1 then l.labels end as labels,
    case when v.place = 1 then l.parents end as parents, case when v.place = 1 then l.rels end as rels,
    case when v.place = 1 then l.weights end as weights, case when v.place = 1 then l.reverses end as reverses, body.*
from level l
left join lateral (
    select u.place, case when u.shown then u.id end as body_id
    from (
        select id, place, l.depth > 0 and l.before + place <= $12 as shown
        from unnest(l.ids) with ordinality as u (id, place)
    ) u
    where u.shown or u.place = 1
) v on true
left join lateral (
    select n.id, n.tenant_id, n.owner, n.kind, n.type, n.key, n.label,
        n.data::text as data, nullif(n.metadata, '{{}}')::text as metadata, n.tags, n.starts_at, n.ends_at, n.content_hash,
        n.version, n.created_at, n.updated_at, edges.*
    from node n
    cross join lateral (
        select array_agg(e.dst_label) as edge_dst, array_agg(e.rel) as edge_rel, array_agg(e.dst_kind) as edge_kind,
            array_agg(e.weight) as edge_weight,
            array_agg(case when e.properties <> '{{}}' or e.valid <> '(,)' then jsonb_build_object(
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
    where n.id = v.body_id and n.owner in ('', $1) and n.deleted_at is null
) body on true
order by l.depth, v.place;

-- name: out
-- Why: the edges out of a level's nodes.
select s.place, e.rel, e.dst_key, e.dst_kind, e.dst_label, e.weight, null::uuid as src, false as reverse, e.rank
from unnest(l.ids) with ordinality as s (id, place)
cross join lateral (
    select a.rel, a.dst_key, a.dst_kind, a.dst_label, a.weight,
        row_number() over (order by a.weight desc, a.id) as rank
    from (
        (select id, rel, dst_key, dst_kind, dst_label, weight from edge
            where src = s.id and owner = '' and closed_at is null and valid @> $9::timestamptz
                and weight >= $8 and ($7::text[] is null or rel = any ($7))
            order by weight desc, id limit $10::integer + 1)
        union all
        (select id, rel, dst_key, dst_kind, dst_label, weight from edge
            where src = s.id and owner = $1 and $1 <> '' and closed_at is null and valid @> $9::timestamptz
                and weight >= $8 and ($7::text[] is null or rel = any ($7))
            order by weight desc, id limit $10::integer + 1)
    ) a
    order by a.weight desc, a.id limit $10::integer + 1
) e

-- name: into
-- Why: the edges into a level's nodes, under any of their names.
select s.place, e.rel, null::text collate "C" as dst_key, null::text as dst_kind, null::text as dst_label, e.weight, e.src,
    true as reverse, e.rank
from unnest(l.ids) with ordinality as s (id, place)
cross join lateral (
    select a.rel, a.weight, a.src, row_number() over (order by a.weight desc, a.id) as rank
    from (
        select x.id, x.rel, x.weight, x.src
        from name m
        cross join lateral (
            (select id, rel, weight, src from edge
                where dst_key = m.key and owner = '' and dst_kind in ('', m.kind) and closed_at is null
                    and valid @> $9::timestamptz and weight >= $8 and ($7::text[] is null or rel = any ($7))
                order by weight desc, id limit $10::integer + 1)
            union all
            (select id, rel, weight, src from edge
                where dst_key = m.key and owner = $1 and $1 <> '' and dst_kind in ('', m.kind)
                    and closed_at is null and valid @> $9::timestamptz
                    and weight >= $8 and ($7::text[] is null or rel = any ($7))
                order by weight desc, id limit $10::integer + 1)
        ) x
        where m.node_id = s.id and m.owner in ('', $1)
    ) a
    order by a.weight desc, a.id limit $10::integer + 1
) e

-- name: into_name
-- Why: the edges into a name that no node has.
select s.place, e.rel, null::text collate "C" as dst_key, null::text as dst_kind, null::text as dst_label, e.weight, e.src,
    true as reverse, e.rank
from unnest(l.names) with ordinality as s (name, place)
cross join lateral (
    select a.rel, a.weight, a.src, row_number() over (order by a.weight desc, a.id) as rank
    from (
        (select id, rel, weight, src from edge
            where dst_key = s.name collate "C" and owner = '' and closed_at is null
                and valid @> $9::timestamptz and weight >= $8 and ($7::text[] is null or rel = any ($7))
            order by weight desc, id limit $10::integer + 1)
        union all
        (select id, rel, weight, src from edge
            where dst_key = s.name collate "C" and owner = $1 and $1 <> '' and closed_at is null
                and valid @> $9::timestamptz and weight >= $8 and ($7::text[] is null or rel = any ($7))
            order by weight desc, id limit $10::integer + 1)
    ) a
    order by a.weight desc, a.id limit $10::integer + 1
) e
where s.name is not null

-- name: ends_out
-- Why: where the edges out lead: to what has that name, or to the name alone.
select s.place, s.rel, s.weight, s.reverse, t.id, coalesce(t.key, s.dst_key) as key,
    case when t.id is null then s.dst_key end as name, coalesce(t.label, s.dst_label) as label
from strongest s
left join lateral (
    select n.id, n.key, n.label
    from name m
    join node n on n.id = m.node_id and n.owner in ('', $1) and n.deleted_at is null
    where m.key = s.dst_key and m.owner in ('', $1) and s.dst_kind in ('', m.kind)
    -- the index's order, backwards: one's own before the shared
    order by m.owner desc, m.kind desc, m.node_id desc
    limit $5
) t on true
where not s.reverse and s.rank <= $10

-- name: ends_in
-- Why: where the edges in come from.
select s.place, s.rel, s.weight, s.reverse, n.id, n.key, null::text collate "C" as name, n.label
from strongest s
join node n on n.id = s.src and n.owner in ('', $1) and n.deleted_at is null
where s.reverse and s.rank <= $10

-- name: edge_counts
-- Why: the plan (DEPTH 0): how many edges of which type, before anybody follows them.
select s.id, e.rel, 'out' as direction, count(*) as edges
from unnest($2::uuid[]) as s (id)
join edge e on e.src = s.id and e.owner in ('', $1) and e.closed_at is null and e.valid @> $7::timestamptz and e.weight >= $6
where $3 and ($5::text[] is null or e.rel = any ($5))
group by s.id, e.rel
union all
select s.id, e.rel, 'in', count(*)
from unnest($2::uuid[]) as s (id)
join name m on m.node_id = s.id and m.owner in ('', $1)
join edge e on e.dst_key = m.key and e.dst_kind in ('', m.kind) and e.owner in ('', $1)
    and e.closed_at is null and e.valid @> $7::timestamptz and e.weight >= $6
where $4 and ($5::text[] is null or e.rel = any ($5))
group by s.id, e.rel
order by 4 desc, 2, 3;

-- name: edge_counts_of_name
-- Why: the same for a name that no node has.
select e.rel, 'in' as direction, count(*) as edges
from edge e
where e.dst_key = any ($2::text[]) and e.owner in ('', $1) and e.closed_at is null and e.valid @> $5::timestamptz
    and e.weight >= $4
    and ($3::text[] is null or e.rel = any ($3))
group by e.rel
order by 3 desc, 1;
