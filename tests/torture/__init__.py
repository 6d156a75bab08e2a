"""What must hold however the log, the processes and the peers are mistreated; `make torture` prints it."""
