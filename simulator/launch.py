"""The console entry point: the guard, then the command line. Must not import ours before the guard looked."""

import sys
from pathlib import Path

from simulator.guard import refusal

EXIT_ENVIRONMENT = 4
"""Exit code for "the machine, not the input", as everywhere in the command line."""


def main() -> int:
    """Check the packages, then hand over to the command line; returns the exit code."""
    reason = refusal(Path(__file__).parent.parent)
    if reason is not None:
        sys.stderr.write(f"trinity: {reason}\n")
        return EXIT_ENVIRONMENT
    from simulator.cli import main as run_command

    return run_command()


if __name__ == "__main__":
    sys.exit(main())
