-- trinity_log tells what came up to this event, and no later; to the end without it.
set variable until_seq = try_cast($value as bigint);
