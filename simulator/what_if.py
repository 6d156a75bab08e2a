"""Decides a recorded run again with other thresholds and counts what changes. Must not write, learn or guess.

Two agents WITNESS go along the log, one with the recorded thresholds and one with the changed ones. Both know
what WITNESS had learned by then, by the log. The first has to decide what is on the log: otherwise a change
might be the program's and not the threshold's.

What the changed WITNESS would have learned from its own detections is on no log. It is left out.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from agents.runtime import HandlingContext
from bus.bodies import (
    DeliveryAcknowledged,
    DeliveryDeadLettered,
    ModelCalled,
    PatternKind,
    PatternLearned,
    TelemetryReceived,
    TruthLabelled,
)
from bus.errors import DivergedError, InputError
from bus.events import Event, Message
from bus.permissions import Permissions
from bus.redaction import Redactor
from simulator.border import Border
from simulator.compose import agent_settings
from simulator.compose_agent import GraphFiles, build_runtime
from simulator.judging import scenario_of
from simulator.replay_compare import Difference, as_json, body_difference, parted
from simulator.replay_verify import EVENTS_PER_REPORT, commits_of
from simulator.roles import state_owner
from simulator.scenario import Scenario
from simulator.scenario_rules import check_scenario
from simulator.summary import summarise
from simulator.what_if_figures import KINDS, Decision, Figures, WhatIf
from store.log_reader import read_events
from store.run_folder import RunFolder

WITNESS = "witness"
KEYS = ("witness.threshold.", "witness.thresholds.")
"""What the key of a setting begins with; the second is how scenario.toml calls the table."""
SIDE_CHARACTERS_MAX = 80
"""Of each side of a difference in an error."""


class DecidedOtherwise(DivergedError):
    """The program does not decide what the log says, although nothing was changed."""

    def __init__(self, run: RunFolder, seq: int, found: Difference) -> None:
        sides = parted(found.recorded, found.replayed, SIDE_CHARACTERS_MAX)
        super().__init__(
            f"{run.path}: seq {seq}: {found.field} is {sides[0]} on the log, and with the same thresholds "
            f"{sides[1]} now, so changed thresholds would tell nothing; "
            f"`trinity replay {run.path} --verify` shows what led to it"
        )


def with_settings(scenario: Scenario, settings: Sequence[str]) -> Scenario:
    """The scenario with settings like ``witness.threshold.feature_request=0.65``.

    Raises:
        InputError: there is none, or one cannot be used.
    """
    if not settings:
        raise InputError(f"nothing is changed; give --set {KEYS[0]}feature_request=0.65, or another kind")
    changed: set[PatternKind] = set()
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise InputError(f"--set {setting!r} has no '='; write it like {KEYS[0]}feature_request=0.65")
        kind = _kind_of(key.strip(), setting)
        if kind in changed:
            raise InputError(f"--set {setting!r} sets {key.strip()} a second time; give it once")
        changed.add(kind)
        thresholds = {**scenario.witness.thresholds, kind: _number(text, setting)}
        scenario = replace(scenario, witness=replace(scenario.witness, thresholds=thresholds))
        check_scenario(scenario, f"--set {setting!r}")
    return scenario


def what_if(run: RunFolder, settings: Sequence[str], progress: Callable[[int], None]) -> WhatIf:
    """Decide a finished run again; nothing of it is needed but its log and scenario.toml.

    Raises:
        InputError: a setting cannot be used, the run is not finished, or none of its telemetry has a label.
        DecidedOtherwise: today's program does not decide what is on the log.
        LogDamage: the log is not what was written.
    """
    scenario = scenario_of(run)
    changed = with_settings(scenario, settings)
    summary = summarise(run, None)
    _check_finished(run, summary.status)
    redecided = _Redecided(run, scenario, changed)
    for commit in commits_of(read_events(run.events)):
        redecided.take(commit)
        if commit[-1].seq // EVENTS_PER_REPORT > (commit[0].seq - 1) // EVENTS_PER_REPORT:
            progress(commit[-1].seq)
    figures = redecided.figures
    if not figures.labelled_count:
        raise InputError(
            f"{run.path}: none of its telemetry has a label, so nothing says which changes are right; "
            f'record it again from a file with labels: `trinity run --events FILE`, "label" in each line'
        )
    sides = scenario.witness.thresholds, changed.witness.thresholds
    return figures.result(str(run.path), summary.duration_ns, redecided.lesson_count, sides)


def _check_finished(run: RunFolder, status: str) -> None:
    if status == "failed":
        raise InputError(f"{run.path} failed before its end; record it again with `trinity run {run.path}`")
    if status != "completed":
        raise InputError(
            f"{run.path} is not finished: its log is {status}; "
            f"`trinity resume {run.path}` brings it to its end"
        )


class _Decider:
    """WITNESS, told what was learned and asked what it decides."""

    def __init__(self, scenario: Scenario, graph_files: GraphFiles) -> None:
        self._runtime = build_runtime(agent_settings(scenario, WITNESS, graph_files))
        self._admit = Border(lambda body: body, Permissions().check).admit
        self.folds = self._runtime.agent.folds
        self.learn = self._runtime.agent.apply

    def decisions(self, telemetry: Event, started_ns: int) -> list[Decision]:
        """What of it would get onto the log."""
        message = Message(telemetry.time_ns, telemetry.source, telemetry.queue, telemetry.data)
        context = HandlingContext(self._runtime, started_ns, started_ns, f"{WITNESS}-{telemetry.seq}")
        drafts = self._admit(WITNESS, self._runtime.agent.handle(message, context))
        return [draft.data for draft in drafts if isinstance(draft.data, Decision)]


class _Redecided:
    """Takes the commits of a log in order."""

    def __init__(self, run: RunFolder, scenario: Scenario, changed: Scenario) -> None:
        self.figures = Figures()
        self.lesson_count = 0
        self._run = run
        files = GraphFiles(str(run.cache), is_written=False)
        self._before, self._after = _Decider(scenario, files), _Decider(changed, files)
        self._redact = Redactor().redact_body
        self._pending: dict[int, Event] = {}
        """Telemetry that WITNESS has not settled."""

    def take(self, commit: Sequence[Event]) -> None:
        """Raises DecidedOtherwise."""
        if commit[0].source == WITNESS:
            self._decide(commit)
        for event in commit:
            self._fold(event)

    def _fold(self, event: Event) -> None:
        body, cause_seq = event.data, event.causation_seq
        if isinstance(body, TelemetryReceived):
            self._pending[event.seq] = event
        elif isinstance(body, ModelCalled):
            self.figures.spent(event.correlation_seq, body.cost_nanousd)
        elif state_owner(event.type, event.source) == WITNESS and isinstance(body, self._before.folds):
            self._before.learn(body)
            self._after.learn(body)
            self.lesson_count += isinstance(body, PatternLearned)
        elif isinstance(body, TruthLabelled) and cause_seq is not None:
            self.figures.labelled(cause_seq, body.label)
        elif isinstance(body, DeliveryDeadLettered) and cause_seq in self._pending:
            del self._pending[cause_seq]
            self.figures.given_up(cause_seq)

    def _decide(self, commit: Sequence[Event]) -> None:
        receipt, body = commit[0], commit[0].data
        recorded = {event.seq: event.data for event in commit if isinstance(event.data, Decision)}
        telemetry = None
        if isinstance(body, DeliveryAcknowledged) and receipt.causation_seq is not None:
            telemetry = self._pending.pop(receipt.causation_seq, None)
        if telemetry is None or not isinstance(body, DeliveryAcknowledged):
            # It is about something else, as feedback, and there is nothing to decide.
            self._check(receipt.seq, recorded, [])
            return
        self._check(receipt.seq, recorded, self._before.decisions(telemetry, body.started_ns))
        after = self._after.decisions(telemetry, body.started_ns)
        if recorded and after:
            assert isinstance(telemetry.data, TelemetryReceived)
            was = next(iter(recorded.values()))
            self.figures.decided(telemetry.seq, telemetry.data, was, after[0])

    def _check(self, seq: int, recorded: Mapping[int, Decision], again: Sequence[Decision]) -> None:
        """Compare field by field with what is on the log by ``seq``; the receipt is ``seq``."""
        if len(recorded) != len(again):
            sides = (as_json([body.TYPE for body in bodies]) for bodies in (recorded.values(), again))
            raise DecidedOtherwise(self._run, seq, Difference("the list of decisions", *sides))
        for (decision_seq, was), body in zip(recorded.items(), again, strict=True):
            found = body_difference(was, body)
            if found is not None and body_difference(was, self._redact(body)) is not None:
                raise DecidedOtherwise(self._run, decision_seq, found)


def _kind_of(key: str, setting: str) -> PatternKind:
    for kind in KINDS:
        if key in [f"{prefix}{kind}" for prefix in KEYS]:
            return kind
    raise InputError(
        f"--set {setting!r}: no key {key!r} can be changed; there are "
        + ", ".join(f"{KEYS[0]}{kind}" for kind in KINDS)
    )


def _number(text: str, setting: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--set {setting!r}: {text!r} is not a number; give one like 0.65") from None
