"""How often Python looks for garbage in cycles, in a process that makes few. Must not switch it off."""

import gc

NEW_OBJECTS_PER_COLLECTION = 50_000
"""Containers made and not freed before the youngest are looked at; Python's own 700 cost a run a tenth."""
COLLECTIONS_PER_OLDER = 20


def collect_rarely() -> None:
    """Call once, when a process starts its work.

    Nothing is frozen (``gc.freeze``): DuckDB looks for leaks when the process ends, and would find its own.
    """
    gc.set_threshold(NEW_OBJECTS_PER_COLLECTION, COLLECTIONS_PER_OLDER, COLLECTIONS_PER_OLDER)
