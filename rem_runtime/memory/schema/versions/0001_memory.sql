-- The tables of the memory. Run once, in one transaction, as the database's owner; later versions only add.
-- Keys, kinds, terms and owners are COLLATE "C": compared as bytes, the same on every machine and in every release.

create table meta (
    only_row boolean primary key default true check (only_row),
    schema_version integer not null,
    min_reader integer not null,            -- the oldest schema version that a runtime must know to serve this database
    normaliser integer not null,
    tokeniser integer not null,
    chunker integer not null,
    definitions_hash text not null default '',  -- of functions, views and grants, which are replaced whole
    applied_at timestamptz not null default now()
);

create table run (
    id uuid primary key default uuidv7(),
    key text collate "C" not null unique,   -- hash of what was to be run and for when: a completed key is never run again
    kind text collate "C" not null,
    state text collate "C" not null default 'running' check (state in ('running', 'succeeded', 'failed', 'skipped')),
    scheduled_for timestamptz,
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    counters jsonb not null default '{}',
    result jsonb not null default '{}',
    error text
);

create table node (
    id uuid primary key default uuidv7(),
    tenant_id text not null default '',
    owner text collate "C" not null default '',
    kind text collate "C" not null check (kind in ('resource', 'entity', 'moment', 'user', 'file')),
    type text collate "C",                  -- an entity's or moment's type: an attribute, never identity
    key text collate "C" not null,
    label text not null,
    data jsonb not null default '{}',
    metadata jsonb not null default '{}',
    tags text[] not null default '{}',
    starts_at timestamptz,
    ends_at timestamptz,
    fuzzy_text text not null,               -- a column of its own: a trigram index on key hijacks equality
    content_hash bytea,
    run_id uuid references run on delete set null,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);
-- Identity of what has a uri.
create unique index node_uri on node (owner, kind, (data ->> 'uri')) where kind in ('resource', 'file') and deleted_at is null;
-- Lists, newest first, and IN with a type.
create index node_list on node (kind, owner, id) where deleted_at is null;
create index node_type on node (type, owner) where type is not null and deleted_at is null;
-- FUZZY: nearest first, within one owner.
create index node_fuzzy on node using gist (owner, fuzzy_text gist_trgm_ops (siglen = 64)) where deleted_at is null;
create index node_run on node (run_id) where run_id is not null;

create table name (
    key text collate "C" not null,
    owner text collate "C" not null,
    kind text collate "C" not null,
    node_id uuid not null references node on delete cascade,
    canonical boolean not null,
    primary key (key, owner, kind, node_id)
);
create unique index name_canonical on name (key, owner, kind) where canonical;
create index name_node on name (node_id);

create table edge (
    id uuid primary key default uuidv7(),
    src uuid not null references node on delete cascade,
    rel text collate "C" not null,
    dst_key text collate "C" not null,      -- a name, resolved when it is asked for: the destination need not exist yet
    dst_kind text collate "C" not null default '',  -- '' is any
    dst_label text not null,                -- the name as it was written
    weight real not null check (weight between 0 and 1),
    properties jsonb not null default '{}',
    owner text collate "C" not null,
    valid tstzrange not null default tstzrange(null, null),
    recorded_at timestamptz not null default now(),
    run_id uuid references run on delete set null,
    closed_at timestamptz,
    closed_run_id uuid references run on delete set null
);
create unique index edge_open on edge (src, rel, dst_key, dst_kind, owner) where closed_at is null;
-- The strongest first, for each owner by itself: another user's edges on a shared hub are never read.
create index edge_out on edge (src, owner, weight desc, id) where closed_at is null;
create index edge_in on edge (dst_key, owner, weight desc, id) where closed_at is null;
create index edge_run on edge (run_id) where run_id is not null;
create index edge_closed_run on edge (closed_run_id) where closed_run_id is not null;

create table session (
    id uuid primary key default uuidv7(),
    tenant_id text not null default '',
    owner text collate "C" not null,
    name text,
    mode text collate "C" not null default 'normal' check (mode in ('normal', 'evaluation', 'clone')),
    agent text,
    metadata jsonb not null default '{}',
    tags text[] not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);
create index session_list on session (owner, id) where deleted_at is null;

create table message (
    id uuid primary key default uuidv7(),
    tenant_id text not null default '',
    session_id uuid not null references session on delete cascade,
    role text collate "C" not null check (role in ('system', 'user', 'assistant', 'tool')),
    content text not null,
    tool_calls jsonb not null default '[]',
    trace_id text,
    owner text collate "C" not null,
    metadata jsonb not null default '{}',
    tags text[] not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);
-- uuidv7 is in the order of creation: the order of a conversation.
create index message_session on message (session_id, id);
create index message_list on message (owner, id) where deleted_at is null;

create table evidence (
    id bigint generated always as identity primary key,
    node_id uuid references node on delete cascade,
    edge_id uuid references edge on delete cascade,
    source_node_id uuid references node on delete cascade,
    source_message_id uuid references message on delete cascade,
    run_id uuid references run on delete set null,
    check (num_nonnulls(node_id, edge_id) = 1),
    check (num_nonnulls(source_node_id, source_message_id) = 1),
    unique nulls not distinct (node_id, edge_id, source_node_id, source_message_id)
);
create index evidence_edge on evidence (edge_id) where edge_id is not null;
create index evidence_source_node on evidence (source_node_id) where source_node_id is not null;
create index evidence_source_message on evidence (source_message_id) where source_message_id is not null;
create index evidence_run on evidence (run_id) where run_id is not null;

create table chunk (
    id bigint generated always as identity primary key,  -- eight bytes: it stands in every posting
    node_id uuid references node on delete cascade,
    message_id uuid references message on delete cascade,
    ord integer not null,
    heading text not null default '',       -- the headings above it; part of what is searched and embedded
    text text not null,                     -- a document's chunks, joined in order, are the document
    at timestamptz not null,                -- what SINCE, UNTIL and DURING compare
    owner text collate "C" not null,
    kind text collate "C" not null,         -- of the node, or 'message'
    check (num_nonnulls(node_id, message_id) = 1),
    unique (node_id, ord),
    unique (message_id, ord)
);
create index chunk_filter on chunk (owner, kind, at) include (id);

-- No foreign key: it would cost a probe for each of a chunk's 50 or so terms. Whoever deletes chunks deletes these first.
create table posting (
    term text collate "C" not null,
    owner text collate "C" not null,        -- of the chunk, so that a scan reads only what the caller may see
    chunk_id bigint not null,
    tf smallint not null,
    len smallint not null,                  -- terms in the chunk
    primary key (term, owner, chunk_id) include (tf, len)
) with (autovacuum_vacuum_insert_scale_factor = 0.05);  -- index-only scans need the visibility map
create index posting_chunk on posting (chunk_id);

create table term_stat (
    term text collate "C" primary key,
    df bigint not null                      -- chunks that contain it, of all owners, by decision
);

create table corpus_stat (
    only_row boolean primary key default true check (only_row),
    chunks bigint not null default 0,
    mean_len double precision not null default 1,
    refreshed_at timestamptz not null default now()
);
insert into corpus_stat default values;

create table embedding_model (
    id smallint primary key,                -- stands in the predicate of the model's partial index
    name text not null unique,
    dimensions integer not null,
    active boolean not null default false
);
create unique index embedding_model_active on embedding_model (active) where active;

create table embedding (
    chunk_id bigint not null references chunk on delete cascade,
    model smallint not null references embedding_model,
    v halfvec not null,                     -- of length 1, so that the inner product is the cosine
    primary key (chunk_id, model)
);
alter table embedding alter column v set storage plain;  -- 776 bytes: in the row, never compressed or moved out

create table job (
    id bigint generated always as identity primary key,
    kind text collate "C" not null,
    payload jsonb not null default '{}',
    state text collate "C" not null default 'pending' check (state in ('pending', 'running', 'failed')),
    attempts integer not null default 0,
    run_after timestamptz not null default now(),
    locked_until timestamptz,
    error text,
    created_at timestamptz not null default now()
);
create index job_next on job (kind, run_after) where state <> 'failed';

-- Snowball without the list of stop words that lies in the server's files: ours is in rem_terms, with a version.
create text search dictionary rem_english (template = snowball, language = english);

insert into meta (schema_version, min_reader, normaliser, tokeniser, chunker) values (0, 0, 0, 0, 0);
