"""Tells a person what a run does without. Must not decide anything, nor write an event."""

import sys


def warn(reason: str) -> None:
    """One line on stderr. It may be otherwise in the next process."""
    sys.stderr.write(f"trinity: {reason}\n")
