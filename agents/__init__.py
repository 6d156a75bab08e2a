"""Trinity's agents: what decides. Imports no ZeroMQ, clock, random source or database."""
