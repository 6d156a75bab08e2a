"""What the exit code of ``trinity`` says. Must not be renumbered: scripts rely on it."""

from enum import IntEnum

from bus.errors import EnvironmentProblem, TrinityError


class ExitCode(IntEnum):
    OK = 0
    CHECK_FAILED = 1
    """The run is whole, and at least one of its checks failed."""
    BAD_INPUT = 2
    """Something that was typed, or that a file says, cannot be used; a damaged log too."""
    DIVERGED = 3
    """A replay did not do what the run did."""
    ENVIRONMENT = 4
    """The machine refused: a lock, a missing library, a dead process."""
    INTERRUPTED = 130
    """Ctrl-C; what was recorded is valid."""


def exit_code_of(error: TrinityError) -> ExitCode:
    """An error of the machine is told apart from one of the input."""
    return ExitCode.ENVIRONMENT if isinstance(error, EnvironmentProblem) else ExitCode.BAD_INPUT
