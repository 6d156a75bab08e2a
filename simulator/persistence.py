"""What a run knew before each of its ends, by the log, and after it, by those who were started again.

Must not run an agent or change anything.
"""

from typing import NamedTuple

from bus.bodies import AgentStopped, ModelCalled, PatternImported, PatternLearned, RunResumed
from bus.events import Event
from bus.queues import Queues
from simulator.compose import routes_of
from simulator.judging import scenario_of
from simulator.rebuilding import Rebuilding
from store.log_reader import open_envelope, read_envelopes, read_events, upcasts_of
from store.run_folder import RunFolder

RESUMPTIONS_MAX = 10_000
"""More are not compared."""


class Compared(NamedTuple):
    """One thing that must not have changed."""

    seq: int
    """Up to here the log says what was known before."""
    what: str
    """``patterns``, ``state of AGENT``, ``cost`` in nano-dollars, or ``pending on QUEUE``."""
    before: str
    """By a fold over the log."""
    after: str
    """By the processes that went on, or ended, there."""

    @property
    def is_equal(self) -> bool:
        return self.before == self.after


def compare_persistence(run: RunFolder) -> list[Compared]:
    """Patterns, costs and queues at every resumption of a run, and the agents' states at its end.

    Raises:
        LogDamage: a log is not what was written.
    """
    resumed = [event.data for event in read_events(run.observations) if isinstance(event.data, RunResumed)]
    return _Comparison(run, sorted(resumed, key=lambda r: r.after_seq)[:RESUMPTIONS_MAX]).compared()


class _Comparison:
    def __init__(self, run: RunFolder, resumed: list[RunResumed]) -> None:
        scenario = scenario_of(run)
        self._run = run
        self._resumed = resumed
        self._queues = Queues(routes_of(scenario))
        self._rebuilding = Rebuilding(scenario)
        self._spent_nanousd = 0
        self._learned_count = 0
        self._compared: list[Compared] = []

    def compared(self) -> list[Compared]:
        upcasts, last_seq = None, 0
        for envelope in read_envelopes(self._run.events):
            upcasts = upcasts_of(self._run.events, envelope) if upcasts is None else upcasts
            event = open_envelope(envelope, upcasts)
            if isinstance(event.data, AgentStopped):
                self._compare_end(event, event.data)
            if not isinstance(event.data, PatternImported):
                # Agents were told all that a run begins with, also what was not on the log yet.
                self._compare_resumed_before(event.seq)
            self._rebuilding.apply(envelope)
            self._apply(event)
            last_seq = event.seq
        self._compare_resumed_before(last_seq + 1)
        return self._compared

    def _compare_resumed_before(self, seq: int) -> None:
        while self._resumed and self._resumed[0].after_seq < seq:
            self._compare_resumed(self._resumed.pop(0))

    def _apply(self, event: Event) -> None:
        self._queues.apply(event)
        if isinstance(event.data, ModelCalled):
            self._spent_nanousd += event.data.cost_nanousd
        elif isinstance(event.data, PatternLearned):
            self._learned_count += 1

    def _compare_resumed(self, resumed: RunResumed) -> None:
        seq = resumed.after_seq
        for agent, state in self._rebuilding.states().items():
            self._note(seq, f"state of {agent}", state.state_sha256, resumed.states.get(agent, "unknown"))
        self._note(seq, "cost", self._spent_nanousd, resumed.spent_nanousd)
        for queue in self._queues:
            name = queue.route.queue
            self._note(seq, f"pending on {name}", queue.depth, resumed.pending_counts.get(name, "unknown"))

    def _compare_end(self, event: Event, stopped: AgentStopped) -> None:
        state = self._rebuilding.states()[stopped.agent]
        self._note(event.seq, f"state of {stopped.agent}", state.state_sha256, stopped.state_sha256)
        self._note(event.seq, f"patterns of {stopped.agent}", state.pattern_count, stopped.pattern_count)

    def _note(self, seq: int, what: str, before: object, after: object) -> None:
        self._compared.append(Compared(seq, what, str(before), str(after)))
