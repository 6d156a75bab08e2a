"""The errors of the simulator. Must not print or exit.

InputError
├── ScenarioError        a scenario or one of its keys
└── EventsFileError      a line of an events file
EnvironmentProblem
└── AgentDied            an agent's process ended or fell silent
"""

from pathlib import Path

from bus.errors import EnvironmentProblem, InputError


class ScenarioError(InputError):
    """A scenario is unknown, or has a key that is unknown or has the wrong type."""


class EventsFileError(InputError):
    """A line of an events file cannot be used."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(f"{path}:{line}: {problem}")


class AgentDied(EnvironmentProblem):
    """An agent will not answer any more."""

    def __init__(self, agent: str, reason: str) -> None:
        super().__init__(f"agent {agent} {reason}; see its messages above, or run with --transport inproc")
        self.agent = agent
        self.reason = reason
