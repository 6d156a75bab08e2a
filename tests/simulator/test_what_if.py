"""What other thresholds would have made of a run, against folds that share no code with it."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from agents.witness import Witness
from analysis.database import open_database
from bus.bodies import PatternKind
from simulator.options import Options, resolve
from simulator.scenario import Scenario
from simulator.scenario_file import load_scenario
from simulator.what_if import DecidedOtherwise, what_if
from simulator.what_if_figures import CHANGES_KEPT_MAX, MESSAGE_CHARACTERS_MAX, WhatIf
from store.run_folder import RunFolder
from tests.cli.conftest import tree
from tests.simulator import replay_logs
from tests.simulator.builders import record, scenario
from tests.simulator.replay_logs import Line, Lines, body, lines_of, written

KINDS: tuple[PatternKind, ...] = get_args(PatternKind)
LABELS = (*KINDS, "none")


def asked(run: RunFolder, *changes: str) -> WhatIf:
    return what_if(run, changes, lambda count: None)


def unchanged(run: RunFolder) -> WhatIf:
    """A setting that sets what is set."""
    kind = KINDS[0]
    threshold = with_scenario(run).witness.thresholds[kind]
    return asked(run, f"witness.threshold.{kind}={threshold}")


def with_scenario(run: RunFolder) -> Scenario:
    return load_scenario(str(run.path))


def with_thresholds(of: Scenario, thresholds: dict[PatternKind, float]) -> Scenario:
    return replace(of, witness=replace(of.witness, thresholds=thresholds))


def recorded(of: Scenario, folder: Path) -> RunFolder:
    record(of, folder)
    return RunFolder(folder)


def mixed_lines(run: RunFolder) -> list[str]:
    """Telemetry of a run for an events file: every third label is wrong, every fourth is not there."""
    truths = {x["causation_seq"]: body(x)["label"] for x in lines_of(run) if x["type"] == "truth.labelled"}
    mixed = []
    for number, line in enumerate(x for x in lines_of(run) if x["type"] == "telemetry.received"):
        label = str(truths[line["seq"]])
        if number % 3 == 0:
            label = LABELS[(LABELS.index(label) + 1) % len(LABELS)]
        kept = {} if number % 4 == 0 else {"label": label}
        mixed.append(json.dumps({"event": {"message": body(line)["message"], **_fields(body(line))}, **kept}))
    return mixed


def _fields(record: dict[str, object]) -> dict[str, object]:
    names = ("severity", "component", "error_type", "rule", "test_name")
    return {name: record[name] for name in names if name in record}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with right, wrong and missing labels, and thresholds at what a fresh WITNESS is sure of."""
    folder = tmp_path_factory.mktemp("mixed")
    of = scenario("soak", duration="4h", event_interval="1m")
    # Hints, so that WITNESS is not sure of nearly everything.
    workload = replace(of.workload, noise_per_hour=60.0, oblique_share=1.0)
    of = replace(of, workload=workload)
    # Nothing is published and nobody asked, so nothing is learned: confidences are those of a fresh WITNESS.
    silent = with_thresholds(replace(of, feedback=None), dict.fromkeys(KINDS, 0.9999))
    silent = replace(silent, witness=replace(silent.witness, review_above=None))
    first = recorded(silent, folder / "first")
    assert not any(line["type"] == "pattern.learned" for line in lines_of(first))
    file = folder / "events.jsonl"
    file.write_text("\n".join(mixed_lines(first)))
    of = resolve(load_scenario("soak"), Options(events=file, event_interval="1m"))
    middles = {kind: median(d.confidence for d in decided(first) if d.kind == kind) for kind in KINDS}
    return recorded(with_thresholds(of, middles), folder / "run")


# -- an independent fold --


class Decided(NamedTuple):
    seq: object
    answer: str
    kind: str
    confidence: float
    label: str | None


def decided(run: RunFolder) -> list[Decided]:
    lines = lines_of(run)
    truths = {x["causation_seq"]: str(body(x)["label"]) for x in lines if x["type"] == "truth.labelled"}
    return [
        Decided(
            x["causation_seq"],
            str(body(x)["kind"]) if x["type"] == "pattern.detected" else "none",
            str(body(x)["kind"]),
            float(str(body(x)["confidence"])),
            truths.get(x["causation_seq"]),
        )
        for x in lines
        if x["type"] in ("pattern.detected", "telemetry.dismissed")
    ]


def answers_at(decisions: list[Decided], kind: str, threshold: float) -> dict[object, str]:
    """Every answer when one kind has another threshold and all else is as it was."""
    return {
        d.seq: (kind if d.confidence > threshold else "none") if d.kind == kind else d.answer
        for d in decisions
    }


def counts(decisions: list[Decided], answers: dict[object, str], kind: str) -> tuple[int, int, int, int]:
    """Detections of a kind: all, right, wrong, without a label."""
    labels = [d.label for d in decisions if answers[d.seq] == kind]
    right, unlabelled = labels.count(kind), labels.count(None)
    return len(labels), right, len(labels) - right - unlabelled, unlabelled


def as_counts(detections: object) -> tuple[int, ...]:
    names = ("detection_count", "true_count", "false_count", "unlabelled_count")
    return tuple(getattr(detections, name) for name in names)


# -- nothing changed --


def test_the_same_thresholds_change_nothing(run: RunFolder) -> None:
    found = unchanged(run)
    assert found.before == found.after
    assert (found.changed_count, found.changes, found.cost_change_nanousd) == (0, (), 0)
    assert found.decision_count == len(decided(run)) > 200
    assert all(kind.before == kind.after for kind in found.kinds)


@pytest.mark.parametrize("name", sorted(path.name for path in replay_logs.CORPUS.iterdir()))
def test_kept_runs_of_every_schema_are_decided_again_as_they_were(name: str) -> None:
    found = unchanged(replay_logs.kept(name))
    assert found.decision_count == len(decided(replay_logs.kept(name))) > 0
    assert found.changed_count == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_full_of_faults_is_decided_again_as_it_was(seed: int, tmp_path: Path) -> None:
    chaos = recorded(scenario("chaos", seed=seed, duration="5h"), tmp_path / "run")
    types = Counter(line["type"] for line in lines_of(chaos))
    assert types["fault.injected"]
    found = unchanged(chaos)
    assert found.changed_count == 0
    assert found.decision_count == types["pattern.detected"] + types["telemetry.dismissed"]
    assert found.lesson_count == types["pattern.learned"] > 0


def test_a_run_is_not_touched(run: RunFolder) -> None:
    before = tree(run.path)
    asked(run, "witness.threshold.duplication=0.5")
    assert tree(run.path) == before


# -- what changes --


@pytest.mark.parametrize("kind", KINDS)
def test_a_lower_threshold_only_adds_detections_of_its_kind(run: RunFolder, kind: PatternKind) -> None:
    found = asked(run, f"witness.threshold.{kind}=0.3")
    for change in found.kinds:
        assert change.lost.detection_count == 0
        assert change.kind == kind or change.gained.detection_count == 0
    assert all((c.before, c.after) == ("none", kind) and c.confidence > 0.3 for c in found.changes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_higher_threshold_only_removes_detections_of_its_kind(run: RunFolder, kind: PatternKind) -> None:
    found = asked(run, f"witness.threshold.{kind}=0.99")
    for change in found.kinds:
        assert change.gained.detection_count == 0
        assert change.kind == kind or change.lost.detection_count == 0
    assert all((c.before, c.after) == (kind, "none") and c.confidence <= 0.99 for c in found.changes)


def test_the_run_of_these_tests_has_changes_of_every_sort(run: RunFolder) -> None:
    lower = asked(run, *(f"witness.threshold.{kind}=0.3" for kind in KINDS))
    higher = asked(run, *(f"witness.threshold.{kind}=0.99" for kind in KINDS))
    gained = [kind.gained for kind in lower.kinds]
    lost = [kind.lost for kind in higher.kinds]
    for detections in (gained, lost):
        assert all(sum(column) > 0 for column in zip(*map(as_counts, detections), strict=True))


@settings(max_examples=20)
@given(kind=st.sampled_from(KINDS), percent=st.integers(0, 99))
def test_figures_are_those_of_an_independent_fold(run: RunFolder, kind: PatternKind, percent: int) -> None:
    threshold = percent / 100
    found = asked(run, f"witness.thresholds.{kind}={threshold}")
    decisions = decided(run)
    was = {d.seq: d.answer for d in decisions}
    now = answers_at(decisions, kind, threshold)
    for change in found.kinds:
        assert as_counts(change.before) == counts(decisions, was, change.kind)
        assert as_counts(change.after) == counts(decisions, now, change.kind)
        gained = {seq: answer if was[seq] != answer else "none" for seq, answer in now.items()}
        lost = {seq: answer if now[seq] != answer else "none" for seq, answer in was.items()}
        assert as_counts(change.gained) == counts(decisions, gained, change.kind)
        assert as_counts(change.lost) == counts(decisions, lost, change.kind)
    for side, answers in ((found.before, was), (found.after, now)):
        labelled = [d for d in decisions if d.label is not None]
        correct_count = sum(answers[d.seq] == d.label for d in labelled)
        assert (side.correct_count, found.labelled_count) == (correct_count, len(labelled))
        assert side.accuracy == round(correct_count / len(labelled), 6)
        false_count = sum(counts(decisions, answers, k)[2] for k in KINDS)
        assert side.false_alarms_per_day == round(false_count / (found.duration_ns / 86_400e9), 4)
    changed = [d for d in decisions if was[d.seq] != now[d.seq]]
    assert found.changed_count == len(changed)
    assert [(c.seq, c.confidence, c.label) for c in found.changes] == [
        (d.seq, d.confidence, d.label) for d in changed[:CHANGES_KEPT_MAX]
    ]


def test_what_was_is_what_the_named_queries_say(run: RunFolder, tmp_path: Path) -> None:
    found = unchanged(run)
    with open_database(run) as database:
        accuracy = database.record("detection_accuracy")
        costs = {row["kind"]: row for row in database.named("cost_per_kind").records()}
        spent = database.record("budget_status")["spent_usd"]
    assert accuracy["accuracy"] == found.before.accuracy
    assert accuracy["labelled_count"] == found.labelled_count
    assert spent == pytest.approx(found.spent_nanousd / 1e9)
    for kind in found.kinds:
        mean_usd = None if kind.cycle_cost_nanousd is None else kind.cycle_cost_nanousd / 1e9
        assert costs[kind.kind]["cycle_count"] == kind.before.detection_count
        assert costs[kind.kind]["mean_cost_usd"] == pytest.approx(mean_usd, abs=1e-5)


def test_a_recommended_threshold_brings_what_the_recommendation_says(run: RunFolder) -> None:
    with open_database(run) as database:
        candidates = database.named("threshold_candidates").records()
    assert candidates
    for row in candidates:
        found = asked(run, f"witness.threshold.{row['kind']}={row['candidate']}")
        (change,) = (kind for kind in found.kinds if kind.kind == row["kind"])
        assert change.gained.true_count == row["missed_count"]
        assert change.gained.false_count == row["false_count"]


def test_cost_is_the_mean_of_a_recorded_detection_times_those_that_are_more(run: RunFolder) -> None:
    kinds = {kind.kind: kind for kind in asked(run, *(f"witness.threshold.{k}=0.3" for k in KINDS)).kinds}
    lines = lines_of(run)
    for name, change in kinds.items():
        found = [x for x in lines if x["type"] == "pattern.detected" and body(x)["kind"] == name]
        roots = {x["causation_seq"] for x in found}
        calls = [x for x in lines if x["type"] == "model.called" and x["correlation_seq"] in roots]
        cost_nanousd = sum(int(str(body(x)["cost_nanousd"])) for x in calls)
        mean_nanousd = round(cost_nanousd / len(roots)) if roots else None
        assert change.cycle_cost_nanousd == mean_nanousd
        more_count = change.gained.detection_count
        assert change.cost_change_nanousd == (None if mean_nanousd is None else mean_nanousd * more_count)
    assert kinds["critical_error"].cycle_cost_nanousd


def test_the_cost_of_a_kind_that_was_never_published_is_not_known(run: RunFolder, tmp_path: Path) -> None:
    of = with_scenario(run)
    thresholds = {**of.witness.thresholds, KINDS[0]: 0.9999}
    silent = recorded(with_thresholds(of, thresholds), tmp_path / "run")
    found = asked(silent, f"witness.threshold.{KINDS[0]}=0.1")
    (change,) = (kind for kind in found.kinds if kind.kind == KINDS[0])
    assert change.gained.detection_count > 0
    assert (change.cycle_cost_nanousd, change.cost_change_nanousd, found.cost_change_nanousd) == (None,) * 3
    assert unchanged(silent).cost_change_nanousd == 0


def test_changes_are_kept_up_to_a_bound_with_messages_cut_and_all_are_counted(run: RunFolder) -> None:
    found = asked(run, *(f"witness.threshold.{kind}=0" for kind in KINDS))
    assert found.changed_count > len(found.changes) == CHANGES_KEPT_MAX
    assert all(0 < len(change.message) <= MESSAGE_CHARACTERS_MAX for change in found.changes)


# -- sabotage --


def sabotaged(run: RunFolder, folder: Path, change: Callable[[Line], None], type_name: str) -> RunFolder:
    """A copy of a run with its first event of a type changed by somebody who can compute CRCs."""
    copy = RunFolder(folder / "copy")
    copy.path.mkdir()
    copy.scenario.write_bytes(run.scenario.read_bytes())
    copy.events.mkdir()
    lines: Lines = lines_of(run)
    change(next(line for line in lines if line["type"] == type_name))
    return written(copy, lines)


@pytest.mark.parametrize(
    ("type_name", "member", "value"),
    [
        ("pattern.detected", "confidence", 0.4321),
        ("pattern.detected", "evidence", ["a word that nobody said"]),
        ("pattern.detected", "nearest_pattern", "somebody-else"),
        ("telemetry.dismissed", "confidence", 0.4321),
        ("telemetry.dismissed", "threshold", 0.4321),
    ],
)
def test_a_decision_that_was_tampered_with_leaves_nothing_to_compare(
    run: RunFolder, tmp_path: Path, type_name: str, member: str, value: object
) -> None:
    copy = sabotaged(run, tmp_path, lambda line: body(line).update({member: value}), type_name)
    with pytest.raises(DecidedOtherwise, match=rf"seq \d+: data\.{member}.* --verify"):
        unchanged(copy)


def test_a_decision_without_its_telemetry_leaves_nothing_to_compare(run: RunFolder, tmp_path: Path) -> None:
    def misdirect(line: Line) -> None:
        line["causation_seq"] = 1

    copy = sabotaged(run, tmp_path, misdirect, "delivery.acknowledged")
    with pytest.raises(DecidedOtherwise, match="the list of decisions"):
        unchanged(copy)


def test_a_lesson_that_is_not_taken_in_is_noticed(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert unchanged(run).lesson_count > 0
    monkeypatch.setattr(Witness, "apply", lambda self, learned: None)
    with pytest.raises(DecidedOtherwise):
        unchanged(run)
