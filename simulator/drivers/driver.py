"""The port between the engine and agents. Must not know where agents live."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from bus.bodies import AgentStopped, TransportCounted
from bus.events import Delivery, Handling, Recalled


class Handled(NamedTuple):
    agent: str
    attempts: list[list[Handling]]
    """For each delivery, in the order they were submitted, its attempts.

    May be a part of a batch: the rest follows.
    """


class LastWord(NamedTuple):
    state: AgentStopped
    counted: TransportCounted | None
    """None where nothing is transported."""


class Driver(Protocol):
    """Takes batches of deliveries, returns handlings.

    Agents are independent; one agent's batch is handled in order.
    """

    def submit(self, agent: str, deliveries: Sequence[Delivery]) -> None:
        """Give an agent a batch. It must have none in hand."""

    def collect(self) -> Handled:
        """Wait for handlings of a batch that is out.

        Raises:
            AgentDied: the agent will never answer.
        """

    def freeze(self, agent: str) -> None:
        """The agent stops in the middle of whatever it does; what it has in hand is lost."""

    def end(self, agent: str) -> None:
        """The agent is ended without warning; what it has in hand is lost."""

    def restart(self, agent: str, recalled: Recalled) -> int:
        """Start an agent that was ended and tell it what it knew; how many bodies it says it took in."""

    def stop(self) -> list[LastWord]:
        """Ask every agent for its last word, after which no more can be submitted."""

    def close(self) -> None:
        """Free everything, whatever state agents are in. May be called twice."""
