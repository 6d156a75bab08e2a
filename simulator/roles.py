"""The classes of the agents of a run, and whose state an event is part of. Must not build them."""

from agents.agent import Agent
from agents.architect import Architect
from agents.executor import Executor
from agents.witness import Witness
from bus.bodies import PatternImported

ROLES: dict[str, type[Agent]] = {"witness": Witness, "architect": Architect, "executor": Executor}
"""By name, in the order of their priority when two commit at the same nanosecond."""
AGENTS: tuple[str, ...] = tuple(ROLES)


def state_owner(event_type: str, source: str) -> str:
    """The agent that an event may be part of the state of: whoever published it.

    What earlier runs learned is put on the log by the sequencer, and it is WITNESS that knows it then.
    """
    return Witness.name if event_type == PatternImported.TYPE else source
