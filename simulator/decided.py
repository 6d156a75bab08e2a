"""What is decided and not yet on the log. Must not decide or commit anything."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from bus.events import Draft, Handling
from simulator.inbox import Parcel
from simulator.links import Fact
from simulator.post import Sent


class Undone(NamedTuple):
    """A handling that is decided and not yet on the log."""

    key: str
    handling: Handling


class Answered(Struct, frozen=True, gc=False):
    """What the reviewer says to a commit, in a commit of its own right after it."""

    offset: int
    """Of the event that it is about."""
    drafts: Sequence[Draft]
    sent: Sequence[Sent]


class Decided(Struct, frozen=True, gc=False):
    """A commit whose content cannot change any more and whose turn has not come."""

    source: str
    drafts: Sequence[Draft]
    sent: Sequence[Sent]
    cause: Parcel | None
    handling: Handling | None
    facts: Sequence[Fact]
    """To be put on the log just before it."""
    answer: Answered | None
