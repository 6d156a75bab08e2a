"""By how much a clock is wrong, as people write it. Must not read a clock."""

from bus.errors import InputError
from simulator.duration import Duration


class Offset(int):
    """Nanoseconds, written like ``90s`` or ``-1h``; a clock that is behind has a minus."""

    @classmethod
    def parse(cls, text: str) -> "Offset":
        """Raises InputError: not a duration after the sign, zero, or over ten years."""
        unsigned = text.strip()
        try:
            length_ns = Duration.parse(unsigned.removeprefix("-"))
        except InputError as error:
            raise InputError(f'{error}; a clock that is behind has a minus, like "-1h"') from None
        return cls(-length_ns if unsigned.startswith("-") else length_ns)

    def __str__(self) -> str:
        return f"{'-' if self < 0 else ''}{Duration(abs(self))}"
