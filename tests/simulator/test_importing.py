"""What a run begins with: merged, bounded, the most useful first, and what it was said to be."""

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from bus.errors import DamageError, InputError
from simulator.importing import imports_of, memory_content, with_memory
from simulator.options import Options, resolve
from simulator.scenario import Scenario
from simulator.scenario_file import load_scenario
from store.pattern_file import encode_patterns
from store.run_folder import RunFolder
from tests.simulator.remembering import TAUGHT, crashes, pattern, remembering, short_soak, write_file

CRASH = "Gateway crashed with a segmentation fault"


def resolved(path: Path) -> Scenario:
    return resolve(load_scenario("soak"), Options(memory=path))


def nowhere(tmp_path: Path) -> RunFolder:
    """A folder without a copy."""
    return RunFolder(tmp_path / "run")


def test_a_resolved_scenario_says_which_patterns_it_begins_with(tmp_path: Path) -> None:
    path = write_file(tmp_path / "patterns", pattern(CRASH))
    scenario = resolved(path)
    assert scenario.witness.memory == str(path)
    assert scenario.witness.memory_sha256 is not None
    shutil.copyfile(path, tmp_path / "copy")
    assert resolved(tmp_path / "copy").sha256() == scenario.sha256() != load_scenario("soak").sha256()


def test_a_file_that_is_not_there_yet_makes_no_difference_to_the_run(tmp_path: Path) -> None:
    scenario = resolved(tmp_path / "patterns")
    assert scenario.witness.memory is not None
    assert scenario.sha256() == resolve(load_scenario("soak"), Options()).sha256()
    assert memory_content(scenario) is None
    assert imports_of(scenario, nowhere(tmp_path)).bodies == ()


def test_a_scenario_that_names_other_patterns_than_there_are_is_refused(tmp_path: Path) -> None:
    path = write_file(tmp_path / "patterns", pattern(CRASH))
    scenario = resolved(path)
    write_file(path, pattern(CRASH, 2))
    with pytest.raises(InputError, match="is not what it was when the scenario was resolved"):
        with_memory(scenario)
    with pytest.raises(InputError, match="changed while the run began"):
        memory_content(scenario)
    with pytest.raises(DamageError, match="does not hold the patterns that the run began with"):
        imports_of(scenario, nowhere(tmp_path))


@pytest.mark.parametrize(("embedder", "dimension_count"), [("hashing-v2", 512), ("hashing-v1", 384)])
def test_patterns_of_another_embedder_are_refused(
    embedder: str, dimension_count: int, tmp_path: Path
) -> None:
    path = tmp_path / "patterns"
    path.write_text(encode_patterns(embedder, dimension_count, [pattern(CRASH)]))
    with pytest.raises(InputError, match=rf"'{embedder}' \({dimension_count} dimensions\)"):
        resolved(path)


def test_patterns_come_in_the_order_of_the_file_with_what_taught_them(tmp_path: Path) -> None:
    """The run that wrote it put the most useful first, which is not always what was told most."""
    path = write_file(tmp_path / "patterns", pattern("Disk is full", 1), pattern(CRASH, 2, 3))
    bodies = imports_of(resolved(path), nowhere(tmp_path)).bodies
    assert [(body.message, body.confirmed_count, body.refuted_count) for body in bodies] == [
        ("Disk is full", 1, 0),
        (CRASH, 2, 3),
    ]
    body = bodies[1]
    assert (body.first_run, body.first_seq, body.last_run, body.last_seq) == (TAUGHT, 41, TAUGHT, 77)


def test_near_duplicates_become_one_pattern_with_the_sum_of_their_counts(tmp_path: Path) -> None:
    path = write_file(
        tmp_path / "patterns", pattern(f"{CRASH}!", 1, 1), pattern(CRASH, 3), pattern("Full", 1)
    )
    bodies = imports_of(resolved(path), nowhere(tmp_path)).bodies
    assert [(body.message, body.confirmed_count, body.refuted_count) for body in bodies] == [
        (f"{CRASH}!", 4, 1),
        ("Full", 1, 0),
    ]


def test_what_has_no_room_is_left_out_and_counted(tmp_path: Path) -> None:
    count = 120
    path = write_file(tmp_path / "patterns", *map(pattern, crashes(count)))
    scenario = resolved(path)
    everything = imports_of(scenario, nowhere(tmp_path))
    assert (len(everything.bodies), everything.left_out) == (count, ())
    narrow = replace(scenario, witness=replace(scenario.witness, patterns_max=100))
    bounded = imports_of(narrow, nowhere(tmp_path))
    assert 0 < len(bounded.bodies) < 100
    assert len(bounded.bodies) + len(bounded.left_out) == len(everything.bodies)
    assert bounded.bodies == everything.bodies[: len(bounded.bodies)]
    assert [p.message for p in bounded.left_out] == [
        body.message for body in everything.bodies[len(bounded.bodies) :]
    ]


def test_secrets_do_not_get_onto_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-secret-that-nobody-may-see")
    path = write_file(tmp_path / "patterns", pattern("Login with a-secret-that-nobody-may-see failed"))
    (body,) = imports_of(resolved(path), nowhere(tmp_path)).bodies
    assert "a-secret-that-nobody-may-see" not in body.message


def test_the_copy_in_the_folder_of_the_run_counts_and_not_what_the_file_holds_later(tmp_path: Path) -> None:
    path = write_file(tmp_path / "patterns", pattern(CRASH))
    scenario = short_soak(path)
    run = RunFolder.create(tmp_path / "run")
    shutil.copyfile(path, run.memory)
    path.unlink()
    assert [body.message for body in imports_of(scenario, run).bodies] == [CRASH]
    write_file(run.memory, pattern("other"))
    # What was read once is kept; only a fresh look, as that of another process, finds the damage.
    with pytest.raises(DamageError, match=r"restore memory\.jsonl"):
        imports_of(replace(scenario, witness=replace(scenario.witness, patterns_max=200)), run)
    assert remembering(scenario, path).witness.memory_sha256 is None
