-- name: list_all
-- Why: a page of one kind, newest first: two ordered arms, so that neither owner's rows are sorted. What is filtered by
-- ($5 type, $6 and $7 time, $8 state) is tested on the way.
select id from (
    (select id from node
        where kind = $2 and owner = '' and deleted_at is null and id < $3
            and ($5::text is null or type = $5)
            and ($6::timestamptz is null or coalesce(starts_at, created_at) >= $6)
            and ($7::timestamptz is null or coalesce(starts_at, created_at) < $7)
            and ($8::text is null or data ->> 'state' = $8)
        order by id desc limit $4)
    union all
    (select id from node
        where kind = $2 and owner = $1 and $1 <> '' and deleted_at is null and id < $3
            and ($5::text is null or type = $5)
            and ($6::timestamptz is null or coalesce(starts_at, created_at) >= $6)
            and ($7::timestamptz is null or coalesce(starts_at, created_at) < $7)
            and ($8::text is null or data ->> 'state' = $8)
        order by id desc limit $4)
) as both_owners
order by id desc
limit $4;

-- name: list_named
-- Why: the few of one name ($9), by the names' primary key.
select distinct n.id
from name m
join node n on n.id = m.node_id and n.owner in ('', $1) and n.deleted_at is null
where m.key = $9::text collate "C" and m.owner in ('', $1) and m.kind = $2 and n.id < $3
    and ($5::text is null or n.type = $5)
    and ($6::timestamptz is null or coalesce(n.starts_at, n.created_at) >= $6)
    and ($7::timestamptz is null or coalesce(n.starts_at, n.created_at) < $7)
    and ($8::text is null or n.data ->> 'state' = $8)
order by n.id desc
limit $4;

-- name: list_at_uri
-- Why: at most one of each owner, by the index of identities.
select id
from node
where kind = $2 and kind in ('resource', 'file') and owner in ('', $1) and data ->> 'uri' = $9 and deleted_at is null and id < $3
    and ($5::text is null or type = $5)
    and ($6::timestamptz is null or coalesce(starts_at, created_at) >= $6)
    and ($7::timestamptz is null or coalesce(starts_at, created_at) < $7)
    and ($8::text is null or data ->> 'state' = $8)
order by id desc
limit $4;

-- name: names_of_node
-- Why: who changes a label keeps the other names.
select coalesce(array_agg(distinct key), '{}') from name where node_id = $2 and owner in ('', $1);

-- name: text_of_node
-- Why: a document's chunks, joined in order, are the document.
select string_agg(text, '' order by ord) from chunk where node_id = $2 and owner in ('', $1);

-- name: lock_node
-- Why: of two who change the same version one waits here, and then sees that it is another version. Keys of `data` that
-- this runtime does not know are kept, and so is the hash of a document that was read.
select version, data, content_hash from node where id = $2 and owner = $1 and deleted_at is null for update;

-- name: update_file
-- Why: what can be changed of a file; its names come and go with its state.
update node set metadata = $3, tags = $4, version = version + 1, updated_at = now()
where id = $2 and owner = $1 and kind = 'file' and version = $5 and deleted_at is null
returning id;
