-- What SQL mode says besides the caller's own statement. Doubled braces are braces.

-- name: begin_read_only
-- Why: the first fence in the server: nothing in this transaction writes a row.
begin read only;

-- name: begin
-- Why: the same transaction where that fence is studied.
begin;

-- name: limits
-- Why: of the transaction, so that nothing of one statement reaches the next; milliseconds. The transaction's own limit ends the
-- session: it holds where statement_timeout starts anew with each batch of rows.
set local statement_timeout = {milliseconds};
set local transaction_timeout = {transaction_milliseconds};
set local lock_timeout = 1000;
set local idle_in_transaction_session_timeout = {transaction_milliseconds};
set local work_mem = '{work_mem_mb}MB';

-- name: temp_file_limit
-- Why: a sort or join over everything would fill the disk; only where a superuser let this role set it.
set local temp_file_limit = '{temp_file_mb}MB';

-- name: user
-- Why: whose rows the views show. `user` is a reserved word; SET takes no parameters, and set_config is not this role's.
set local rem."user" = {user};

-- name: may_limit_files
-- Why: temp_file_limit is a superuser's parameter, which `schema apply` passes on where it was given to the owner.
select has_parameter_privilege(current_user, 'temp_file_limit', 'SET');

-- name: guard
-- Why: what must be true of this very connection before anything of the caller's runs in it.
select
    has_function_privilege(current_user, 'pg_catalog.set_config(text,text,boolean)', 'EXECUTE') as may_set_config,
    exists (
        select from pg_roles
        where rolname = current_user and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)
    ) as privileged,
    has_table_privilege(current_user, 'public.node', 'SELECT') as reads_tables,
    current_setting('rem.user') as asker;

-- name: all_rows
-- Why: the caller's statement as JSON text, where the caps are studied: no cap.
select row_to_json(statement.*)::text as row from (
{body}
) statement

-- name: capped_rows
-- Why: the same, with both caps kept in the server: a row beyond the bytes comes as null, and what was asked is computed no
-- further than to one row more than may be shown. `statement.*`, since a column may have any name.
select case when counted.bytes <= {result_bytes} then counted.row end as row
from (
    select sent.row, sum(octet_length(sent.row)) over (rows unbounded preceding) as bytes
    from (
        select row_to_json(statement.*)::text as row from (
{body}
        ) statement
        limit {rows} + 1
    ) sent
) counted

-- name: rollback
-- Why: there is nothing to keep.
rollback;

-- name: reset
-- Why: a connection comes back as new: settings, locks, temporary tables, prepared statements.
discard all;
