"""Drivers: how deliveries get to agents and handlings come back, one way a file."""
