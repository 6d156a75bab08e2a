-- The segments of the log of one run, for load/010_events.sql.
set variable segments = $value;
