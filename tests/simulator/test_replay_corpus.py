"""A folder of runs: each is verified, none is skipped, and the worst of them decides."""

from pathlib import Path
from shutil import copytree

import pytest

from simulator.exit_codes import ExitCode
from simulator.replay_corpus import CorpusRun, runs_of, verify_corpus, worst
from store.errors import FolderUnusable, NotARun
from tests.simulator.replay_logs import CORPUS, DEAD_LETTERS, SOAK, Lines, body, changed, copy_of


def verified(folder: Path) -> list[CorpusRun]:
    return list(verify_corpus(runs_of(folder), lambda name, count: None))


def damage(folder: Path, name: str) -> None:
    segment = next((folder / name / "events").glob("*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b"it", b"ti", 1))


def test_every_run_below_a_folder_is_verified_and_the_folder_itself_if_it_is_one(tmp_path: Path) -> None:
    copy_of(SOAK, tmp_path)
    copytree(CORPUS / DEAD_LETTERS, tmp_path / SOAK / "inner")
    (tmp_path / SOAK / "not-a-run").mkdir()
    results = verified(tmp_path / SOAK)
    assert [Path(result.run).name for result in results] == [SOAK, "inner"]
    assert worst(results) == ExitCode.OK


def test_damage_is_worse_than_divergence_and_no_run_hides_another(tmp_path: Path) -> None:
    copy_of(SOAK, tmp_path / "good")
    copy_of(DEAD_LETTERS, tmp_path, {'backoff = "1s"': 'backoff = "3s"'})
    copytree(CORPUS / SOAK, tmp_path / "a-good-one")
    results = verified(tmp_path)
    assert [result.exit_code for result in results] == [ExitCode.OK, ExitCode.DIVERGED]
    assert worst(results) == ExitCode.DIVERGED
    assert results[1].divergence is not None
    copytree(CORPUS / SOAK, tmp_path / "a-torn-one")
    damage(tmp_path, "a-torn-one")
    results = verified(tmp_path)
    assert [result.exit_code for result in results] == [ExitCode.OK, ExitCode.DAMAGED, ExitCode.DIVERGED]
    assert worst(results) == ExitCode.DAMAGED


def test_a_log_of_a_newer_schema_is_refused_and_not_misread(tmp_path: Path) -> None:
    def newer(lines: Lines) -> Lines:
        body(lines[0])["schema_version"] = 77
        return lines

    run = changed(SOAK, tmp_path, newer)
    (result,) = verified(tmp_path)
    assert result.exit_code == ExitCode.BAD_INPUT
    assert f"{run.events}" in result.problem
    assert "schema_version 77 is newer than" in result.problem


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotARun):
        runs_of(tmp_path)
    with pytest.raises(FolderUnusable):
        runs_of(tmp_path / "nowhere")
