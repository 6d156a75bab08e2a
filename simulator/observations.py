"""The second log of a run: what is not repeatable.

Must not be covered by any digest, nor be read by an agent.
"""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bus.bodies import Body, HostDescribed
from bus.events import Draft
from bus.sequencer import Sequencer
from store.log_writer import LogWriter

LIBRARIES = ("trinity-bus", "pyzmq", "msgspec", "duckdb", "faiss-cpu", "numpy")


class Observations:
    """Writes observations in the format of the log, at bus time, so that SQL can join them with it."""

    def __init__(self, folder: Path) -> None:
        self._writer = LogWriter.create(folder)
        self._sequencer = Sequencer(self._writer)

    def note(self, time_ns: int, bodies: Sequence[Body]) -> None:
        """One commit; a time before that of the last one is moved up to it."""
        if bodies:
            at_ns = max(time_ns, self._sequencer.last_time_ns)
            self._sequencer.commit(at_ns, "sequencer", [Draft(body) for body in bodies])

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def describe_host(transport: str) -> HostDescribed:
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for library in LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            versions[library] = "not installed"
    return HostDescribed(transport, versions, os.cpu_count() or 1)
