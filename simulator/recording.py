"""A run in its folder, from the first event to the proof that its log is enough. Must not judge it.

A run has incarnations: the one that begins it, and one more each time that it is taken up again, by a person
after its processes were killed, or by itself after the disk under the log failed.
"""

from collections.abc import Callable
from functools import partial

from msgspec import Struct

from bus.bodies import LogRecovered, PhaseTimed, RunFinished, StateRebuilt
from simulator import compose
from simulator.clock import elapsed_ns, timed
from simulator.compose import Transport
from simulator.compose_agent import GraphFiles
from simulator.errors import RunComplete
from simulator.incarnation import Incarnation, Outcome, Watcher
from simulator.observations import Observations, describe_host
from simulator.rebuilding import Rebuilding
from simulator.scenario import Scenario
from store.errors import LogClosed, WriteFailed
from store.faulty_disk import FaultyDisk
from store.layout import has_log
from store.log_reader import read_envelopes, read_events
from store.log_writer import LogWriter, SyncPolicy
from store.manifest import is_closed
from store.recovery import Recovered, recover
from store.reopening import reopen
from store.run_folder import RunFolder

INCARNATIONS_MAX = 1_000
"""A run does not take itself up again more often than this."""


class Recorded(Struct, frozen=True):
    """What came of a run."""

    status: str
    """``completed``, ``interrupted`` or ``failed``."""
    reason: str
    event_count: int


class Means(Struct, frozen=True):
    """How a run is carried out. Nothing of it is on the log."""

    transport: Transport = "processes"
    sync: SyncPolicy = "off"
    listen: str | None = None
    """Address of tcp for agents as processes, in place of a Unix socket."""


class Recording:
    """A run being recorded into a run folder."""

    def __init__(self, scenario: Scenario, folder: RunFolder, means: Means, watcher: Watcher) -> None:
        self._scenario = scenario
        self._folder = folder
        self._means = means
        self._watcher = watcher
        self._disk = FaultyDisk()
        self._observations: Observations
        self.has_begun = False
        """Whether its agents came up, so that something may be on the log."""
        self.is_new = True
        """Whether this is the first that was heard of the run."""

    def record(self) -> Recorded:
        """Run the scenario, close the log, and rebuild every agent from it.

        Raises:
            TrinityError: the run could not start; nothing of it is on the log but what is whole.
        """
        writer = self._writer(LogWriter.create)
        self._observations = Observations(self._folder.observations)
        return self._to_the_end(writer)

    def resume(self) -> Recorded:
        """Take up a run that was killed or interrupted. Its log will be that of an undisturbed one.

        Raises:
            RunComplete: it came to its end.
            LogLocked: it is still running.
            LogDamage: the log has more wrong with it than a torn tail.
            ResumeDiverged: what would be written is not what is on the log.
        """
        self.is_new = False
        if not has_log(self._folder.events):
            return self.record()
        try:
            recovered = reopen(self._folder.events)
        except LogClosed:
            return self._prove_late()
        return self._to_the_end(self._resumed(recovered))

    def _prove_late(self) -> Recorded:
        """The log was closed, but whoever did it was killed before the proof was written down."""
        last = None
        for event in read_events(self._folder.events):
            last = event
        assert last is not None
        if is_closed(self._folder.observations) or not isinstance(last.data, RunFinished):
            raise RunComplete(self._folder.path, last.seq)
        self._observations = Observations(self._folder.observations)
        return self._end(Outcome(last.data.status, last.data.reason, last.seq, last.time_ns))

    def _to_the_end(self, writer: LogWriter) -> Recorded:
        try:
            return self._end(self._last_outcome(writer))
        finally:
            self._observations.leave()

    def _last_outcome(self, writer: LogWriter) -> Outcome:
        """Of as many incarnations as the store faults of the scenario demand."""
        self._observations.note(0, [describe_host(self._means.transport)])
        for _ in range(INCARNATIONS_MAX):
            fired_count = self._disk.fired_count
            try:
                with timed(partial(self._phase, "simulate")):
                    outcome = self._live(writer)
            except WriteFailed:
                if self._disk.fired_count == fired_count:
                    raise  # the disk failed in earnest
                self._disk.free()
                self._observations.leave()
                # What this very run just broke can be made again, so it is cut.
                writer = self._resumed(recover(self._folder.events, cut_damage=True))
            else:
                return outcome
        raise WriteFailed(self._folder.events, f"the disk failed {INCARNATIONS_MAX} times")

    def _live(self, writer: LogWriter) -> Outcome:
        incarnation = Incarnation(
            self._scenario, self._folder, writer, self._disk, self._observations, is_written=True
        )
        try:
            with compose.agents_of(
                self._scenario,
                self._means.transport,
                incarnation.recalled,
                self._means.listen,
                GraphFiles(str(self._folder.cache), is_written=True),
            ) as agents:
                if not self.has_begun:
                    self.has_begun = True
                    self._watcher.begun()
                outcome = incarnation.live(agents, self._watcher)
            if outcome.is_recorded:
                writer.close()
        finally:
            writer.leave()
        return outcome

    def _end(self, outcome: Outcome) -> Recorded:
        if outcome.status == "interrupted":
            self._observations.leave()
        else:
            with timed(partial(self._phase, "rebuild")):
                self._rebuild(outcome.last_time_ns)
            self._observations.close()
        return Recorded(outcome.status, outcome.reason, outcome.event_count)

    def _rebuild(self, now_ns: int) -> None:
        """Fold fresh agents from the log alone and note what they know, for a check to compare."""
        rebuilding = Rebuilding(self._scenario)
        for envelope in read_envelopes(self._folder.events):
            rebuilding.apply(envelope)
        states = rebuilding.states().values()
        self._observations.note(
            now_ns, [StateRebuilt(s.agent, s.state_sha256, s.pattern_count) for s in states]
        )

    def _resumed(self, recovered: Recovered) -> LogWriter:
        """Go on behind the last whole commit of a log that was recovered."""
        writer = self._writer(LogWriter.resume)
        self._observations = Observations(self._folder.observations)
        if recovered.cut_bytes:
            reason = "what a crash or Ctrl-C left" if recovered.damage is None else str(recovered.damage)
            self._observations.note(0, [LogRecovered(recovered.cut_bytes, reason)])
        return writer

    def _writer(self, begin: Callable[..., LogWriter]) -> LogWriter:
        return begin(
            self._folder.events,
            sync=self._means.sync,
            segment_bytes_max=self._scenario.limits.segment_bytes,
            clock=elapsed_ns,
            disk=self._disk,
        )

    def _phase(self, phase: str, elapsed_ns: int) -> None:
        self._observations.note(0, [PhaseTimed(phase, elapsed_ns)])
