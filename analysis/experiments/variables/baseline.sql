-- The arm that the others are compared with.
set variable baseline = $value;
