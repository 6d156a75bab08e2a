-- What the database was built from; see 040_cache_key.sql.
select key from internal.cache_key;
