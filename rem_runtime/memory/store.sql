-- name: ping
-- Why: readiness has to touch the database.
select 1;

-- name: schema
-- Why: a runtime that is older than the tables need must not serve, nor one that is newer than the tables are.
select schema_version, min_reader from meta;

-- name: kind_of
-- Why: an id of another kind, or of somebody else, is not there.
select kind from node where id = $2 and owner in ('', $1) and deleted_at is null;
