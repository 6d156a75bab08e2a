"""Ctrl-C and SIGTERM as a question instead of an exception. Must not end anything itself."""

import signal
from types import FrameType, TracebackType
from typing import Self


class Interrupt:
    """While the block runs, the first SIGINT or SIGTERM only sets :attr:`requested`.

    So a run ends between two commits, which leaves a whole log. A second SIGINT raises KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> Self:
        self._previous = {
            number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True
