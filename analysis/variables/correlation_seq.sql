-- The chain that the query `chain` shows: seq of its first event.
set variable correlation_seq = try_cast($value as bigint);
