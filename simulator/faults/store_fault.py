"""A fault of the disk under the log, planned from the rules before the run. Must not touch a disk."""

from typing import Literal

from msgspec import Struct


class StoreFault(Struct, frozen=True):
    """At ``time_ns`` the writer meets it, stops, and the run is taken up again from its log."""

    rule: str
    kind: Literal["torn_write", "bit_flip", "disk_full"]
    time_ns: int
    place: float
    """Where in the write it strikes, from 0 up to 1."""
