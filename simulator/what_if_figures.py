"""The figures of a run before and after a change of thresholds, counted. Must not decide or read a log."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, get_args

from msgspec import Struct

from bus.bodies import (
    Label,
    PatternDetected,
    PatternKind,
    TelemetryDismissed,
    TelemetryReceived,
)
from simulator.duration import NS_PER_UNIT

KINDS: tuple[PatternKind, ...] = get_args(PatternKind)
CHANGES_KEPT_MAX = 20
"""So many changed records are shown; all are counted."""
MESSAGE_CHARACTERS_MAX = 80
"""Of a changed record."""
LESSONS_NOTE = (
    "WITNESS knows at each record what it had learned by then in the run; "
    "what it would have learned otherwise is not guessed"
)
Grade = Literal["true", "false", "unlabelled"]
Tally = Literal["before", "after", "gained", "lost"]
TALLIES: tuple[Tally, ...] = get_args(Tally)
GRADES: tuple[Grade, ...] = get_args(Grade)
Decision = PatternDetected | TelemetryDismissed
Thresholds = dict[PatternKind, float]


class Detections(Struct, frozen=True):
    """How many detections, by what the labels say; ``false`` is any label but the kind."""

    detection_count: int
    true_count: int
    false_count: int
    unlabelled_count: int


class Side(Struct, frozen=True):
    """The figures of a run with one set of thresholds."""

    detections: Detections
    correct_count: int
    """Labelled telemetry that was decided as labelled, dismissals included."""
    accuracy: float
    """0 to 1, of all labelled telemetry; what was never decided counts as wrong."""
    false_alarms_per_day: float


class KindChange(Struct, frozen=True):
    """What changes for one kind."""

    kind: PatternKind
    threshold_before: float
    threshold_after: float
    labelled_count: int
    before: Detections
    after: Detections
    gained: Detections
    """Published now and not then, or then as another kind."""
    lost: Detections
    """Published then and not now, or now as another kind."""
    cycle_cost_nanousd: int | None
    """Mean cost of models of a recorded detection and all that followed from it; null without one."""
    cost_change_nanousd: int | None
    """An estimate: that mean times the detections that are more; null if it is not known."""


class Change(Struct, frozen=True):
    """A record about which WITNESS gives another answer."""

    seq: int
    """Of the telemetry."""
    before: Label
    """The answer: a kind that was published, or ``none``."""
    after: Label
    confidence: float
    threshold: float
    """What the confidence is compared with now."""
    label: Label | None
    message: str
    """Its beginning."""


class WhatIf(Struct, frozen=True):
    """A run as it was, and as it would have been decided."""

    run: str
    duration_ns: int
    decision_count: int
    """Telemetry that was decided on, all of it as recorded when nothing is changed."""
    lesson_count: int
    labelled_count: int
    before: Side
    after: Side
    spent_nanousd: int
    """By all model calls of the run."""
    cost_change_nanousd: int | None
    """An estimate; null if it is not known for a kind that changes."""
    kinds: tuple[KindChange, ...]
    changed_count: int
    changes: tuple[Change, ...]
    """The first ones."""
    note: str = LESSONS_NOTE


class Figures:
    """Counts decisions on telemetry beside what they would be, and what the models cost then."""

    def __init__(self) -> None:
        self._labels: dict[int, Label] = {}
        """Of telemetry that is not decided on, by its ``seq``."""
        self._labelled: Counter[Label] = Counter()
        self._counts: Counter[tuple[Tally, PatternKind, Grade]] = Counter()
        self._correct: Counter[Tally] = Counter()
        self._decision_count = self._changed_count = self._spent_nanousd = 0
        self._cycles: dict[int, PatternKind] = {}
        """What was published, by the ``seq`` of the telemetry."""
        self._cycle_nanousd: Counter[PatternKind] = Counter()
        self._changes: list[Change] = []

    @property
    def labelled_count(self) -> int:
        return self._labelled.total()

    def labelled(self, telemetry_seq: int, label: Label) -> None:
        self._labels[telemetry_seq] = label
        self._labelled[label] += 1

    def given_up(self, telemetry_seq: int) -> None:
        """It will never be decided on."""
        self._labels.pop(telemetry_seq, None)

    def spent(self, correlation_seq: int, cost_nanousd: int) -> None:
        self._spent_nanousd += cost_nanousd
        kind = self._cycles.get(correlation_seq)
        if kind is not None:
            self._cycle_nanousd[kind] += cost_nanousd

    def decided(self, seq: int, telemetry: TelemetryReceived, recorded: Decision, decided: Decision) -> None:
        """Both decisions on the telemetry ``seq``."""
        label = self._labels.pop(seq, None)
        before, after = _answer(recorded), _answer(decided)
        self._decision_count += 1
        self._count("before", before, label)
        self._count("after", after, label)
        self._correct["before"] += before == label
        self._correct["after"] += after == label
        if before != "none":
            self._cycles[seq] = before
        if before == after:
            return
        self._count("lost", before, label)
        self._count("gained", after, label)
        self._changed_count += 1
        if len(self._changes) < CHANGES_KEPT_MAX:
            message = _shortened(telemetry.message)
            self._changes.append(
                Change(seq, before, after, decided.confidence, decided.threshold, label, message)
            )

    def result(
        self, run: str, duration_ns: int, lesson_count: int, sides: tuple[Thresholds, Thresholds]
    ) -> WhatIf:
        """Raises ZeroDivisionError without labelled telemetry. ``sides`` are the thresholds of both."""
        kinds = tuple(self._kind(kind, sides) for kind in KINDS)
        costs = [kind.cost_change_nanousd for kind in kinds]
        known = [cost for cost in costs if cost is not None]
        return WhatIf(
            run=run,
            duration_ns=duration_ns,
            decision_count=self._decision_count,
            lesson_count=lesson_count,
            labelled_count=self.labelled_count,
            before=self._side("before", duration_ns),
            after=self._side("after", duration_ns),
            spent_nanousd=self._spent_nanousd,
            cost_change_nanousd=sum(known) if len(known) == len(costs) else None,
            kinds=kinds,
            changed_count=self._changed_count,
            changes=tuple(self._changes),
        )

    def _count(self, tally: Tally, answer: Label, label: Label | None) -> None:
        if answer != "none":
            grade: Grade = "unlabelled" if label is None else "true" if label == answer else "false"
            self._counts[tally, answer, grade] += 1

    def _side(self, tally: Tally, duration_ns: int) -> Side:
        detections = self._detections(tally, KINDS)
        correct_count = self._correct[tally]
        return Side(
            detections,
            correct_count,
            round(correct_count / self.labelled_count, 6),
            round(detections.false_count * NS_PER_UNIT["d"] / duration_ns, 4),
        )

    def _kind(self, kind: PatternKind, sides: tuple[Thresholds, Thresholds]) -> KindChange:
        before, after, gained, lost = (self._detections(tally, (kind,)) for tally in TALLIES)
        count, more_count = before.detection_count, after.detection_count - before.detection_count
        mean_nanousd = round(self._cycle_nanousd[kind] / count) if count else None
        cost_nanousd = None if mean_nanousd is None else mean_nanousd * more_count
        return KindChange(
            kind=kind,
            threshold_before=sides[0][kind],
            threshold_after=sides[1][kind],
            labelled_count=self._labelled[kind],
            before=before,
            after=after,
            gained=gained,
            lost=lost,
            cycle_cost_nanousd=mean_nanousd,
            cost_change_nanousd=cost_nanousd if more_count else 0,
        )

    def _detections(self, tally: Tally, kinds: Sequence[PatternKind]) -> Detections:
        counts = [sum(self._counts[tally, kind, grade] for kind in kinds) for grade in GRADES]
        return Detections(sum(counts), *counts)


def _answer(decision: Decision) -> Label:
    return decision.kind if isinstance(decision, PatternDetected) else "none"


def _shortened(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= MESSAGE_CHARACTERS_MAX else f"{line[: MESSAGE_CHARACTERS_MAX - 1]}…"
