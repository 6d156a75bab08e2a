"""What the exit code of ``trinity`` says. Must not be renumbered: scripts rely on it."""

from enum import IntEnum

from bus.errors import (
    DamageError,
    DivergedError,
    EnvironmentProblem,
    RefusedError,
    TrinityError,
)


class ExitCode(IntEnum):
    OK = 0
    CHECK_FAILED = 1
    """The run is whole, and at least one of its checks failed."""
    BAD_INPUT = 2
    """Something that was typed, or that a file says, cannot be used."""
    DIVERGED = 3
    """A replay did not do what the run did."""
    ENVIRONMENT = 4
    """The machine refused: a lock, a missing library, a dead process."""
    DAMAGED = 5
    """Stored bytes are not what was written."""
    REFUSED = 6
    """Somebody asked for what is not allowed: a forbidden query, a stranger, a forbidden publication."""
    INTERRUPTED = 130
    """Ctrl-C; what was recorded is valid."""


def exit_code_of(error: TrinityError) -> ExitCode:
    """Damage, refusal, divergence and the machine are told apart from what was typed."""
    kinds: tuple[tuple[type[TrinityError], ExitCode], ...] = (
        (DamageError, ExitCode.DAMAGED),
        (RefusedError, ExitCode.REFUSED),
        (DivergedError, ExitCode.DIVERGED),
        (EnvironmentProblem, ExitCode.ENVIRONMENT),
    )
    return next((code for kind, code in kinds if isinstance(error, kind)), ExitCode.BAD_INPUT)
