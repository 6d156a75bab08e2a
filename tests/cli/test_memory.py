"""``--memory`` and ``trinity memory``: what goes from run to run can be seen, and bad files are one line."""

import json
import threading
from pathlib import Path

import pytest

from simulator.exit_codes import ExitCode
from tests.cli.conftest import Said, Trinity, trinity_process
from tests.cli.test_resume import crashed

RUN = ("run", "soak", "--transport", "inproc", "--duration", "2h")
MEMORY = ("--memory", "team.patterns")


def run_with(trinity: Trinity, name: str, *more: str) -> Said:
    said = trinity(*RUN, *MEMORY, "--out", name, *more)
    assert said.code in (ExitCode.OK, ExitCode.CHECK_FAILED), said
    return said


def shown(trinity: Trinity, path: str) -> dict:
    said = trinity("memory", "show", path, "--json")
    assert said.code == 0, said
    return json.loads(said.out)


def test_a_run_begins_with_what_the_last_one_learned_and_says_so(home: Path, trinity: Trinity) -> None:
    first = run_with(trinity, "day-1")
    assert "begins with 0 patterns of" in first.err
    file = shown(trinity, "team.patterns")
    count = file["pattern_count"]
    assert count == sum(file["kinds"].values()) > 0
    assert [run.partition(":")[0] for run in file["runs"]] == ["day-1"]
    second = run_with(trinity, "day-2", "--seed", "2")
    assert f"begins with {count} patterns of" in second.err
    grown = shown(trinity, "team.patterns")
    assert grown["pattern_count"] > count
    assert [run.partition(":")[0] for run in grown["runs"]] == ["day-1", "day-2"]
    assert (home / "day-2" / "memory.jsonl").read_bytes() != (home / "team.patterns").read_bytes()
    told = trinity("memory", "show", "team.patterns")
    assert "taught by day-1:" in told.out
    assert "Strongest" in told.out


def test_a_run_is_replayed_after_its_memory_has_changed(home: Path, trinity: Trinity) -> None:
    run_with(trinity, "day-1")
    run_with(trinity, "day-2")
    (home / "team.patterns").unlink()
    assert trinity("replay", "day-2", "--simulate").code == 0
    assert trinity("replay", "day-2", "--verify").code == 0
    (home / "day-2" / "memory.jsonl").write_text("{}")
    damaged = trinity_process(home, "replay", "day-2", "--simulate")
    damaged.refused("restore memory.jsonl", code=ExitCode.DAMAGED)


def test_a_run_that_was_taken_up_again_hands_on_what_it_learned(home: Path, trinity: Trinity) -> None:
    run_with(trinity, "day-1")
    before = (home / "team.patterns").read_bytes()
    run_with(trinity, "day-2", "--seed", "2")
    undisturbed = shown(trinity, "team.patterns")
    (home / "team.patterns").write_bytes(before)
    killed = crashed(home / "day-2", home, 300, b'{"seq":30')
    (killed / "memory.jsonl").write_bytes(before)
    said = trinity("resume", "cut", "--transport", "inproc")
    assert said.code in (ExitCode.OK, ExitCode.CHECK_FAILED), said
    handed_on = shown(trinity, "team.patterns")
    assert handed_on["kinds"] == undisturbed["kinds"]
    assert [run.partition(":")[0] for run in handed_on["runs"]] == ["cut", "day-1"]


@pytest.mark.parametrize(
    ("content", "mentioned"),
    [
        ("", "holds no patterns"),
        ("nonsense", "holds no patterns"),
        ('{"format":"trinity-patterns-9"}\n', "trinity-patterns-9"),
    ],
)
def test_a_file_of_something_else_is_refused_before_anything_is_begun(
    content: str, mentioned: str, home: Path, trinity: Trinity
) -> None:
    (home / "team.patterns").write_text(content)
    trinity(*RUN, *MEMORY, "--out", "run").refused("team.patterns", mentioned)
    trinity("memory", "show", "team.patterns").refused(mentioned)
    assert [path.name for path in home.iterdir()] == ["team.patterns"]


def test_a_damaged_file_is_refused_before_anything_is_begun(home: Path, trinity: Trinity) -> None:
    run_with(trinity, "day-1")
    path = home / "team.patterns"
    path.write_bytes(path.read_bytes().replace(b"day-1", b"day-9"))
    trinity(*RUN, *MEMORY, "--out", "run").refused("is damaged", code=ExitCode.DAMAGED)
    assert not (home / "run").exists()


def test_patterns_of_another_embedder_are_refused(home: Path, trinity: Trinity) -> None:
    run_with(trinity, "day-1")
    path = home / "team.patterns"
    path.write_bytes(path.read_bytes().replace(b"hashing-v1", b"minilm-384", 1))
    trinity(*RUN, *MEMORY, "--out", "run").refused("minilm-384", "hashing-v1")


def test_a_place_for_the_file_that_cannot_be_is_refused(home: Path, trinity: Trinity) -> None:
    trinity(*RUN, "--memory", "none/team.patterns").refused("there is no folder")
    trinity(*RUN, "--memory", ".").refused("is no file")
    trinity("memory", "show", "team.patterns").refused("there is no file team.patterns")
    trinity("run", "--resume", "x", *MEMORY).refused("give no others")


def test_what_a_run_learned_can_be_written_later(home: Path, trinity: Trinity) -> None:
    assert trinity(*RUN, "--out", "day-1").code in (ExitCode.OK, ExitCode.CHECK_FAILED)
    assert trinity("memory", "write", "day-1", "late.patterns").code == 0
    trinity("memory", "write", "day-1", "late.patterns").refused("exists already")
    trinity("memory", "write", "day-1", "day-1/memory.jsonl").refused("belongs to a run")
    run_with(trinity, "day-2")
    late, usual = shown(trinity, "late.patterns"), shown(trinity, "team.patterns")
    assert late["pattern_count"] == usual["pattern_count"]


def test_two_runs_at_the_same_time_lose_nothing(home: Path) -> None:
    said: dict[str, Said] = {}

    def run(name: str) -> None:
        said[name] = trinity_process(home, *RUN, *MEMORY, "--out", name, "--seed", name[-1])

    threads = [threading.Thread(target=run, args=(name,)) for name in ("run-1", "run-2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.code for one in said.values()} <= {ExitCode.OK, ExitCode.CHECK_FAILED}, said
    files = [path for path in home.glob("team.patterns*") if path.suffix != ".lock"]
    taught = {run for path in files for run in ("run-1:", "run-2:") if run in path.read_text()}
    assert taught == {"run-1:", "run-2:"}
