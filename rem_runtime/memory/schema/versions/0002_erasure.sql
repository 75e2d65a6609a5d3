-- What erasure needs: ways to the rows of one user that the lists leave out, and statistics that hold no text.

-- Soft-deleted rows are in no other index by owner; there are few of them.
create index concurrently node_deleted on node (owner) where deleted_at is not null;
create index concurrently session_deleted on session (owner) where deleted_at is not null;
create index concurrently message_deleted on message (owner) where deleted_at is not null;
-- A private edge may hang on a shared node, so a user's edges are not all found through a user's nodes.
create index concurrently edge_private on edge (owner) where owner <> '';
-- The foreign key looks for all edges of a node that goes, and the other indexes on src leave closed ones out.
create index concurrently edge_src on edge (src, owner, weight desc, id);

-- The planner's statistics are copies of values (pg_stats: common values, histograms) that outlive the rows. Of columns
-- that hold text or what was made of it, and that no plan depends on, none are kept. Erasure sees to the others.
alter table node alter column label set statistics 0, alter column data set statistics 0,
    alter column metadata set statistics 0, alter column tags set statistics 0, alter column fuzzy_text set statistics 0,
    alter column content_hash set statistics 0;
alter index node_uri alter column 3 set statistics 0;
alter table edge alter column dst_label set statistics 0, alter column properties set statistics 0;
alter table session alter column name set statistics 0, alter column metadata set statistics 0,
    alter column tags set statistics 0;
alter table message alter column content set statistics 0, alter column tool_calls set statistics 0,
    alter column metadata set statistics 0, alter column tags set statistics 0, alter column trace_id set statistics 0;
alter table chunk alter column heading set statistics 0, alter column text set statistics 0;
alter table embedding alter column v set statistics 0;
alter table job alter column payload set statistics 0, alter column error set statistics 0;
alter table run alter column key set statistics 0, alter column counters set statistics 0,
    alter column result set statistics 0, alter column error set statistics 0;
-- What an earlier ANALYZE has copied stays until it is cleared.
select pg_clear_attribute_stats(current_schema(), c.relname, a.attname, false)
from pg_class c
join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'i') and a.attstattarget = 0;
