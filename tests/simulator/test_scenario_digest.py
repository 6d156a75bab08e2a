"""The digest of a scenario: each setting counts that may be left out, and a file counts by what is in it."""

import msgspec
import pytest
from msgspec.structs import replace

from simulator.scenario import FeedbackSettings, Scenario, WitnessSettings, WorkloadSettings
from simulator.scenario_file import load_scenario

SHA256 = "ab" * 32
PATHS = {("workload", "events_file"), ("witness", "model"), ("witness", "head"), ("witness", "memory")}
"""Of files whose content counts by its own digest."""
OTHERS: dict[tuple[str, str], object] = {
    ("workload", "events_sha256"): SHA256,
    ("workload", "project"): "firmware",
    ("workload", "oblique_share"): 0.77,
    ("witness", "detector"): "lexicon",
    ("witness", "model_sha256"): SHA256,
    ("witness", "embedder"): "another",
    ("witness", "embedder_sha256"): SHA256,
    ("witness", "head_sha256"): SHA256,
    ("witness", "memory_sha256"): SHA256,
    ("witness", "patterns_max"): 100,
    ("witness", "review_above"): 0.77,
    ("feedback", "missing_share"): 0.77,
    ("feedback", "wrong_share"): 0.77,
    ("feedback", "chance_share"): 0.77,
}
"""Of each setting that may be left out: a value that the soak does not have."""
TABLES: dict[str, type[msgspec.Struct]] = {
    "workload": WorkloadSettings,
    "witness": WitnessSettings,
    "feedback": FeedbackSettings,
}


def changed(path: tuple[str, str], value: object) -> Scenario:
    table, key = path
    soak = load_scenario("soak")
    return replace(soak, **{table: replace(getattr(soak, table), **{key: value})})


def test_no_setting_that_may_be_left_out_is_forgotten_here() -> None:
    optional = {
        (name, field.name)
        for name, table in TABLES.items()
        for field in msgspec.structs.fields(table)
        if not field.required
    }
    assert optional == PATHS | set(OTHERS)


@pytest.mark.parametrize("path", OTHERS, ids=".".join)
def test_the_digest_depends_on_every_setting_that_may_be_left_out(path: tuple[str, str]) -> None:
    assert changed(path, OTHERS[path]).sha256() != load_scenario("soak").sha256()


@pytest.mark.parametrize("path", sorted(PATHS), ids=".".join)
def test_the_digest_does_not_depend_on_where_a_file_is(path: tuple[str, str]) -> None:
    assert changed(path, "elsewhere").sha256() == load_scenario("soak").sha256()


def test_a_sentence_model_counts_by_its_files_once_these_are_known_and_by_its_name_until_then() -> None:
    soak = load_scenario("soak")

    def digest(embedder: str, sha256: str | None) -> str:
        witness = replace(soak.witness, embedder=embedder, embedder_sha256=sha256)
        return replace(soak, witness=witness).sha256()

    assert digest("one", SHA256) == digest("/a/copy/of/one", SHA256) != digest("one", "cd" * 32)
    assert digest("one", None) != digest("another", None)


def test_without_a_reviewer_and_with_one_that_never_errs_are_two_scenarios() -> None:
    soak = load_scenario("soak")
    with_one, without = replace(soak, feedback=FeedbackSettings()), replace(soak, feedback=None)
    assert with_one.sha256() != without.sha256()
