-- What SEARCH's WHERE can start at, so that a filter that keeps little is not evaluated on everything (docs/adr/0011).
-- Plain columns: an index over an expression of both would have statistics of its own, copies of what a user wrote.
-- The list of pending entries is short, since whoever asks reads it through.
create index concurrently node_data on node using gin (data jsonb_path_ops)
    with (gin_pending_list_limit = 256) where deleted_at is null;
create index concurrently node_metadata on node using gin (metadata jsonb_path_ops)
    with (gin_pending_list_limit = 256) where deleted_at is null;
create index concurrently message_metadata on message using gin (metadata jsonb_path_ops)
    with (gin_pending_list_limit = 256) where deleted_at is null;
create index concurrently node_tags on node using gin (tags) with (gin_pending_list_limit = 256) where deleted_at is null;
create index concurrently node_created on node (created_at) where deleted_at is null;

-- What of a caller's has no vector yet. By a hash, since the planner's statistics of an expression outlive the owner.
create index concurrently job_embed on job ((hashtextextended(payload ->> 'owner', 0))) where kind = 'embed';
comment on column job.payload is 'ids, uris, owners, numbers; never text';
