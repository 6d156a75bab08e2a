"""Ctrl-C, SIGTERM and SIGHUP as a question instead of an exception. Must not end anything itself."""

import signal
from types import FrameType, TracebackType
from typing import Self

from simulator.clock import NS_PER_S, elapsed_ns

IMPATIENCE_NS = 2 * NS_PER_S
"""Ctrl-C is pressed more than once in a hurry; only one that comes so much later means "at once"."""


class Interrupt:
    """While the block runs, the first SIGINT, SIGTERM or SIGHUP only sets :attr:`requested`.

    So a run ends between two commits, which leaves a whole log. A SIGINT two seconds later raises
    KeyboardInterrupt. A signal that is ignored, as under nohup, stays so.
    """

    def __init__(self) -> None:
        self._requested_ns: int | None = None

    @property
    def requested(self) -> bool:
        return self._requested_ns is not None

    def __enter__(self) -> Self:
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
        self._previous = {number: signal.signal(number, self._on_signal) for number in heard}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        now_ns = elapsed_ns()
        if self._requested_ns is None:
            self._requested_ns = now_ns
        elif number == signal.SIGINT and now_ns - self._requested_ns > IMPATIENCE_NS:
            self._requested_ns = now_ns
            raise KeyboardInterrupt
