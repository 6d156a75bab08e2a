-- internal.cache_key: which log, and which text of these files, this database was built from.
-- Not in the schema of the views, which is what `show tables` lists.
-- Grain: one row.
create schema internal;
create table internal.cache_key (key varchar);
