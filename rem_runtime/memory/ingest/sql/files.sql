-- name: find_file
-- Why: what is known of this uri: the file as it was last stored, and whether its document is still what was made of it.
select f.id, f.content_hash, f.data ->> 'state' as state, f.data ->> 'document_hash' as document_hash,
    r.id as resource_id, encode(r.content_hash, 'hex') as resource_hash, r.label, f.data ->> 'media_type' as media_type,
    (select count(*) from chunk c where c.node_id = r.id and c.owner = $1) as chunks,
    (select count(*) from edge e where e.src = r.id and e.owner = $1 and e.closed_at is null) as edges
from node f
left join node r on r.owner = $1 and r.kind = 'resource' and r.data ->> 'uri' = $2 and r.deleted_at is null
where f.owner = $1 and f.kind = 'file' and f.data ->> 'uri' = $2 and f.deleted_at is null;

-- name: put_file
-- Why: one File node per (owner, uri), made or brought to a state; two uploads of one uri take turns at the unique index.
insert into node (tenant_id, owner, kind, key, label, data, fuzzy_text, content_hash)
values ($1, $2, 'file', $3, $4, $5, $6, $7)
on conflict (owner, kind, (data ->> 'uri')) where kind in ('resource', 'file') and deleted_at is null
do update set key = excluded.key, label = excluded.label, data = excluded.data, fuzzy_text = excluded.fuzzy_text,
    content_hash = excluded.content_hash, version = node.version + 1, updated_at = now()
where node.owner = $2
returning id;

-- name: settle_file
-- Why: how it ended; what was deleted meanwhile, or sent again under the same uri (another hash), is not touched. Of a file
-- that is stored it is the first statement of the transaction that writes its document, and holds the row until that ends.
update node
set data = $3, fuzzy_text = $4, version = version + 1, updated_at = now()
where id = $1 and owner = $2 and content_hash = $5 and deleted_at is null
returning id;

-- name: lives
-- Why: tells whoever was not settled why: deleted, or replaced by a newer upload.
select exists (select from node where id = $1 and owner = $2 and deleted_at is null);

-- name: name_file
-- Why: a file that is not stored is found by its name.
insert into name (key, owner, kind, node_id, canonical)
values ($1, $2, 'file', $3, false)
on conflict do nothing;

-- name: unname_file
-- Why: a file that is stored is found as its document, and only there.
delete from name where node_id = $1 and owner = $2 and kind = 'file';
