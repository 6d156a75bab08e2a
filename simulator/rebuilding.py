"""Fresh agents folded from a log alone: the proof that nothing else is needed. Must not look elsewhere."""

from agents.runtime import LEDGER_BODIES
from bus.bodies import AgentStopped, Body
from bus.codec import Envelope
from simulator.compose import agent_settings
from simulator.compose_agent import build_runtime
from simulator.roles import AGENTS, ROLES, state_owner
from simulator.scenario import Scenario
from store.log_reader import open_envelope


class Rebuilding:
    """Agents that see nothing but what is part of their state: apply every event of a log, in order."""

    def __init__(self, scenario: Scenario) -> None:
        self._runtimes = {agent: build_runtime(agent_settings(scenario, agent)) for agent in AGENTS}
        bodies: list[type[Body]] = list(LEDGER_BODIES)
        for role in ROLES.values():
            bodies.extend(role.folds)
        self._folded = {body.TYPE for body in bodies}

    def apply(self, envelope: Envelope) -> None:
        owner = state_owner(envelope.type, envelope.source)
        if envelope.type in self._folded and owner in self._runtimes:
            self._runtimes[owner].apply(open_envelope(envelope).data)

    def states(self) -> dict[str, AgentStopped]:
        """What each agent knows now, by name; how much it handled is not folded."""
        return {agent: runtime.stopped() for agent, runtime in self._runtimes.items()}
