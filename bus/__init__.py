"""Trinity's bus: events, their order and their delivery.

Imports nothing of ours and, unless asked for, no ZeroMQ.
"""
