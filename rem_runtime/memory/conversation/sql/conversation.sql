-- name: insert_session
-- Why: a new session of one owner.
insert into session (tenant_id, owner, name, mode, agent, metadata, tags) values ($1, $2, $3, $4, $5, $6, $7)
returning id, tenant_id, owner, name, mode, agent, metadata, tags, created_at, updated_at, deleted_at;

-- name: get_session
-- Why: what is somebody else's is not there.
select id, tenant_id, owner, name, mode, agent, metadata, tags, created_at, updated_at, deleted_at
from session
where id = $2 and owner in ('', $1) and deleted_at is null;

-- name: list_sessions
-- Why: a page, newest first: two ordered arms, so that neither owner's rows are sorted.
select id, tenant_id, owner, name, mode, agent, metadata, tags, created_at, updated_at, deleted_at from (
    (select id, tenant_id, owner, name, mode, agent, metadata, tags, created_at, updated_at, deleted_at from session
        where owner = '' and deleted_at is null and id < $2
            and ($4::text is null or mode = $4) and ($5::text is null or agent = $5)
        order by id desc limit $3)
    union all
    (select id, tenant_id, owner, name, mode, agent, metadata, tags, created_at, updated_at, deleted_at from session
        where owner = $1 and $1 <> '' and deleted_at is null and id < $2
            and ($4::text is null or mode = $4) and ($5::text is null or agent = $5)
        order by id desc limit $3)
) as both_owners
order by id desc
limit $3;

-- name: lock_owner
-- Why: an erasure of everything of one owner waits for whoever writes for that owner, and they for it.
select pg_advisory_xact_lock_shared(hashtextextended('rem owner ' || $1, 0));

-- name: update_session
-- Why: of two who change the same version one changes it. The time never stands still, since it tells versions apart.
update session
set name = $4, mode = $5, agent = $6, metadata = $7, tags = $8,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $2 and owner = $1 and updated_at = $3 and deleted_at is null
returning id, tenant_id, owner, name, mode, agent, metadata, tags, created_at, updated_at, deleted_at;

-- name: lock_session
-- Why: those who append to one session take turns, so that the ids of each come after those of the one before.
select owner from session where id = $2 and owner = $1 and deleted_at is null for update;

-- name: new_message_ids
-- Why: ids in the order of the conversation, also within one statement and after a clock that went back.
with latest as (
    select uuid_extract_timestamp(id) - clock_timestamp() + interval '1 millisecond' as ahead
    from message where session_id = $2 and owner = $1
    order by id desc limit 1
),
shift as (select greatest(interval '0', (select ahead from latest)) as by)
select array(select uuidv7(shift.by) from shift, generate_series(1, $3::integer) order by 1) as ids;

-- name: insert_messages
-- Why: all messages of one call, each under the id that was made for its place.
insert into message (id, tenant_id, session_id, role, content, tool_calls, trace_id, owner, metadata, tags)
select i.id, $3, $2, m.said ->> 'role', m.said ->> 'content', m.said -> 'tool_calls', m.said ->> 'trace_id', $1,
    m.said -> 'metadata', array(select jsonb_array_elements_text(m.said -> 'tags'))
from unnest($4::uuid[]) with ordinality as i (id, place)
join jsonb_array_elements($5::jsonb) with ordinality as m (said, place) on m.place = i.place
returning id, tenant_id, session_id, role, content, tool_calls, trace_id, owner, metadata, tags, created_at, updated_at,
    deleted_at;

-- name: get_message
-- Why: a message is there as long as its session is.
select m.id, m.tenant_id, m.session_id, m.role, m.content, m.tool_calls, m.trace_id, m.owner, m.metadata, m.tags,
    m.created_at, m.updated_at, m.deleted_at
from message m
where m.id = $2 and m.owner in ('', $1) and m.deleted_at is null;

-- name: list_messages
-- Why: a page over all sessions, newest first, as list_sessions. Ids have the time in them: an hour's slack for a
-- transaction that took long, and the index alone finds what is of a time.
select id, tenant_id, session_id, role, content, tool_calls, trace_id, owner, metadata, tags, created_at, updated_at, deleted_at
from (
    (select id, tenant_id, session_id, role, content, tool_calls, trace_id, owner, metadata, tags, created_at, updated_at,
            deleted_at
        from message
        where owner = '' and deleted_at is null and id < $2 and id >= $7 and id < $8
            and ($4::timestamptz is null or created_at >= $4) and ($5::timestamptz is null or created_at < $5)
            and ($6::text is null or role = $6)
        order by id desc limit $3)
    union all
    (select id, tenant_id, session_id, role, content, tool_calls, trace_id, owner, metadata, tags, created_at, updated_at,
            deleted_at
        from message
        where owner = $1 and $1 <> '' and deleted_at is null and id < $2 and id >= $7 and id < $8
            and ($4::timestamptz is null or created_at >= $4) and ($5::timestamptz is null or created_at < $5)
            and ($6::text is null or role = $6)
        order by id desc limit $3)
) as both_owners
order by id desc
limit $3;

-- name: messages_of_session
-- Why: a conversation in its order, by the index of the session.
select m.id, m.tenant_id, m.session_id, m.role, m.content, m.tool_calls, m.trace_id, m.owner, m.metadata, m.tags,
    m.created_at, m.updated_at, m.deleted_at
from message m
where m.session_id = $2 and m.owner in ('', $1) and m.deleted_at is null and m.id > $3
    and ($5::timestamptz is null or m.created_at >= $5) and ($6::timestamptz is null or m.created_at < $6)
    and ($7::text is null or m.role = $7)
order by m.id
limit $4;

-- name: messages_of_session_newest_first
-- Why: the end of a conversation first, for whoever shows it.
select m.id, m.tenant_id, m.session_id, m.role, m.content, m.tool_calls, m.trace_id, m.owner, m.metadata, m.tags,
    m.created_at, m.updated_at, m.deleted_at
from message m
where m.session_id = $2 and m.owner in ('', $1) and m.deleted_at is null and m.id < $3
    and ($5::timestamptz is null or m.created_at >= $5) and ($6::timestamptz is null or m.created_at < $6)
    and ($7::text is null or m.role = $7)
order by m.id desc
limit $4;

-- name: update_message
-- Why: as update_session.
update message
set content = $4, tool_calls = $5, trace_id = $6, metadata = $7, tags = $8,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $2 and owner = $1 and updated_at = $3 and deleted_at is null
returning id, tenant_id, session_id, role, content, tool_calls, trace_id, owner, metadata, tags, created_at, updated_at,
    deleted_at;
