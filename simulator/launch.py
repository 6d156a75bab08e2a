"""The console entry point: the guard, then the command line. Must not import ours before the guard looked."""

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

EXIT_ENVIRONMENT = 4
"""Exit code for "the machine, not the input", as everywhere in the command line."""
EXIT_INTERRUPTED = 130


def main() -> int:
    """Check the packages, then hand over to the command line; returns the exit code."""
    _open_closed_streams()
    # Where Ctrl-C is switched off from outside (nohup, a job of a script), it stays so.
    is_interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_interruptible:
        signal.signal(signal.SIGINT, _leave)
    # Imports take a third of a second, and Ctrl-C within it is no traceback.
    from pathlib import Path

    from simulator.guard import refusal

    reason = refusal(Path(__file__).parent.parent)
    if reason is not None:
        sys.stderr.write(f"trinity: {reason}\n")
        return EXIT_ENVIRONMENT
    from simulator.cli import main as run_command

    try:
        if is_interruptible:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = run_command()
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED  # one more of them, when all is said
    finally:
        if is_interruptible:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the end of the process is no place for a traceback
    if code == EXIT_INTERRUPTED:
        _leave_at_once()
    return code


def _leave_at_once() -> None:
    """Without Python's own end: a library that was interrupted leaves objects, and says so at length."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(EXIT_INTERRUPTED)


def _open_closed_streams() -> None:
    """Give the null device to whoever closed a standard stream, or the next file would get its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - for the whole process
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _leave(number: int, frame: FrameType | None) -> None:
    """Nothing was begun yet, so nothing has to be put in order."""
    os.write(2, b"trinity: interrupted\n")
    os._exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
