"""Faults as data: rules of the scenario, and what follows from them and the seed, one noun a file."""
