-- The last settings of the process that answers a question: no files, no network, no more settings.
-- Moments with a time zone are shown in UTC on every machine.
set TimeZone = 'UTC';
set enable_external_access = false;
set lock_configuration = true;
