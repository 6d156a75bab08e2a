-- The number of the last event; 0 for an empty log.
select coalesce(max(seq), 0) from events;
