"""Fixtures that several files of this folder use."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.database import Database, open_database
from store.run_folder import RunFolder
from tests.analysis.synthetic import Options, Synthetic

CHECKS = Path(__file__).parents[2] / "simulator" / "scenarios" / "soak" / "checks"


@pytest.fixture(scope="session")
def good_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of twenty events and some noise with one miss, on which every check passes. Not to be changed."""
    return Synthetic(Options(noise_per_event=3)).write(tmp_path_factory.mktemp("runs") / "good")


@pytest.fixture(scope="module")
def good(good_run: RunFolder) -> Iterator[Database]:
    """Open for all tests of a file; not for tests that set a variable."""
    with open_database(good_run) as database:
        yield database


@pytest.fixture(scope="session")
def empty_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A log without a single event."""
    log = Synthetic(Options(event_count=1))
    log.events.clear()
    log.observations.clear()
    return log.write(tmp_path_factory.mktemp("runs") / "empty")
