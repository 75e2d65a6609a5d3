-- Views over the tables that no node model describes; views.py makes those of the models. Each table that is read says
-- whose rows it gives, so that a shared edge on a private node, or a private name of a shared thing, stays unseen.

-- name: sessions
-- Why: conversations, to count them and to join their messages.
create view sessions with (security_barrier) as
select
    s.id, s.name, s.mode, s.agent, s.metadata, s.tags, nullif(s.owner, '') as user_id, s.tenant_id,
    s.created_at, s.updated_at
from session s
where s.deleted_at is null and s.owner in ('', coalesce(current_setting('rem.user', true), ''));

-- name: messages
-- Why: what was said, in the order of `id`.
create view messages with (security_barrier) as
select
    m.id, m.session_id, m.role, m.content, m.tool_calls, m.trace_id, m.metadata, m.tags,
    nullif(m.owner, '') as user_id, m.tenant_id, m.created_at, m.updated_at
from message m
join session s on s.id = m.session_id and s.deleted_at is null
    and s.owner in ('', coalesce(current_setting('rem.user', true), ''))
where m.deleted_at is null and m.owner in ('', coalesce(current_setting('rem.user', true), ''));

-- name: passages
-- Why: the text of documents, entities, moments and messages in its parts; a document's, by `ord`, are the document.
-- One SELECT: PostgreSQL flattens a view that is a UNION ALL although it is a security_barrier, and then a condition of
-- the caller's is asked about rows that the view would not have shown.
create view passages with (security_barrier) as
select
    c.id, c.kind, c.node_id, c.message_id, coalesce(n.label, s.name) as label, n.key, n.data ->> 'uri' as uri, c.ord,
    c.heading, c.text, c.at, nullif(c.owner, '') as user_id
from chunk c
left join node n on n.id = c.node_id and n.deleted_at is null
    and n.owner in ('', coalesce(current_setting('rem.user', true), ''))
left join message m on m.id = c.message_id and m.deleted_at is null
    and m.owner in ('', coalesce(current_setting('rem.user', true), ''))
left join session s on s.id = m.session_id and s.deleted_at is null
    and s.owner in ('', coalesce(current_setting('rem.user', true), ''))
where c.owner in ('', coalesce(current_setting('rem.user', true), '')) and (n.id is not null or s.id is not null);

-- name: edges
-- Why: what leads to what: a row per edge that holds, its destination resolved where something has that name.
create view edges with (security_barrier) as
select
    e.id, e.src as src_id, s.kind as src_kind, s.label as src, e.rel, e.dst_label as dst, e.dst_key,
    nullif(e.dst_kind, '') as dst_kind,
    (
        select m.node_id
        from name m
        join node d on d.id = m.node_id and d.deleted_at is null
            and d.owner in ('', coalesce(current_setting('rem.user', true), ''))
        where m.key = e.dst_key and (e.dst_kind = '' or m.kind = e.dst_kind)
            and m.owner in ('', coalesce(current_setting('rem.user', true), ''))
        order by m.owner = '', m.canonical desc, m.node_id
        limit 1
    ) as dst_id,
    e.weight::numeric::double precision as weight, e.properties, lower(e.valid) as since, upper(e.valid) as until,
    e.recorded_at, nullif(e.owner, '') as user_id
from edge e
join node s on s.id = e.src and s.deleted_at is null
    and s.owner in ('', coalesce(current_setting('rem.user', true), ''))
where e.closed_at is null and e.owner in ('', coalesce(current_setting('rem.user', true), ''));
