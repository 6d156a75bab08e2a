"""Standard output and error that may be closed, full or short of characters. Must not print itself."""

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_INSTEAD = {"✓": "+", "✗": "x", "→": ">", "…": "."}
"""Of the marks in tables, where the encoding has none; any other character becomes a question mark."""
_ERRORS = "trinity-shown"


def _shown(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError), "it is only used for output"
    missing = error.object[error.start : error.end]
    return "".join(_INSTEAD.get(character, "?") for character in missing), error.end


codecs.register_error(_ERRORS, _shown)


class OutputLost(Exception):
    """What a command had to say could not be written, and saying it was all that it was for."""


class Outlet(io.TextIOWrapper):
    """A stream that leads nowhere from the first write on that fails.

    That write raises OutputLost if the output is what the command is for (:attr:`is_needed`). It is no
    OSError, because rich and typer have an end of their own for those.
    """

    def __init__(self, stream: TextIO, *, is_needed: bool) -> None:
        super().__init__(
            stream.buffer,
            encoding=stream.encoding,
            errors=_ERRORS,
            newline="\n",
            line_buffering=stream.isatty(),
        )
        self.is_needed = is_needed
        self.problem: OSError | None = None

    @property
    def is_unread(self) -> bool:
        """Whether the reader went away, as ``head`` does; it has all that it wants."""
        return self.problem is not None and self.problem.errno == errno.EPIPE

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        """From here on the null device takes it all, with what is still in the buffers."""
        self.problem = self.problem or error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        if self.is_needed:
            raise OutputLost from error


@contextmanager
def outlets() -> Iterator[Outlet]:
    """Let all output of the block go through outlets; gives that of standard output."""
    before = sys.stdout, sys.stderr
    for stream in before:
        stream.flush()
    out, err = Outlet(sys.stdout, is_needed=True), Outlet(sys.stderr, is_needed=False)
    sys.stdout, sys.stderr = out, err
    try:
        yield out
    finally:
        sys.stdout, sys.stderr = before
        out.is_needed = False
        for outlet in (out, err):
            outlet.detach()  # flushes; and the stream below stays open


def outlive_output() -> None:
    """From here on the work goes on, whether or not anybody can be told of it."""
    if isinstance(sys.stdout, Outlet):
        sys.stdout.is_needed = False
