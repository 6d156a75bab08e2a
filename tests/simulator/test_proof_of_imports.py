"""The proof of persistence for a run that was killed while it wrote down what it begins with."""

from pathlib import Path

import pytest

from simulator import incarnation
from simulator.persistence import compare_persistence
from tests.simulator.builders import digest_of
from tests.simulator.remembering import pattern, record_with, short_soak, write_file
from tests.simulator.short_chaos import cut_copy, resume


def test_a_log_that_was_cut_between_commits_of_its_imports_is_proved_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incarnation, "COMMIT_EVENTS_MAX", 5)
    patterns = [pattern(f"{w * 3} {w * 4} broke {w * 5}") for w in "bcdfghjklmnp"]
    of = short_soak(write_file(tmp_path / "patterns", *patterns))
    record_with(of, tmp_path / "run")
    for seq in (5, 9, 14):
        folder = cut_copy(tmp_path / "run", tmp_path / f"cut{seq}", seq)
        resume(of, folder)
        assert digest_of(folder.path) == digest_of(tmp_path / "run")
        compared = compare_persistence(folder)
        assert compared
        assert [one for one in compared if not one.is_equal] == []
