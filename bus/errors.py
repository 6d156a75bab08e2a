"""The errors of the bus, and the base of all of Trinity's errors. Must not print or exit.

TrinityError                 one line for people: the value, the place, the next step
├── InputError               something a person typed or wrote in a file is wrong
├── EnvironmentProblem       the machine, not the input: a lock, a missing library, a full disk
├── DamageError              bytes on disk are not what was written
├── ProtocolError            a peer or a caller broke the rules of the bus
├── RefusedError             somebody asked for what is not allowed
└── DivergedError            the same input led to something else than what is on the log

Other packages derive from these; the command line maps each to an exit code.
"""


class TrinityError(Exception):
    """Base. ``str(error)`` is one line: what is wrong with which value, where, and what to do next."""


class InputError(TrinityError):
    """A value in a command, a scenario or an events file cannot be used."""


class EnvironmentProblem(TrinityError):
    """The surroundings refuse: permissions, locks, missing optional libraries, a dead child process."""


class DamageError(TrinityError):
    """Stored bytes fail their checks."""


class ProtocolError(TrinityError):
    """A message, a draft or an acknowledgement that the rules of the bus forbid."""


class RefusedError(TrinityError):
    """A stranger, a forbidden publication, a query that would leave its sandbox."""


class DivergedError(TrinityError):
    """A replay or a resumed run did not do what the log says."""
