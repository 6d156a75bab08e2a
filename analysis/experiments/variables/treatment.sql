-- The arm that the claim is about.
set variable treatment = $value;
