"""Trinity's store: what is kept, the event log, the run folder and the pattern memory. Decides nothing."""
