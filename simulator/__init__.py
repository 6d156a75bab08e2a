"""Trinity's simulator: the world around the agents, and the command line. Nothing imports it."""
