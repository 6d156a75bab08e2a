-- Files for load_events.sql and load_observations.sql.
set variable segments = $value;
