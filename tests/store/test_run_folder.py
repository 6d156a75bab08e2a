"""Runs are named, found and begun without leaving anything half-made."""

import os
from pathlib import Path

import pytest

from store.errors import FolderRefused, FolderUnusable, NotARun, RunExists, RunNameInvalid, RunNotFound
from store.run_folder import RunFolder, next_free, run_names
from tests.store.builders import small_commits, write_log


def make_run(path: Path, mtime_ns: int = 0) -> RunFolder:
    run = RunFolder.create(path)
    write_log(run.events, small_commits(1))
    os.utime(run.manifest, ns=(mtime_ns, mtime_ns))
    return run


def test_a_new_run_has_its_folders_and_parents(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "runs" / "deep" / "soak-seed1")
    for folder in (run.cache, run.costs, run.patterns, run.metrics, run.charts):
        assert folder.is_dir()
    assert not run.events.exists()
    assert run.name == "soak-seed1"
    places = [run.scenario, run.report, run.trinity_log, run.alerts_log, run.observations]
    assert [place.relative_to(run.path).as_posix() for place in places] == [
        "scenario.toml",
        "report.md",
        "trinity.log",
        "alerts.log",
        "observations",
    ]


@pytest.mark.parametrize(
    "name", ["", "..", ".hidden", "a b", "a\nb", "ä", "x" * 65, "x" * 300, "a\0b", "a;b", "-\n", "-run"]
)
def test_a_name_that_breaks_the_rule_is_refused_and_nothing_is_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunNameInvalid) as caught:
        RunFolder.create(Path(f"{tmp_path}/runs/{name}") if name else Path())
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_never_overwritten_nor_reached_through_a_link(tmp_path: Path) -> None:
    make_run(tmp_path / "a")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("a", "link", "dangling"):
        with pytest.raises(RunExists, match="choose another name"):
            RunFolder.create(tmp_path / name)
    with pytest.raises(NotARun, match="symbolic link"):
        RunFolder.open("link", tmp_path)
    assert run_names(tmp_path) == ["a"]


def test_a_failure_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Path.mkdir

    def fail_at_metrics(self: Path) -> None:
        if self.name == "metrics":
            raise OSError(28, "No space left on device")
        make(self)

    monkeypatch.setattr(Path, "mkdir", fail_at_metrics)
    with pytest.raises(FolderRefused, match="No space left"):
        RunFolder.create(tmp_path / "runs" / "soak")
    assert list(tmp_path.iterdir()) == []


def test_a_path_under_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FolderUnusable, match="Not a directory"):
        RunFolder.create(tmp_path / "file" / "soak")


def test_a_run_is_found_by_name_by_path_and_as_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs_dir = tmp_path / "runs"
    for name, mtime_ns in (("a", 10), ("b", 30), ("c", 20)):
        make_run(runs_dir / name, mtime_ns)
    monkeypatch.chdir(tmp_path)
    assert RunFolder.open("a", runs_dir).path == runs_dir / "a"
    assert RunFolder.open("runs/a", tmp_path / "elsewhere").path == Path("runs/a")
    assert RunFolder.open(str(runs_dir / "c"), tmp_path).path == runs_dir / "c"
    assert RunFolder.open("latest", runs_dir).path == runs_dir / "b"
    monkeypatch.chdir(runs_dir / "a")
    assert RunFolder.open(".", runs_dir).name == "a"


def test_an_unknown_run_is_refused_with_the_names_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound, match="there are none yet"):
        RunFolder.open("latest", tmp_path / "runs")
    for number in range(12):
        make_run(tmp_path / "runs" / f"run-{number:02}")
    listed = ", ".join(f"run-{number:02}" for number in range(10))
    for asked in ("soak", "../soak", "/nowhere", "a\0b", "x" * 5_000):
        with pytest.raises(RunNotFound, match=f"there are: {listed} and 2 more"):
            RunFolder.open(asked, tmp_path / "runs")


def test_a_folder_without_a_log_and_a_file_are_no_runs(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotARun, match=r"it has no events/manifest\.json"):
        RunFolder.open("empty", tmp_path)
    with pytest.raises(NotARun, match="it is not a folder"):
        RunFolder.open("file", tmp_path)


@pytest.mark.parametrize("linked", ["report.md", "exports", "charts/memory.svg", "events/1.jsonl"])
def test_a_run_with_a_link_in_it_is_not_opened(tmp_path: Path, linked: str) -> None:
    """What a command writes into the run would be written elsewhere."""
    run = make_run(tmp_path / "a")
    (run.path / linked).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotARun, match=f"its {linked} is a symbolic link"):
        RunFolder.open("a", tmp_path)


def test_the_next_free_name_counts_up(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        path = next_free(tmp_path, "soak", 1)
        names.append(path.name)
        RunFolder.create(path)
    assert names == ["soak-seed1", "soak-seed1.2", "soak-seed1.3"]
    assert next_free(tmp_path, "soak", 2).name == "soak-seed2"
    with pytest.raises(RunNameInvalid):
        next_free(tmp_path, "../soak", 1)


def test_an_empty_folder_is_taken_for_a_new_run_and_one_with_a_file_is_not(tmp_path: Path) -> None:
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.mkdir()
    full.mkdir()
    (full / "mine.txt").touch()
    assert RunFolder.create(empty).cache.is_dir()
    with pytest.raises(RunExists):
        RunFolder.create(full)
    assert [path.name for path in full.iterdir()] == ["mine.txt"]
