-- name: begin
-- Why: one state of the database for all statements of an answer, and plans for the arguments that come: a plan for all
-- arguments reads a whole table backwards for somebody who owns three rows of it.
begin isolation level repeatable read read only;
set local plan_cache_mode = force_custom_plan;
