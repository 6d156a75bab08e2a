"""Verifies many runs: a folder of logs that must replay for ever. Must not stop at the first bad one."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from msgspec import Struct

from bus.errors import TrinityError
from simulator.exit_codes import ExitCode, exit_code_of
from simulator.replay_compare import Divergence, ReplayDiverged
from simulator.replay_verify import Verified, verify_run
from store.errors import FolderUnusable, NotARun
from store.run_folder import RunFolder, run_names

WORST_FIRST = (
    ExitCode.DAMAGED,
    ExitCode.DIVERGED,
    ExitCode.REFUSED,
    ExitCode.ENVIRONMENT,
    ExitCode.BAD_INPUT,
    ExitCode.OK,
)
"""The exit code of a corpus is the worst of its runs: damage hides what a divergence would show."""


class CorpusRun(Struct, frozen=True):
    """What came of one run: ``verified`` when all is the same, else ``problem`` in one line."""

    run: str
    exit_code: int
    verified: Verified | None = None
    problem: str = ""
    divergence: Divergence | None = None


def runs_of(folder: Path) -> list[RunFolder]:
    """The folder itself if it is a run, and every run directly below it, by name.

    Raises:
        FolderUnusable: there is no such folder.
        NotARun: it holds no run.
    """
    if not folder.is_dir():
        raise FolderUnusable(folder, "it is not a folder")
    own = [RunFolder(folder)] if RunFolder(folder).manifest.is_file() else []
    runs = [*own, *(RunFolder(folder / name) for name in run_names(folder))]
    if not runs:
        raise NotARun(folder, "neither it nor a folder directly below it has events/manifest.json")
    return runs


def verify_corpus(runs: list[RunFolder], progress: Callable[[str, int], None]) -> Iterator[CorpusRun]:
    """Each run as it is done; ``progress`` gets its name and the number of events read."""
    for run in runs:
        yield _verified(run, partial(progress, run.name))


def worst(results: list[CorpusRun]) -> ExitCode:
    codes = {result.exit_code for result in results}
    return next(code for code in WORST_FIRST if code in codes)


def _verified(run: RunFolder, progress: Callable[[int], None]) -> CorpusRun:
    path = str(run.path)
    try:
        return CorpusRun(path, ExitCode.OK, verify_run(run, progress))
    except ReplayDiverged as error:
        return CorpusRun(path, ExitCode.DIVERGED, problem=str(error), divergence=error.divergence)
    except TrinityError as error:
        return CorpusRun(path, exit_code_of(error), problem=str(error))
