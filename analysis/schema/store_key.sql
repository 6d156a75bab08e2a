-- Says what the database was built from: the last statement of a build, so half a database has no key.
insert into internal.cache_key values ($key);
