"""Every named query runs on every sort of run, and says the same as a plain fold over the events."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from analysis.catalog import NamedQuery, find_query, named_queries
from analysis.database import Database, open_database
from analysis.sql_files import SqlFile, sql_folder
from bus import bodies
from bus.errors import InputError
from bus.events import Event
from store.run_folder import RunFolder
from tests.analysis.synthetic import Options, Synthetic

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def empty(empty_run: RunFolder) -> Iterator[Database]:
    with open_database(empty_run) as database:
        yield database


@pytest.fixture(scope="module")
def log() -> Synthetic:
    """What the fixture ``good`` holds."""
    return Synthetic(Options(noise_per_event=3))


@pytest.mark.parametrize("query", named_queries(), ids=lambda query: query.name)
def test_every_query_says_its_grain_and_each_of_its_columns(good: Database, query: NamedQuery) -> None:
    assert re.search(r"^grain: \S", query.header, re.MULTILINE)
    words = set(re.findall(r"\w+", query.header))
    # The row's own key may be named by the grain alone: "one row per queue".
    assert [column for column in good.named(query.name).columns if column not in words] == []


@pytest.mark.parametrize("query", named_queries(), ids=lambda query: query.name)
def test_every_query_answers_on_an_empty_log(empty: Database, query: NamedQuery) -> None:
    assert empty.named(query.name).columns


@pytest.mark.parametrize("sliced_at", [1, 57])
def test_trinity_log_can_be_told_in_slices(good_run: RunFolder, sliced_at: int) -> None:
    story = find_query("trinity_log").sql
    with open_database(good_run) as database:
        whole = database.query(story).rows
        database.set_variable("until_seq", sliced_at)
        first = database.query(story).rows
        database.set_variable("after_seq", sliced_at)
        database.set_variable("until_seq", 10**9)
        assert first + database.query(story).rows == whole


@pytest.mark.parametrize("query", named_queries(), ids=lambda query: query.name)
def test_every_query_answers_the_same_each_time(good: Database, query: NamedQuery) -> None:
    first = good.query(query.sql)
    assert all(good.query(query.sql) == first for _ in range(2))


@pytest.mark.parametrize("file", sql_folder("views"), ids=lambda file: file.name)
def test_every_view_tells_its_grain_and_can_be_read(good: Database, file: SqlFile) -> None:
    name = file.name[4:]
    assert file.text.startswith(f"-- {name}: ")
    assert "-- Grain: " in file.text
    assert good.query(f"select * from {name}").columns


def test_query_names_are_found_with_or_without_the_at_sign() -> None:
    assert find_query("@run_summary") == find_query("run_summary")


def test_an_unknown_query_is_refused_with_names_that_are_close() -> None:
    with pytest.raises(InputError, match="detection_accuracy"):
        find_query("detection_acuracy")
    with pytest.raises(InputError, match="--list"):
        find_query("zzz")


def of(log: Synthetic, body: type[bodies.Body]) -> list[Any]:
    return [event.data for event in log.of(body)]


def decided(log: Synthetic) -> dict[int, str]:
    """What WITNESS said, by telemetry."""
    found = {cause(event): "none" for event in log.of(bodies.TelemetryDismissed)}
    return found | {
        cause(event): event.data.kind
        for event in log.events
        if isinstance(event.data, bodies.PatternDetected)
    }


def cause(event: Event) -> int:
    assert event.causation_seq is not None
    return event.causation_seq


def labels(log: Synthetic) -> dict[int, str]:
    return {
        cause(event): event.data.label for event in log.events if isinstance(event.data, bodies.TruthLabelled)
    }


def folded_confusion(log: Synthetic) -> list[tuple]:
    answers = decided(log)
    pairs = Counter((label, answers[seq]) for seq, label in labels(log).items())
    return sorted((*pair, count) for pair, count in pairs.items())


def folded_accuracy(log: Synthetic) -> list[tuple]:
    answers, truths = decided(log), labels(log)
    correct = Counter(truths[seq] for seq in truths if answers[seq] == truths[seq])
    total = Counter(truths.values())
    balanced = mean(correct[label] / total[label] for label in total)
    hits, labelled = correct.total(), total.total()
    actionable = labelled - total["none"]
    detected = len(of(log, bodies.PatternDetected))
    shares = round(hits / labelled, 6), round(balanced, 6)
    return [(labelled, hits, 0, *shares, actionable, detected)]


def folded_latency(log: Synthetic) -> list[tuple]:
    sent = {event.seq: event.time_ns for event in log.of(bodies.TelemetryReceived)}
    answers = log.of(bodies.PatternDetected) + log.of(bodies.TelemetryDismissed)
    waits = sorted((event.time_ns - sent[cause(event)]) / 1e6 for event in answers)
    count = len(waits)
    return [
        (
            count,
            round(mean(waits), 3),
            waits[(count + 1) // 2 - 1],
            waits[-(-count * 95 // 100) - 1],
            waits[-1],
        )
    ]


def folded_cost_by_model(log: Synthetic) -> list[tuple]:
    rows = []
    for model in sorted({call.request_model for call in of(log, bodies.ModelCalled)}):
        calls = [call for call in of(log, bodies.ModelCalled) if call.request_model == model]
        tokens = sum(call.input_tokens for call in calls), sum(call.output_tokens for call in calls)
        cost = sum(call.cost_nanousd for call in calls) / 1e9
        rows.append((model, calls[0].tier, len(calls), 0, *tokens, 2000.0, round(cost, 6)))
    return rows


def folded_local_share(log: Synthetic) -> list[tuple]:
    calls = of(log, bodies.ModelCalled)
    local = sum(call.tier == "local" for call in calls)
    return [(len(calls), local, round(local / len(calls), 6), 1.0)]


def folded_counts(log: Synthetic) -> list[tuple]:
    counts = Counter((event.type, event.source) for event in log.events)
    return sorted((*key, count) for key, count in counts.items())


def folded_backlog(log: Synthetic) -> list[tuple]:
    depths: Counter[str] = Counter()
    peaks: Counter[str] = Counter()
    for event in log.events:
        if event.queue:
            depths[event.queue] += 1
            peaks[event.queue] = max(peaks[event.queue], depths[event.queue])
        elif isinstance(event.data, bodies.DeliveryAcknowledged):
            depths[event.data.queue] -= 1
    return sorted((queue, peaks[queue], depths[queue]) for queue in peaks)


def folded_trend(log: Synthetic) -> list[tuple]:
    halves = []
    for kind in {body.kind for body in of(log, bodies.PatternDetected)}:
        values = [body.confidence for body in of(log, bodies.PatternDetected) if body.kind == kind]
        middle = len(values) // 2
        halves.append((len(values), mean(values[middle:]) - mean(values[:middle])))
    count = sum(n for n, _ in halves)
    return [(count, round(sum(n * gain for n, gain in halves) / count, 6))]


FOLDS: list[tuple[str, Callable[[Synthetic], list[tuple]], tuple[str, ...]]] = [
    ("confusion", folded_confusion, ()),
    ("detection_accuracy", folded_accuracy, ()),
    ("detection_latency", folded_latency, ()),
    ("cost_by_model", folded_cost_by_model, ()),
    ("local_share", folded_local_share, ()),
    ("event_counts", folded_counts, ("type", "source", "event_count")),
    ("queue_backlog", folded_backlog, ("queue", "max_depth", "end_depth")),
    ("confidence_trend", folded_trend, ("detection_count", "trend")),
]


@pytest.mark.parametrize(("name", "fold", "columns"), FOLDS, ids=[name for name, *_ in FOLDS])
def test_a_query_says_what_a_plain_fold_says(
    good: Database,
    log: Synthetic,
    name: str,
    fold: Callable[[Synthetic], list[tuple]],
    columns: tuple[str, ...],
) -> None:
    result = good.named(name)
    rows = [tuple(record[column] for column in columns or result.columns) for record in result.records()]
    assert rows == [pytest.approx(row) for row in fold(log)]


def test_the_budget_adds_up_to_what_the_calls_cost(good: Database, log: Synthetic) -> None:
    spent = sum(call.cost_nanousd for call in of(log, bodies.ModelCalled))
    assert good.query("select max(spent_nanousd) from budget").rows == [(spent,)]
    assert good.record("budget_status")["spent_usd"] == pytest.approx(spent / 1e9)
    by_agent = sum(float(str(row["cost_usd"])) for row in good.named("cost_by_agent").records())
    assert by_agent == pytest.approx(spent / 1e9)


def test_a_cycle_costs_what_all_calls_of_its_chain_cost(good: Database) -> None:
    costs = {row["kind"]: row["mean_cost_usd"] for row in good.named("cost_per_kind").records()}
    assert costs["critical_error"] == pytest.approx(0.06)
    assert costs["feature_request"] == 0


def test_the_chain_is_one_correlation_and_the_variable_chooses_it(good_run: RunFolder) -> None:
    with open_database(good_run) as database:
        seq = database.query("select min(telemetry_seq) from decisions where published").rows[0][0]
        assert isinstance(seq, int)
        default = database.named("chain").records()
        database.set_variable("correlation_seq", seq)
        chosen = database.named("chain").records()
    assert default != chosen
    assert chosen[0]["seq"] == seq
    assert {"telemetry.received", "task.completed", "pattern.learned"} <= {row["type"] for row in chosen}


def test_queries_without_labels_say_null_and_not_zero(tmp_path: Path) -> None:
    run = Synthetic(Options(labelled=False)).write(tmp_path / "run")
    with open_database(run) as database:
        accuracy = database.record("detection_accuracy")
        assert (accuracy["accuracy"], accuracy["balanced_accuracy"]) == (None, None)
        assert {row["recall"] for row in database.named("per_kind").records()} == {None}


def test_undecided_telemetry_counts_as_wrong(tmp_path: Path) -> None:
    log = Synthetic(Options(misses=()))
    log.drop(log.of(bodies.PatternDetected)[0])
    with open_database(log.write(tmp_path / "run")) as database:
        accuracy = database.record("detection_accuracy")
    assert (accuracy["undecided_count"], accuracy["correct_count"], accuracy["labelled_count"]) == (1, 19, 20)


def test_trinity_log_leaves_dismissed_noise_out_and_keeps_near_misses(good: Database) -> None:
    rows = good.named("trinity_log").records()
    kinds = Counter(row["event"] for row in rows)
    assert kinds["telemetry.received"] == 20
    assert [
        json.loads(str(row["data"]))["kind"] for row in rows if row["event"] == "telemetry.dismissed"
    ] == ["feature_request"]
    assert kinds["agent.heartbeat"] == kinds["truth.labelled"] == 0
    handled = [row["processing_ms"] for row in rows if row["event"] == "delivery.acknowledged"]
    assert all(isinstance(value, float) for value in handled)


def test_threshold_candidates_count_gain_and_harm(tmp_path: Path) -> None:
    """The miss at 0.66 could be had at 0.65; the noise at 0.68 would come with it."""
    log = Synthetic(Options(noise_per_event=1))
    noise = next(e for e in log.of(bodies.TelemetryDismissed) if getattr(e.data, "kind", "") == "none")
    log.change(noise, kind="feature_request", confidence=0.68, threshold=0.7)
    with open_database(log.write(tmp_path / "run")) as database:
        assert database.named("threshold_candidates").rows == [("feature_request", 0.7, 1, 0.65, 1)]


def test_python_holds_no_sql() -> None:
    """Statements live in .sql files."""
    verbs = re.compile(r"""["'](select|create|insert|copy|attach|set variable)\s""", re.IGNORECASE)
    found = [path.name for path in (ROOT / "analysis").glob("*.py") if verbs.search(path.read_text())]
    assert found == []
