-- The segments of the logs of all runs, for schema/010_events.sql.
set variable segments = $value;
