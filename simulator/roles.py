"""The classes of the agents of a run. Must not build them."""

from agents.agent import Agent
from agents.architect import Architect
from agents.executor import Executor
from agents.witness import Witness

ROLES: dict[str, type[Agent]] = {"witness": Witness, "architect": Architect, "executor": Executor}
"""By name, in the order of their priority when two commit at the same nanosecond."""
AGENTS: tuple[str, ...] = tuple(ROLES)
