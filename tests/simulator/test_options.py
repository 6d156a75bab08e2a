"""Options: what is typed is laid over the scenario, or refused by the name of the option."""

import json
from hashlib import sha256
from importlib import resources
from pathlib import Path

import pytest
from msgspec.structs import replace

from bus.errors import InputError
from simulator.duration import NS_PER_UNIT
from simulator.options import Options, resolve
from simulator.scenario_file import load_scenario

HOUR_NS = NS_PER_UNIT["h"]


def events_file(folder: Path, *moments: str | None) -> Path:
    path = folder / "events.jsonl"
    records = [{"event": {"message": "m"}} | ({} if ts is None else {"ts": ts}) for ts in moments]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_nothing_typed_fills_in_which_weights_decide_and_changes_nothing_else() -> None:
    soak = load_scenario("soak")
    resolved = resolve(soak, Options())
    weights = (resources.files("agents") / "data" / "weights.csv").read_bytes()
    body = weights.partition(b"\n")[2]
    assert soak.witness.model_sha256 is None
    assert resolved.witness.model_sha256 == sha256(body).hexdigest()
    assert replace(resolved, witness=soak.witness) == soak
    assert replace(resolved.witness, model_sha256=None) == soak.witness


def test_what_is_resolved_already_is_not_changed_by_nothing_typed() -> None:
    resolved = resolve(load_scenario("soak"), Options())
    assert resolve(resolved, Options()) == resolved
    rules = replace(resolved, witness=replace(resolved.witness, detector="lexicon", model_sha256=None))
    assert resolve(rules, Options()) == rules


def test_a_bare_number_is_in_the_unit_of_its_option() -> None:
    options = Options(duration="2", event_interval="5", snapshot_interval="10", metrics_interval="1")
    scenario = resolve(load_scenario("soak"), options)
    assert scenario.duration == 2 * HOUR_NS
    assert scenario.workload.event_interval == HOUR_NS // 12
    assert (scenario.intervals.snapshot, scenario.intervals.metrics) == (HOUR_NS // 6, HOUR_NS // 60)


def test_seed_and_budget_are_taken_over() -> None:
    scenario = resolve(load_scenario("soak"), Options(seed="0", budget="0.123456789"))
    assert (scenario.seed, scenario.budget.total_nanousd) == (0, 123_456_789)


@pytest.mark.parametrize(
    ("option", "options"),
    [
        ("--duration", Options(duration="soon")),
        ("--duration", Options(duration="-2h")),
        ("--event-interval", Options(event_interval="0m")),
        ("--snapshot-interval", Options(snapshot_interval="x")),
        ("--metrics-interval", Options(metrics_interval="1e3")),
        ("--budget", Options(budget="-1")),
        ("--budget", Options(budget="much")),
        ("event_interval", Options(event_interval="0.5ms")),
        ("seed", Options(seed=str(2**63))),
    ],
)
def test_a_bad_option_is_refused_by_name(option: str, options: Options) -> None:
    with pytest.raises(InputError, match=option):
        resolve(load_scenario("soak"), options)


def test_dated_records_set_the_start_to_the_full_hour_before_them_and_fit_the_duration(
    tmp_path: Path,
) -> None:
    path = events_file(tmp_path, "2026-03-01T12:34:56Z", "2026-03-03T00:00:00Z")
    scenario = resolve(load_scenario("soak"), Options(events=path))
    assert scenario.start == "2026-03-01T12:00:00Z"
    assert scenario.duration == 36 * HOUR_NS + NS_PER_UNIT["s"]
    assert scenario.workload.noise_per_hour == 0
    assert scenario.workload.events_file == str(path.resolve())


def test_undated_records_keep_the_start_of_the_scenario(tmp_path: Path) -> None:
    soak = load_scenario("soak")
    scenario = resolve(soak, Options(events=events_file(tmp_path, *[None] * 3)))
    assert (scenario.start, scenario.duration) == (soak.start, soak.duration)


def test_a_duration_that_was_typed_holds_even_if_records_come_later(tmp_path: Path) -> None:
    path = events_file(tmp_path, "2026-03-01T00:00:00Z", "2026-03-09T00:00:00Z")
    assert resolve(load_scenario("soak"), Options(events=path, duration="1h")).duration == HOUR_NS


def test_records_that_span_more_than_ten_years_are_refused(tmp_path: Path) -> None:
    path = events_file(tmp_path, "2001-01-01T00:00:00Z", "2026-03-09T00:00:00Z")
    with pytest.raises(InputError, match="span more than ten years"):
        resolve(load_scenario("soak"), Options(events=path))


def test_the_content_of_the_events_file_counts_and_not_its_path(tmp_path: Path) -> None:
    first, second, other = (tmp_path / name for name in "abc")
    for folder in (first, second, other):
        folder.mkdir()
    moments = ["2026-03-01T00:00:00Z"]
    digests = [
        resolve(load_scenario("soak"), Options(events=events_file(folder, *found))).sha256()
        for folder, found in ((first, moments), (second, moments), (other, moments * 2))
    ]
    assert digests[0] == digests[1] != digests[2]
