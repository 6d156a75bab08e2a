-- trinity_log tells what came after this event; from the start without it.
set variable after_seq = try_cast($value as bigint);
