-- The last settings of the process that answers a question: no files, no network, no more settings.
set enable_external_access = false;
set lock_configuration = true;
