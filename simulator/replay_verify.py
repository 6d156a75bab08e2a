"""Proves a log: everything that its agents did is done again and compared. Must not write, or ask a model.

What the workload and the sequencer put on the log is input: the messages that agents got, when they arrived,
when agents were gone and came back. What agents put there is not believed: for each receipt of an agent the
delivery is built from the log, a fresh agent handles it with the answers that its models gave then, and the
receipt and every draft have to be what the log says, field by field.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, takewhile
from operator import attrgetter

from msgspec import Struct

from agents.models.recorded import RecordedModel, Recordings
from agents.runtime import Runtime
from bus.bodies import (
    AgentCrashed,
    AgentStarted,
    AgentStopped,
    DeliveryDeadLettered,
    DeliveryFailed,
    PatternImported,
    RunFinished,
)
from bus.events import Event, Message
from bus.keys import REVIEWER, SEQUENCER, WORKLOAD, Keys
from bus.permissions import Permissions
from bus.redaction import Redactor
from bus.upcasters import SCHEMA_VERSION
from simulator import compose
from simulator.border import Border
from simulator.compose_agent import build_runtime
from simulator.judging import scenario_of
from simulator.recollection import Recollection
from simulator.replay_agent import RECEIPTS, AgentReplay, Compared, Pending, diverged
from simulator.replay_chain import with_chain
from simulator.replay_compare import NOTHING, Difference, ReplayDiverged, as_json
from simulator.roles import AGENTS, state_owner
from simulator.scenario import Scenario
from store.errors import NotARun
from store.log_reader import read_events, schema_version_of
from store.run_folder import RunFolder

EVENTS_PER_REPORT = 2_000
_WORDS = (AgentStarted, AgentStopped)
"""What an agent says without a delivery."""
_INPUTS = (WORKLOAD, REVIEWER, SEQUENCER)
"""Whose commits are taken as they are; everybody else has to be an agent."""


class Verified(Struct, frozen=True):
    """How much was done again; all of it came out as recorded."""

    run: str
    event_count: int
    schema_version: int
    """Of the log; an older one is read as it would be written today."""
    is_current: bool
    is_complete: bool
    """False for a log without an end, which was verified up to where it ends."""
    delivery_count: int
    """One whose agent died between two attempts counts twice."""
    attempt_count: int
    draft_count: int
    """Events of agents besides their receipts, model calls included."""
    model_call_count: int
    state_count: int
    """Agents whose state at the end was compared."""


def verify_run(run: RunFolder, progress: Callable[[int], None]) -> Verified:
    """Verify a run from its log and its scenario.toml; nothing else of it is needed.

    Raises:
        ReplayDiverged: an agent does something else than it did, with the chain that led to it.
        LogDamage: the log is not what was written.
        NotARun: the run has no scenario, or no event.
        ScenarioError: its scenario is not one of today.
        UnknownFormat, EventUnknown: the log is newer than this program.
    """
    scenario = scenario_of(run)
    verifier = _Verifier(scenario, lambda seq: read_events(run.events, seq))
    event_count, is_complete = 0, False
    try:
        for commit in commits_of(read_events(run.events)):
            verifier.take(commit)
            is_complete = isinstance(commit[-1].data, RunFinished)
            if commit[-1].seq // EVENTS_PER_REPORT > event_count // EVENTS_PER_REPORT:
                progress(commit[-1].seq)
            event_count = commit[-1].seq
        compared = verifier.finish()
    except ReplayDiverged as error:
        raise ReplayDiverged(with_chain(error.divergence, run.events)) from None
    if not event_count:
        raise NotARun(run.path, "its log has no events")
    version = schema_version_of(run.events)
    return Verified(
        run=str(run.path),
        event_count=event_count,
        schema_version=version,
        is_current=version == SCHEMA_VERSION,
        is_complete=is_complete,
        **compared._asdict(),
    )


def commits_of(events: Iterable[Event]) -> Iterator[list[Event]]:
    for _, commit in groupby(events, key=attrgetter("commit_seq")):
        yield list(commit)


class _Verifier:
    """Takes the commits of a log in order. ``history`` reads the log again from a ``seq`` on."""

    def __init__(self, scenario: Scenario, history: Callable[[int], Iterator[Event]]) -> None:
        self._keys = Keys()
        self._pending: dict[int, Pending] = {}
        self._delays_ns = {name: int(queue.delay) for name, queue in scenario.queues.items()}
        self._read_seq = 0
        """Of the last event that was taken."""
        self._recollection = Recollection(
            lambda seq: takewhile(lambda event: event.seq <= self._read_seq, history(seq))
        )
        self._must_rebuild: set[str] = set()
        admit, redact = Border(lambda body: body, Permissions().check).admit, Redactor().redact_body
        self._agents = {name: AgentReplay(_build(scenario, name), admit, redact) for name in AGENTS}

    def take(self, commit: Sequence[Event]) -> None:
        """Raises ReplayDiverged."""
        first = commit[0]
        agent = self._agents.get(first.source)
        if agent is None and first.source not in _INPUTS:
            raise diverged(first, Difference("source", as_json(first.source), NOTHING), None)
        if agent is not None and not isinstance(first.data, _WORDS):
            agent.attempted(self._delivered(agent, first), commit)
        for event in commit:
            self._fold(event)
        self._read_seq = commit[-1].seq

    def finish(self) -> Compared:
        """The log ends here; raises ReplayDiverged."""
        compared = Compared()
        for agent in self._agents.values():
            agent.cut()
            compared = compared.plus(agent.compared)
        return compared

    def _delivered(self, agent: AgentReplay, receipt: Event) -> Pending:
        """The delivery that a commit of an agent is about."""
        seq = receipt.causation_seq
        if not isinstance(receipt.data, RECEIPTS) or seq is None:
            raise diverged(receipt, Difference("type", as_json(receipt.type), NOTHING), None)
        pending = self._pending.get(seq) or agent.settled(seq)
        if pending is None:
            raise diverged(receipt, Difference("causation_seq", as_json(seq), NOTHING), None)
        return pending

    def _fold(self, event: Event) -> None:
        self._keys.apply(event)
        body = event.data
        if event.queue is not None:
            message = Message(event.time_ns, event.source, event.queue, body)
            undisturbed_ns = event.time_ns + self._delays_ns.get(event.queue, 0)
            self._pending[event.seq] = Pending(event.seq, self._keys.key(event.seq), message, undisturbed_ns)
        elif isinstance(body, RECEIPTS):
            is_final = event.source in self._agents or isinstance(body, DeliveryDeadLettered)
            if is_final and not isinstance(body, DeliveryFailed) and event.causation_seq is not None:
                self._pending.pop(event.causation_seq, None)
        elif isinstance(body, PatternImported):
            self._agents[state_owner(event.type, event.source)].told(body)
        elif isinstance(body, AgentCrashed | AgentStarted | AgentStopped):
            self._live(event, body)

    def _live(self, event: Event, body: AgentCrashed | AgentStarted | AgentStopped) -> None:
        agent = self._agents.get(body.agent)
        if agent is None:
            return
        if isinstance(body, AgentStopped):
            agent.stopped(event)
        elif isinstance(body, AgentCrashed):
            if agent.cut():
                self._must_rebuild.add(body.agent)
        elif body.restart_count:
            if body.agent in self._must_rebuild:
                self._must_rebuild.remove(body.agent)
                agent.rebuilt(self._recollection.recalled(body.agent))
            agent.restarted(event.time_ns)


def _build(scenario: Scenario, agent: str) -> Callable[[Recordings], Runtime]:
    settings = compose.agent_settings(scenario, agent)

    def build(recordings: Recordings) -> Runtime:
        runtime = build_runtime(settings)
        runtime.models = {tier: RecordedModel(spec, recordings) for tier, spec in settings.models.items()}
        return runtime

    return build
