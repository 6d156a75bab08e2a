"""Simulates a run again from its own scenario and compares every commit with its log. Must not write.

Engine, workload, agents and mock models do all of it again; a log that is complete has to come out byte by
byte, and so with the same digest.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

from msgspec import Struct

from bus.bodies import AgentCrashed, Body, RunFinished
from bus.codec import decode_envelope, seal_line, unseal_line
from bus.errors import InputError
from bus.upcasters import SCHEMA_VERSION
from simulator import compose
from simulator.incarnation import Incarnation, Watcher
from simulator.judging import scenario_of
from simulator.replay_chain import with_chain
from simulator.replay_compare import NOTHING, Difference, Divergence, ReplayDiverged, event_difference
from store.faulty_disk import FaultyDisk
from store.log_reader import read_events, read_lines, schema_version_of
from store.manifest import read_manifest
from store.run_folder import RunFolder


class Simulated(Struct, frozen=True):
    """What was simulated again; all of it is on the log."""

    run: str
    event_count: int
    commit_count: int
    is_complete: bool
    """False for a log without an end, which was compared up to where it ends."""
    digest: str
    """SHA-256 over what was simulated, as lines of a log."""
    recorded_digest: str | None
    """Of the log; None if it was not closed."""


class Unobserved:
    """Stands for the observations of a run that is only looked at."""

    def note(self, time_ns: int, bodies: Sequence[Body]) -> None:
        pass

    def flush(self) -> None:
        pass


class _EndOfLog(Exception):
    """The log has no more to compare with."""


class ComparingLog:
    """A log that takes nothing but what another one holds, and writes nothing.

    ``lines`` are those of a log, up to its end or to where the comparison is to end.
    """

    def __init__(self, lines: Iterator[bytes], *, is_complete: bool) -> None:
        self._lines = lines
        self._is_complete = is_complete
        self._sha256 = sha256()
        self._crc = 0
        self.last_seq = 0
        self.commit_count = 0

    @property
    def digest(self) -> str:
        """SHA-256 of all lines so far."""
        return self._sha256.hexdigest()

    def append(self, first_seq: int, events_json: Sequence[bytes]) -> None:
        """Raises ReplayDiverged at the first event that is not the recorded one."""
        for seq, event_json in enumerate(events_json, start=first_seq):
            line = next(self._lines, None)
            if line is None and not self._is_complete:
                raise _EndOfLog
            recorded_json = b"" if line is None else unseal_line(line)
            if recorded_json != event_json:
                raise ReplayDiverged(_divergence(seq, recorded_json, event_json))
            sealed = seal_line(event_json, self._crc)
            self._crc = sealed.crc
            self._sha256.update(sealed.line)
            self.last_seq = seq
        self.commit_count += 1

    def flush(self) -> None:
        """Nothing is held back."""

    def finish(self) -> None:
        """Nothing more will be appended; raises ReplayDiverged when the log has more."""
        line = next(self._lines, None)
        if line is not None:
            raise ReplayDiverged(_divergence(self.last_seq + 1, unseal_line(line), b""))


def simulate_again(run: RunFolder, progress: Callable[[int], None]) -> Simulated:
    """Simulate a run again in this process, up to its end or to the end of its log.

    Raises:
        ReplayDiverged: an event came out differently, with the chain that led to it.
        InputError: the log is of an older schema, so its bytes are not those of today.
        EventsFileError: the run had an events file, and that is gone or changed.
        LogDamage: the log is not what was written.
    """
    scenario = scenario_of(run)
    version = schema_version_of(run.events)
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{run.path}: its log is of schema version {version}, and a run writes version {SCHEMA_VERSION} "
            "now; use --verify, which compares decisions"
        )
    last_seq, is_complete = _comparable(run)
    log = ComparingLog(_lines_up_to(run, last_seq), is_complete=is_complete)
    watcher = Watcher(lambda now_ns, count: progress(count), lambda: False)
    incarnation = Incarnation(scenario, run, log, FaultyDisk(), Unobserved())
    try:
        with compose.agents_of(scenario, "inproc", incarnation.recalled) as agents:
            incarnation.live(agents, watcher)
        log.finish()
    except _EndOfLog:
        pass
    except ReplayDiverged as error:
        raise ReplayDiverged(with_chain(error.divergence, run.events)) from None
    manifest = read_manifest(run.events)
    return Simulated(
        run=str(run.path),
        event_count=log.last_seq,
        commit_count=log.commit_count,
        is_complete=is_complete,
        digest=log.digest,
        recorded_digest=None if manifest is None else manifest.digest,
    )


def _comparable(run: RunFolder) -> tuple[int, bool]:
    """Up to which ``seq`` a simulation does what the run did, and whether that is its end.

    How a run ended that was interrupted, or whose agent's process died by itself, no scenario says.
    """
    manifest = read_manifest(run.events)
    from_seq = max(1, manifest.last_seq - 1) if manifest is not None else 1
    tail: list[tuple[int, Body]] = []
    for event in read_events(run.events, from_seq):
        tail = [*tail[-1:], (event.seq, event.data)]
    if not tail:
        return 0, False
    last_seq, last = tail[-1]
    if not isinstance(last, RunFinished):
        return last_seq, False
    if last.status == "completed":
        return last_seq, True
    ended_by_death = last.status == "failed" and isinstance(tail[0][1], AgentCrashed)
    return last_seq - (2 if ended_by_death else 1), False


def _lines_up_to(run: RunFolder, last_seq: int) -> Iterator[bytes]:
    for seq, line in enumerate(read_lines(run.events), start=1):
        if seq > last_seq:
            return
        yield line


def _divergence(seq: int, recorded_json: bytes, replayed_json: bytes) -> Divergence:
    """Of two events, one of which may be missing."""
    envelope = decode_envelope(seal_line(recorded_json or replayed_json, 0).line)
    if recorded_json and replayed_json:
        found = event_difference(recorded_json, replayed_json)
    else:
        sides = (side.decode(errors="replace") or NOTHING for side in (recorded_json, replayed_json))
        found = Difference("event", *sides)
    assert found is not None
    return Divergence(
        seq=seq,
        type=envelope.type,
        source=envelope.source,
        field=found.field,
        recorded=found.recorded,
        replayed=found.replayed,
        causation_seq=envelope.causation_seq,
        correlation_seq=envelope.correlation_seq,
    )
