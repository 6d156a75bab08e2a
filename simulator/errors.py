"""The errors of the simulator. Must not print or exit.

InputError
├── RunComplete          a run that came to its end cannot be taken up again
├── ScenarioError        a scenario or one of its keys
└── EventsFileError      an events file or a line of it
EnvironmentProblem
└── AgentDied            an agent's process ended or fell silent
DivergedError
└── ResumeDiverged       a run that is taken up again would have written another log
"""

from pathlib import Path
from shlex import quote

from bus.errors import DivergedError, EnvironmentProblem, InputError
from simulator.replay_compare import MESSAGE_CHARACTERS_MAX, parted


class ScenarioError(InputError):
    """A scenario is unknown, or has a key that is unknown or has the wrong type."""


class RunComplete(InputError):
    """There is nothing to take up again."""

    def __init__(self, run: Path, event_count: int) -> None:
        super().__init__(
            f"{run} came to its end, with {event_count} events; nothing is left to resume. "
            f"`trinity report {quote(str(run))}` judges it"
        )


class EventsFileError(InputError):
    """An events file, or a line of it, cannot be used; no line is named for what is wrong with the file."""

    def __init__(self, path: Path, line: int | None, problem: str) -> None:
        place = str(path) if line is None else f"{path}:{line}"
        super().__init__(f"{place}: {problem}")


class AgentDied(EnvironmentProblem):
    """An agent will not answer any more."""

    def __init__(self, agent: str, reason: str) -> None:
        super().__init__(f"agent {agent} {reason}; see its messages above, or run with --transport inproc")
        self.agent = agent
        self.reason = reason


class ResumeDiverged(DivergedError):
    """What the engine writes is not what is on the log of the run that it takes up."""

    def __init__(self, seq: int, recorded: bytes, written: bytes) -> None:
        self.seq = seq
        self.recorded = recorded
        self.written = written
        texts = recorded.decode(errors="replace"), written.decode(errors="replace")
        sides = parted(*texts, MESSAGE_CHARACTERS_MAX)
        super().__init__(
            "seq {}: the log has {}, and this run would write {}; resume it with the Trinity and the files "
            "that it was begun with".format(seq, *sides)
        )
