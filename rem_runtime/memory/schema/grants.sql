-- Rows for the app role, views for the SQL role; no DDL for either. {app} and {sql} are quoted role names.

grant usage on schema public to {app}, {sql};
grant select, insert, update, delete on
    run, node, name, edge, session, message, evidence, chunk, posting, term_stat, corpus_stat, embedding, job to {app};
grant select on meta, embedding_model to {app};
grant select on resources, entities, moments, users, files to {app}, {sql};
grant usage on all sequences in schema public to {app};
