-- FUZZY by every name of a thing, not by its label alone, and ten times faster than nearest first by GiST (docs/adr/0010).
-- A column of its own: a trigram index on the key would be taken for equality, which it answers badly, and an index on an
-- expression has statistics, copies of what a user wrote, that erasure would have to find.
alter table name add column fuzzy_text text generated always as (replace(key, '-', ' ')) stored,
    alter column fuzzy_text set statistics 0;
-- Without the list of pending entries: whoever asks would read it through.
create index concurrently name_fuzzy on name using gin (fuzzy_text gin_trgm_ops) with (fastupdate = off);
