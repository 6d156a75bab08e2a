"""What becomes of a delivery and of an answer on their way: the engine's port for faults of the links.

Must not hold a rule.
"""

from typing import NamedTuple, Protocol

from bus.events import Draft


class Fact(NamedTuple):
    """Something to be put on the log at a moment, caused by the event that is under way."""

    time_ns: int
    draft: Draft


class Passage(NamedTuple):
    """One way from the sequencer to a consumer or back."""

    arrivals_ns: tuple[int, ...]
    """The first is the arrival, further ones are those of copies, later in time; empty: given up."""
    facts: tuple[Fact, ...] = ()
    """In the order of time; none earlier than the start of the way."""


class Links(Protocol):
    """Answers depend on the arguments alone, so that looking ahead changes nothing.

    Never earlier than without faults.
    """

    def deliver(self, key: str, source: str, queue: str, sent_ns: int, arrived_ns: int) -> Passage:
        """An event on its way to the consumer of its queue; ``arrived_ns`` is when it comes undisturbed.

        One that is given up has ``delivery.dead_lettered`` as its last fact.
        """

    def answer(self, key: str, agent: str, attempt: int, sent_ns: int) -> Passage:
        """A handling on its way to the sequencer: exactly one arrival, never given up."""


class PerfectLinks:
    """Nothing happens on the way."""

    def deliver(self, key: str, source: str, queue: str, sent_ns: int, arrived_ns: int) -> Passage:
        return Passage((arrived_ns,))

    def answer(self, key: str, agent: str, attempt: int, sent_ns: int) -> Passage:
        return Passage((sent_ns,))
