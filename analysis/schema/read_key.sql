select key from cache_key;
