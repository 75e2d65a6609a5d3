-- Rows for the app role, views for the SQL role; no DDL for either. {app} and {sql} are quoted role names.

grant usage on schema public to {app}, {sql};
grant select, insert, update, delete on
    run, node, name, edge, session, message, evidence, chunk, posting, term_stat, corpus_stat, embedding, job to {app};
grant select on meta, embedding_model to {app};
-- ANALYZE after a purge: the planner's statistics are copies of values.
grant maintain on node, name, edge, session, message, chunk, posting, term_stat to {app};
grant select on resources, entities, moments, users, files, sessions, messages, passages, edges to {app}, {sql};
grant usage on schema bounded to {app}, {sql};
-- How much a statement of SQL mode may write to temporary files; a superuser's to allow, as with set_config.
do $$
begin
    if has_parameter_privilege('temp_file_limit', 'SET WITH GRANT OPTION') then
        grant set on parameter temp_file_limit to {sql};
    end if;
end $$;
grant usage on all sequences in schema public to {app};
