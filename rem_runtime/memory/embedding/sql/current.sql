-- name: active_model
-- Why: a query uses the vectors of one model only.
select id, name, dimensions from embedding_model where active;
