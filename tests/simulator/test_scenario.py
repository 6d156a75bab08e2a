"""Scenario: every key is checked, every error says which, and what was resolved can be read again."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from simulator.duration import Duration
from simulator.errors import ScenarioError
from simulator.options import Options, resolve
from simulator.scenario import Scenario
from simulator.scenario_file import load_scenario, parse_scenario, scenario_folder, scenario_names

PLACE = "here/scenario.toml"
Path_ = tuple[str, ...]


def soak_table() -> dict[str, object]:
    return tomllib.loads((scenario_folder("soak") / "scenario.toml").read_text(encoding="utf-8"))


def leaves(table: dict[str, object], path: Path_ = ()) -> Iterator[Path_]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def tables(table: dict[str, object], path: Path_ = ()) -> Iterator[Path_]:
    yield path
    for key, value in table.items():
        if isinstance(value, dict):
            yield from tables(value, (*path, key))


def changed(path: Path_, value: object) -> dict[str, object]:
    """The soak with one value replaced, or added."""
    whole = soak_table()
    table = whole
    for key in path[:-1]:
        below = table[key]
        assert isinstance(below, dict)
        table = below
    table[path[-1]] = value
    return whole


def value_at(path: Path_) -> object:
    value: object = soak_table()
    for key in path:
        assert isinstance(value, dict)
        value = value[key]
    return value


def parsed(table: dict[str, object]) -> Scenario:
    return parse_scenario(tomli_w.dumps(table).encode(), PLACE)


def error_of(table: dict[str, object]) -> str:
    with pytest.raises(ScenarioError) as caught:
        parsed(table)
    message = str(caught.value)
    assert message.startswith(f"{PLACE}: ")
    assert "\n" not in message
    return message


LEAVES = sorted(leaves(soak_table()))
# The keys of these are free; what they may be is checked when the whole is known.
FREE = {("budget", "shares"), ("queues",), ("witness", "thresholds"), ("models",)}


@pytest.mark.parametrize("path", LEAVES, ids=".".join)
def test_a_mistyped_value_is_refused_with_the_path_of_its_key(path: Path_) -> None:
    message = error_of(changed(path, [1, 2]))
    assert all(key in message for key in path), message


@pytest.mark.parametrize("path", [path for path in tables(soak_table()) if path not in FREE], ids=".".join)
def test_an_unknown_key_is_refused_with_its_path(path: Path_) -> None:
    message = error_of(changed((*path, "wether"), 1))
    assert all(key in message for key in (*path, "wether")), message


def without(path: Path_) -> dict[str, object]:
    """The soak with one key left out."""
    whole = soak_table()
    table: dict[str, object] = whole
    for key in path[:-1]:
        below = table[key]
        assert isinstance(below, dict)
        table = below
    del table[path[-1]]
    return whole


# What the keys mean that may be left out. Scenarios in the folders of old runs do without them.
DEFAULTS: dict[Path_, object] = {
    ("feedback",): None,
    ("feedback", "missing_share"): 0.0,
    ("feedback", "wrong_share"): 0.0,
    ("workload", "oblique_share"): 0.03,
    ("witness", "detector"): "lexicon",
    ("witness", "review_above"): None,
}


@pytest.mark.parametrize(
    "path", [path for path in LEAVES if path[:2] not in FREE and path not in DEFAULTS], ids=".".join
)
def test_a_missing_key_is_refused_by_name(path: Path_) -> None:
    assert path[-1] in error_of(without(path))


@pytest.mark.parametrize("path", DEFAULTS, ids=".".join)
def test_a_key_that_came_later_may_be_left_out_and_then_means_what_old_runs_did(path: Path_) -> None:
    whole = without(path)
    if path == ("feedback",):
        witness = whole["witness"]
        assert isinstance(witness, dict)
        del witness["review_above"]  # there is nobody to answer
    found: object = parsed(whole)
    for key in path:
        found = getattr(found, key)
    assert found == DEFAULTS[path]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "../escape"),
        ("name", ""),
        ("seed", -1),
        ("start", "yesterday"),
        ("start", "1969-12-31T23:59:59Z"),
        ("start", "2300-01-01T00:00:00Z"),
        ("duration", 24),
        ("duration", "0h"),
        ("workload.event_interval", "0.5ms"),
        ("workload.noise_per_hour", -0.1),
        ("workload.noise_per_hour", 1e7),
        ("workload.noise_per_hour", float("nan")),
        ("workload.oblique_share", 1.1),
        ("workload.project", "moon"),
        ("budget.total_usd", -1.0),
        ("budget.total_usd", float("inf")),
        ("budget.shares.architect", 1.5),
        ("budget.shares.architect", 0.9),
        ("budget.shares.architect", float("nan")),
        ("budget.shares.nobody", 0.0),
        ("queues.telemetry_stream.depth_max", 0),
        ("queues.telemetry_stream.consumer", "nobody"),
        ("queues.telemetry_stream.consumer", "architect"),
        ("retry.attempts_max", 0),
        ("retry.attempts_max", 11),
        ("witness.thresholds.duplication", 1.0),
        ("witness.thresholds.duplication", -0.1),
        ("witness.detector", "oracle"),
        ("witness.review_above", 1.1),
        ("witness.review_above", -0.1),
        ("witness.review_above", float("nan")),
        ("witness.patterns_max", 99),
        ("witness.patterns_max", 1_000_001),
        ("feedback.missing_share", 1.5),
        ("feedback.wrong_share", -0.1),
        ("feedback.chance_share", float("nan")),
        ("models.cloud.provider", "openai"),
        ("models.cloud.tier", "local"),
        ("models.cloud.input_nanousd_per_token", -1),
        ("models.cloud.output_nanousd_per_token", -1),
        ("models.cloud.first_token_ms", -1),
        ("models.cloud.token_us", -1),
        ("models.cloud.timeout_ms", -1),
        ("models.cloud.error_share", 1.5),
        ("models.cloud.timeout_share", -0.5),
        ("models.cloud.error_share", float("nan")),
        ("limits.segment_bytes", 1),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_key(path: str, value: object) -> None:
    keys = tuple(path.split("."))
    message = error_of(changed(keys, value))
    assert keys[0] in message
    assert keys[-1] in message or ".".join(keys[:-1]) in message


@pytest.mark.parametrize(
    "queue", ["telemetry_stream", "improvement_queue", "execution_queue", "feedback_queue"]
)
def test_a_queue_that_an_agent_needs_cannot_be_left_out(queue: str) -> None:
    table = soak_table()
    queues = table["queues"]
    assert isinstance(queues, dict)
    del queues[queue]
    assert queue in error_of(table)


def test_a_threshold_for_each_kind_is_needed() -> None:
    table = soak_table()
    witness = table["witness"]
    assert isinstance(witness, dict)
    del witness["thresholds"]["duplication"]
    assert "duplication" in error_of(table)


def test_weights_of_its_own_are_refused_where_the_detector_has_none() -> None:
    table = changed(("witness", "detector"), "lexicon")
    assert isinstance(table["witness"], dict)
    table["witness"]["model"] = "my.weights"
    assert "witness.model" in error_of(table)


def test_to_ask_for_reviews_that_nobody_answers_is_refused() -> None:
    assert "witness.review_above" in error_of(without(("feedback",)))


@pytest.mark.parametrize("content", [b"\xff", b"name = ", b"= 1", b"[a]\n[a]\n", b'name = "a"\nname = "b"'])
def test_what_is_no_toml_is_refused_with_its_place(content: bytes) -> None:
    with pytest.raises(ScenarioError, match=f"^{PLACE}: "):
        parse_scenario(content, PLACE)


def test_a_scenario_that_extends_another_says_only_what_differs() -> None:
    scenario = parse_scenario(b'extends = "soak"\nname = "mine"\n[budget.shares]\narchitect = 0.1\n', PLACE)
    soak = load_scenario("soak")
    assert (scenario.name, scenario.title, scenario.queues) == ("mine", soak.title, soak.queues)
    assert scenario.budget.shares == {"architect": 0.1, "executor": 0.65}


def test_a_scenario_may_extend_one_that_extends_another() -> None:
    scenario = parse_scenario(b'extends = "learning"\nname = "mine"\n[witness]\nreview_above = 0.3\n', PLACE)
    learning = load_scenario("learning")
    assert (scenario.queues, scenario.feedback) == (learning.queues, learning.feedback)
    assert scenario.witness.review_above == 0.3


def test_scenarios_that_extend_one_another_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "scenario.toml").write_text(f'extends = "{tmp_path}"\n')
    with pytest.raises(ScenarioError, match="more than 3 scenarios extend one another"):
        load_scenario(str(tmp_path))


def test_files_that_a_scenario_names_are_looked_for_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = 'extends = "soak"\n[witness]\nmodel = "my.weights"\nmemory = "/shared/team.patterns"\n'
    (tmp_path / "scenario.toml").write_text(named)
    monkeypatch.chdir("/")
    witness = load_scenario(str(tmp_path)).witness
    assert witness.model == str(tmp_path / "my.weights")
    assert witness.memory == "/shared/team.patterns"


def test_a_file_without_a_name_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"witness\.memory is the path of a file"):
        parse_scenario(b'extends = "soak"\n[witness]\nmemory = ""\n', PLACE)


@pytest.mark.parametrize("base", [b'"nothing"', b"7", b'""'])
def test_a_scenario_that_extends_none_is_refused(base: bytes) -> None:
    with pytest.raises(ScenarioError):
        parse_scenario(b"extends = " + base, PLACE)


def test_the_scenarios_that_come_along_are_valid_and_named_like_their_folders() -> None:
    assert scenario_names() == ["busy", "chaos", "learning", "soak"]
    assert [load_scenario(name).name for name in scenario_names()] == scenario_names()


@pytest.mark.parametrize("name", ["", "nothing", "../soak", "soak/checks", "/", "SOAK"])
def test_an_unknown_scenario_is_refused_with_those_that_there_are(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScenarioError, match=r"there are busy, chaos, learning, soak, or give the path"):
        load_scenario(name)


def test_a_scenario_can_be_given_as_a_folder(tmp_path: Path) -> None:
    (tmp_path / "scenario.toml").write_text('extends = "soak"\nname = "mine"\n')
    assert load_scenario(str(tmp_path)).name == "mine"


options = st.builds(
    Options,
    seed=st.none() | st.integers(0, 2**63 - 1).map(str),
    duration=st.none() | st.integers(1, 10**6).map(lambda ms: f"{ms}ms"),
    budget=st.none() | st.integers(0, 10**12).map(lambda mills: f"{mills / 1000:.3f}"),
    event_interval=st.none() | st.integers(1, 10**6).map(lambda ms: f"{ms}ms"),
    snapshot_interval=st.none() | st.decimals("0.1", 999, places=1).map(str),
    metrics_interval=st.none() | st.integers(1, 999).map(lambda minutes: f"{minutes}m"),
)


@given(st.sampled_from(["soak", "busy"]), options)
def test_what_was_resolved_is_read_back_the_same_from_its_toml(name: str, chosen: Options) -> None:
    scenario = resolve(load_scenario(name), chosen)
    again = parse_scenario(scenario.to_toml().encode(), PLACE)
    assert again == scenario
    assert again.sha256() == scenario.sha256()


def test_every_duration_of_a_scenario_is_written_so_that_it_can_be_read() -> None:
    scenario = resolve(load_scenario("soak"), Options(duration="0.000000001h"))
    assert parse_scenario(scenario.to_toml().encode(), PLACE).duration == Duration(3600)


def other_value(path: Path_) -> object:
    """A valid value that is not the one of the soak."""
    value = value_at(path)
    special = {
        "consumer": "architect",
        "provider": "mock",
        "start": "2025-10-02T00:00:00Z",
        "checks": "busy",
        "detector": "lexicon",
        "attempts_max": 4,
        "segment_bytes": 1 << 21,
    }
    if path[-1] in special:
        return special[path[-1]]
    if isinstance(value, str):
        return "77m" if value[:1].isdigit() else f"{value}x"
    assert isinstance(value, int | float)
    return value + 1 if isinstance(value, int) else (value * 0.5 or 0.25)


@pytest.mark.parametrize(
    "path",
    [path for path in LEAVES if path[-1] not in ("consumer", "provider", "tier", "checks")],
    ids=".".join,
)
def test_the_digest_of_a_scenario_depends_on_every_option(path: Path_) -> None:
    assert parsed(changed(path, other_value(path))).sha256() != load_scenario("soak").sha256()


def test_the_digest_of_a_scenario_is_the_same_for_the_same_content() -> None:
    backwards = dict(reversed(soak_table().items()))
    assert parsed(backwards).sha256() == load_scenario("soak").sha256()
