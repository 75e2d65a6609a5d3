-- name: prerequisites
-- Why: what only a superuser or the operator makes must be there before anything of ours is written.
select
    current_setting('server_version_num')::integer as server_version,
    current_setting('server_encoding') as encoding,
    array(select extname::text from pg_extension) as extensions,
    array(select rolname::text from pg_roles where rolname = any ($1::text[])) as roles,
    has_database_privilege(current_database(), 'CREATE')
        and has_schema_privilege('public', 'CREATE') as may_create;

-- name: try_lock
-- Why: two schema Jobs at once would both create. Of the session: the indexes are built after the transaction.
select pg_try_advisory_lock(hashtextextended('rem schema', 0));

-- name: unlock
-- Why: a connection may be used for something else afterwards.
select pg_advisory_unlock(hashtextextended('rem schema', 0));

-- name: give_way
-- Why: whoever waits for a table here makes every reader of it wait behind them; sooner give up and try again.
set local lock_timeout = '500ms';

-- name: meta_exists
-- Why: a database without our table is new.
select to_regclass('public.meta') is not null;

-- name: read_meta
-- Why: which version is there, and which definitions.
select schema_version, min_reader, normaliser, tokeniser, chunker, definitions_hash from meta;

-- name: write_meta
-- Why: says what was applied, after it was. By which rules the rows are is for `rebuild` to say, once there are any.
update meta
set schema_version = $1, min_reader = $2, definitions_hash = $6, applied_at = now(),
    normaliser = case when schema_version = 0 then $3 else normaliser end,
    tokeniser = case when schema_version = 0 then $4 else tokeniser end,
    chunker = case when schema_version = 0 then $5 else chunker end;

-- name: write_rules
-- Why: a part of a rebuild is done.
update meta
set normaliser = case when $1::text = 'normaliser' then $2::integer else normaliser end,
    tokeniser = case when $1 = 'tokeniser' then $2 else tokeniser end,
    chunker = case when $1 = 'chunker' then $2 else chunker end;

-- name: owners
-- Why: a rebuild goes owner by owner.
select array_agg(owner order by owner) from (
    select owner from node union select owner from message union select owner from edge) o;

-- name: missing_definitions
-- Why: a view or function that somebody dropped is made again, though its text is the same.
select exists (select from unnest($1::text[]) as v where to_regclass('public.' || v) is null)
    or exists (
        select from unnest($2::text[]) as f
        where not exists (
            select from pg_proc join unnest($3::text[]) as s on pronamespace = to_regnamespace(s) where proname = f)
    )
    or exists (select from unnest($3) as s where to_regnamespace(s) is null) as missing;

-- name: missing_grants
-- Why: a role that was dropped and made again has lost its rights, though the definitions are the same.
select exists (
    select from unnest($2::text[]) as t, unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) as p
    where not has_table_privilege($1::text, t, p)
) or exists (
    select from unnest($5::text[]) as t where not has_table_privilege($1::text, t, 'SELECT')
) or exists (
    select from unnest($7::text[]) as t where not has_table_privilege($1::text, t, 'MAINTAIN')
) or exists (
    select from unnest($4::text[]) as v, unnest(array[$1::text, $3::text]) as r
    where not has_table_privilege(r, v, 'SELECT')
) or exists (
    select from unnest(array[$1::text, $3::text]) as r
    where not has_database_privilege(r, current_database(), 'CONNECT')
) or not has_database_privilege($1::text, current_database(), 'TEMPORARY')
or exists (
    select from unnest(array[$1::text, $3::text]) as r, unnest($6::text[]) as s where not has_schema_privilege(r, s, 'USAGE')
) as missing;

-- name: set_config_rights
-- Why: where PUBLIC has lost EXECUTE on set_config (which SQL mode needs), the app role gets it back from us.
select
    has_function_privilege('public', 'pg_catalog.set_config(text,text,boolean)', 'EXECUTE') as open_to_all,
    has_function_privilege($1::text, 'pg_catalog.set_config(text,text,boolean)', 'EXECUTE') as app_may,
    has_function_privilege('pg_catalog.set_config(text,text,boolean)', 'EXECUTE WITH GRANT OPTION') as may_pass_on;

-- name: active_model
-- Why: vectors of two models cannot be compared, so the model of a database changes only by a migration.
select id, name, dimensions from embedding_model where active;

-- name: add_model
-- Why: the first model of a new database.
insert into embedding_model (id, name, dimensions, active) values ($1, $2, $3, true);
