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
from bus.permissions import OBSERVATIONS, Permissions
from bus.sequencer import Sequencer
from store.layout import has_log
from store.log_reader import read_envelopes
from store.log_writer import LogWriter
from store.manifest import is_closed
from store.recovery import recover
from store.reopening import unseal

CHECK = Permissions(OBSERVATIONS).check
LIBRARIES = ("trinity-bus", "pyzmq", "msgspec", "duckdb", "faiss-cpu", "numpy")


class Observations:
    """Writes observations in the format of the log, at bus time, so that SQL can join them with it."""

    def __init__(self, folder: Path) -> None:
        """Begin the log, or go on with one that was left.

        What of it is damaged behind its last sealed segment is cut off and kept beside it: no digest rests
        on observations, and a run is not given up for them.
        """
        if not has_log(folder):
            self._writer = LogWriter.create(folder)
            self._sequencer = Sequencer(self._writer, CHECK)
            return
        if is_closed(folder):
            unseal(folder)
        recover(folder, cut_damage=True)
        self._writer = LogWriter.resume(folder)
        last_time_ns = 0
        for envelope in read_envelopes(folder, max(1, self._writer.last_seq)):
            last_time_ns = envelope.time_ns
        self._sequencer = Sequencer(
            self._writer, CHECK, last_seq=self._writer.last_seq, last_time_ns=last_time_ns
        )

    def note(self, time_ns: int, bodies: Sequence[Body]) -> None:
        """One commit; a time before that of the last one is moved up to it."""
        if bodies:
            at_ns = max(time_ns, self._sequencer.last_time_ns)
            self._sequencer.commit(at_ns, "sequencer", [Draft(body) for body in bodies])

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        """The run is over, and nothing will be noted any more."""
        self._writer.close()

    def leave(self) -> None:
        """The run may be taken up again."""
        self._writer.leave()


def describe_host(transport: str) -> HostDescribed:
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for library in LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            versions[library] = "not installed"
    return HostDescribed(transport, versions, os.cpu_count() or 1)
