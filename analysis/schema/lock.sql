-- After this no statement reads or writes a file, loads an extension or changes a setting.
set enable_external_access = false;
set lock_configuration = true;
