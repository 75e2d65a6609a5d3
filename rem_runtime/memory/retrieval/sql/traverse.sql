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
-- Why: breadth first, a row per level: PostgreSQL refuses LIMIT in a recursive term, but not inside a lateral of it.
-- A vertex is a node, or a name that no node has (yet). Each is reached once, over its strongest edge of that level.
with recursive level (depth, ids, keys, seen_ids, seen_keys, hops, cut) as (
    select 0, $2::uuid[], $3::text[] collate "C", $2::uuid[], $3::text[] collate "C", '[]'::jsonb, 0::bigint
    union all
    select l.depth + 1, f.ids, f.keys, l.seen_ids || f.ids, l.seen_keys || f.keys, f.hops, f.cut
    from level l
    cross join lateral (
        with strongest as (
            -- out of a node
            select s.id as at_id, null as at_key, e.rel, e.dst_key, e.dst_kind, e.dst_label, e.weight, null::uuid as src,
                false as reverse, e.rank
            from unnest(l.ids) as s (id)
            cross join lateral (
                select a.rel, a.dst_key, a.dst_kind, a.dst_label, a.weight,
                    row_number() over (order by a.weight desc, a.id) as rank
                from (
                    (select id, rel, dst_key, dst_kind, dst_label, weight from edge
                        where src = s.id and owner = '' and closed_at is null and valid @> $9::timestamptz and weight >= $8
                            and ($7::text[] is null or rel = any ($7))
                        order by weight desc, id limit $10::integer + 1)
                    union all
                    (select id, rel, dst_key, dst_kind, dst_label, weight from edge
                        where src = s.id and owner = $1 and $1 <> '' and closed_at is null and valid @> $9::timestamptz and weight >= $8
                            and ($7::text[] is null or rel = any ($7))
                        order by weight desc, id limit $10::integer + 1)
                ) a
                order by a.weight desc, a.id limit $10::integer + 1
            ) e
            where $5
            union all
            -- into a node, under any of its names
            select s.id, null, e.rel, null, null, null, e.weight, e.src, true, e.rank
            from unnest(l.ids) as s (id)
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
                                and closed_at is null
                                and valid @> $9::timestamptz and weight >= $8 and ($7::text[] is null or rel = any ($7))
                            order by weight desc, id limit $10::integer + 1)
                    ) x
                    where m.node_id = s.id and m.owner in ('', $1)
                ) a
                order by a.weight desc, a.id limit $10::integer + 1
            ) e
            where $6
            union all
            -- into a name that no node has
            select null, s.key, e.rel, null, null, null, e.weight, e.src, true, e.rank
            from unnest(l.keys) as s (key)
            cross join lateral (
                select a.rel, a.weight, a.src, row_number() over (order by a.weight desc, a.id) as rank
                from (
                    (select id, rel, weight, src from edge
                        where dst_key = s.key collate "C" and owner = '' and closed_at is null and valid @> $9::timestamptz and weight >= $8
                            and ($7::text[] is null or rel = any ($7))
                        order by weight desc, id limit $10::integer + 1)
                    union all
                    (select id, rel, weight, src from edge
                        where dst_key = s.key collate "C" and owner = $1 and $1 <> '' and closed_at is null and valid @> $9::timestamptz
                            and weight >= $8 and ($7::text[] is null or rel = any ($7))
                        order by weight desc, id limit $10::integer + 1)
                ) a
                order by a.weight desc, a.id limit $10::integer + 1
            ) e
            where $6
        ),
        reached as (
            select s.at_id, s.at_key, s.rel, s.weight, s.reverse, t.id as to_id,
                case when t.id is null then s.dst_key end as to_key,
                coalesce(t.label, s.dst_label) as to_label
            from strongest s
            left join lateral (
                select n.id, n.label
                from name m
                join node n on n.id = m.node_id and n.owner in ('', $1) and n.deleted_at is null
                where not s.reverse and m.key = s.dst_key and m.owner in ('', $1) and s.dst_kind in ('', m.kind)
                order by n.owner = '', m.canonical desc, n.id
                limit 5
            ) t on true
            where not s.reverse and s.rank <= $10
            union all
            select s.at_id, s.at_key, s.rel, s.weight, s.reverse, n.id, null, n.label
            from strongest s
            join node n on n.id = s.src and n.owner in ('', $1) and n.deleted_at is null
            where s.reverse and s.rank <= $10
        ),
        fresh as (
            select distinct on (r.to_id, r.to_key) r.at_id, r.at_key, r.rel, r.weight, r.reverse, r.to_id, r.to_key, r.to_label
            from reached r
            where not exists (select from unnest(l.seen_ids) as seen (id) where seen.id = r.to_id)
                and not exists (select from unnest(l.seen_keys) as seen (key) where seen.key = r.to_key)
            order by r.to_id, r.to_key, r.weight desc, r.rel, r.at_id, r.at_key
        ),
        kept as (
            select f.at_id, f.at_key, f.rel, f.weight, f.reverse, f.to_id, f.to_key, f.to_label
            from fresh f
            order by f.weight desc, f.to_id, f.to_key limit $11
        )
        select coalesce(array_agg(k.to_id order by k.weight desc, k.to_id) filter (where k.to_id is not null), '{}') as ids,
            coalesce(array_agg(k.to_key order by k.weight desc, k.to_key) filter (where k.to_id is null), '{}') as keys,
            coalesce(jsonb_agg(jsonb_build_array(k.at_id, k.at_key, k.rel, k.weight, k.reverse, k.to_id, k.to_key, k.to_label)
                order by k.weight desc, k.to_id, k.to_key), '[]') as hops,
            (select count(*) from strongest s where s.rank > $10)
                + greatest((select count(*) from fresh) - $11, 0) as cut
        from kept k
    ) f
    where l.depth < $4 and cardinality(l.ids) + cardinality(l.keys) > 0
)
select depth, hops, cut from level where depth > 0 order by depth;

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
where e.dst_key = $2 and e.owner in ('', $1) and e.closed_at is null and e.valid @> $5::timestamptz and e.weight >= $4
    and ($3::text[] is null or e.rel = any ($3))
group by e.rel
order by 3 desc, 1;
