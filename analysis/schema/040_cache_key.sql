-- cache_key: which log, and which text of these files, this database was built from.
-- Grain: one row.
create table cache_key (key varchar);
