"""The folder of one run: where each file is, how runs are named and found. Must not look into the files.

::

    runs/<name>/
      scenario.toml       the scenario as resolved
      weights.csv         weights of a linear detector, as they were when it began
      head.csv            head of a sentence model, if one judged
      memory.jsonl        patterns of earlier runs that it began with, if it did
      events/             the log, with its manifest.json
      observations/       what is not repeatable, in the same format
      cache/              derived files; may be deleted at any time
      costs/ patterns/ metrics/ charts/    snapshots and charts of the report
      report.md  trinity.log  alerts.log
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from store.disk import REAL_DISK
from store.errors import (
    LogDamage,
    NotARun,
    NothingRecorded,
    PathNotUnicode,
    RunExists,
    RunNameInvalid,
    RunNotFound,
    folder_error,
)
from store.manifest import MANIFEST_NAME

LATEST = "latest"
"""Stands for the run that was begun or closed last."""
RUNS_PER_NAME_MAX = 10_000
# No dot in front, which hides, and no dash, which makes an option of a name.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_SUBFOLDERS = ("cache", "costs", "patterns", "metrics", "charts")


class RunFolder:
    """The places in a run folder. Made by :meth:`create` or :meth:`open`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make the folders of a new run, parents included. Those of its two logs are left to their writers.

        An empty folder is taken as it is; anything else that has the name is refused.

        Raises:
            RunNameInvalid: the last part of the path is not a name for a run.
            PathNotUnicode: the rest of the path is no text.
            RunExists: something has that name.
            FolderUnusable, FolderRefused: it cannot be made; nothing is left behind.
        """
        check_unicode(path)
        if not _NAME.fullmatch(path.name):
            raise RunNameInvalid(path.name)
        made: list[Path] = []
        try:
            own = () if _is_empty_folder(path) else (*_missing_parents(path), path)
            for folder in (*own, *(path / name for name in _SUBFOLDERS)):
                folder.mkdir()
                made.append(folder)
            # Or the machine could lose the run with its log, whatever of the log was synced.
            for parent in dict.fromkeys(folder.parent for folder in made):
                REAL_DISK.sync_folder(parent)
        except OSError as error:
            for folder in reversed(made):
                with suppress(OSError):  # somebody else may have filled it meanwhile
                    folder.rmdir()
            if isinstance(error, FileExistsError):
                raise RunExists(path) from None
            raise folder_error(path, "cannot create the folder of a run", error) from None
        return cls(path)

    @classmethod
    def open(cls, name_or_path: str, runs_dir: Path) -> Self:
        """Find a run by its name under ``runs_dir``, by its path, or as ``latest``.

        Raises:
            RunNotFound: there is none; the message lists those that there are.
            NotARun: the folder holds no log.
            NothingRecorded: nor does this one, but a run was begun in it.
            LogDamage: its log has lost its manifest.
            PathNotUnicode: the path is no text.
        """
        if name_or_path == LATEST:
            runs = [RunFolder(runs_dir / name) for name in run_names(runs_dir)]
            if not runs:
                raise RunNotFound(name_or_path, runs_dir, [])
            newest = max(runs, key=lambda run: (run.manifest.stat().st_mtime_ns, run.name))
            check_unicode(newest.path)
            return cls(newest.path)
        is_name = _NAME.fullmatch(name_or_path) is not None
        for path in (runs_dir / name_or_path, Path(name_or_path)) if is_name else (Path(name_or_path),):
            if _exists(path):
                return cls._checked(path)
        raise RunNotFound(name_or_path, runs_dir, run_names(runs_dir))

    @classmethod
    def open_begun(cls, name_or_path: str, runs_dir: Path) -> Self:
        """Like :meth:`open`, but also finds a run that was killed before anything was on its log."""
        try:
            return cls.open(name_or_path, runs_dir)
        except NothingRecorded as error:
            return cls(error.path)

    @classmethod
    def _checked(cls, path: Path) -> Self:
        run = cls(path)
        if path.is_symlink():
            raise NotARun(path, "it is a symbolic link")
        if not path.is_dir():
            raise NotARun(path, "it is not a folder")
        check_unicode(path)
        try:
            if not run.manifest.is_file():
                raise run._why_no_manifest()
        except OSError as error:
            raise folder_error(path, "cannot open the run", error) from None
        link = _first_link(path)
        if link is not None:
            raise NotARun(path, f"its {link.relative_to(path)} is a symbolic link")
        return run

    def _why_no_manifest(self) -> LogDamage | NotARun:
        # What holds an event was begun with a manifest; see docs/log-format.md.
        if any(path.stat().st_size for path in self.events.glob("*.jsonl")):
            return LogDamage(self.manifest, None, None, "the file is missing", "restore it from a copy")
        if self.scenario.is_file() and any((self.path / name).is_dir() for name in _SUBFOLDERS):
            return NothingRecorded(self.path)
        return NotARun(self.path, f"it has no {self.manifest.relative_to(self.path)}")

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def scenario(self) -> Path:
        return self.path / "scenario.toml"

    @property
    def weights(self) -> Path:
        """Weights of the detector; only there if it has any."""
        return self.path / "weights.csv"

    @property
    def head(self) -> Path:
        """Head of a sentence model; only there if one judged."""
        return self.path / "head.csv"

    @property
    def memory(self) -> Path:
        """Patterns of earlier runs; only there if the run began with any."""
        return self.path / "memory.jsonl"

    @property
    def events(self) -> Path:
        """The log whose digest is the run's identity."""
        return self.path / "events"

    @property
    def manifest(self) -> Path:
        """Of the log."""
        return self.events / MANIFEST_NAME

    @property
    def observations(self) -> Path:
        """The log of what is not repeatable."""
        return self.path / "observations"

    @property
    def cache(self) -> Path:
        return self.path / "cache"

    @property
    def costs(self) -> Path:
        return self.path / "costs"

    @property
    def patterns(self) -> Path:
        return self.path / "patterns"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics"

    @property
    def charts(self) -> Path:
        return self.path / "charts"

    @property
    def report(self) -> Path:
        return self.path / "report.md"

    @property
    def trinity_log(self) -> Path:
        return self.path / "trinity.log"

    @property
    def alerts_log(self) -> Path:
        return self.path / "alerts.log"


def run_names(runs_dir: Path) -> list[str]:
    """The names of the runs under a folder, sorted; none if the folder is missing or cannot be read."""
    try:
        paths = sorted(runs_dir.iterdir())
    except OSError:
        return []
    return [path.name for path in paths if not path.is_symlink() and RunFolder(path).manifest.is_file()]


def next_free(runs_dir: Path, scenario: str, seed: int) -> Path:
    """The path for a new run: ``soak-seed1``, or ``soak-seed1.2`` and so on if that is taken.

    Raises:
        RunNameInvalid: no run may have a name that is made of this scenario's.
        RunExists: all numbers are taken.
    """
    name = f"{scenario}-seed{seed}"
    for candidate in (name, *(f"{name}.{number}" for number in range(2, RUNS_PER_NAME_MAX + 1))):
        if not _NAME.fullmatch(candidate):
            raise RunNameInvalid(candidate)
        if not _exists(runs_dir / candidate):
            return runs_dir / candidate
    raise RunExists(runs_dir / name)


def check_unicode(path: Path) -> None:
    """Raises PathNotUnicode, also for a path below a folder that is no text; DuckDB takes whole paths."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        raise PathNotUnicode(path) from None


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and next(path.iterdir(), None) is None


def _first_link(path: Path) -> Path | None:
    """A link anywhere below: what is written into a run must stay in it, wherever the run came from."""
    folders = [path]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_symlink():
                        return Path(entry.path)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
        except OSError:
            continue  # what cannot be listed is told by whoever needs it
    return None


def _exists(path: Path) -> bool:
    """Like ``Path.exists``, but true for a dangling link, and false for a path that no file can have."""
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True


def _missing_parents(path: Path) -> Iterator[Path]:
    """Outermost first."""
    missing = []
    for parent in path.parents:
        if parent.exists():
            break
        missing.append(parent)
    return reversed(missing)
