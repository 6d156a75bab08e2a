insert into cache_key values ($key);
