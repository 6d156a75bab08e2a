"""A full or failing disk at every write and sync: nothing is acknowledged afterwards, nothing is lost.

When the disk works again, the log is recovered and goes on. One row fills a real file system, where the
machine lets us mount one.
"""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

from bus.errors import TrinityError
from store.disk import Disk
from store.errors import WriteFailed
from store.log_reader import read_lines
from store.log_writer import LogWriter
from store.recovery import recover
from store.reopening import reopen
from store.verify import verify
from tests.store.builders import segments_of, small_commits
from tests.torture.outcome import Effort, Outcome
from tests.torture.store_shims import (
    CHANGES,
    SEGMENT_BYTES,
    SYNCS,
    FailingDisk,
    commits_with_end,
    scratch,
    sealed_lines,
    whole_log,
    write_on,
)

COMMITS = small_commits(10)
CALLS_MAX = 500
ROOM_BYTES = 1 << 20
BALLAST_BYTES = 1 << 18
FIGURES = ("acknowledged_after_error", "acknowledged_lost", "wrong_lines", "cannot_go_on", "error_not_ours")

Create = Callable[[Path, Disk], LogWriter]


def _create(folder: Path, disk: Disk) -> LogWriter:
    return LogWriter.create(folder, sync="always", segment_bytes_max=SEGMENT_BYTES, disk=disk)


def run(effort: Effort) -> list[Outcome]:
    with scratch() as folder:
        outcomes = [
            writing_fails(folder, effort.count(1, 4)),
            mending_fails(folder, "recover", effort.count(1, 2)),
            mending_fails(folder, "reopen", effort.count(1, 2)),
        ]
        return [*outcomes, disk_fills(folder / "full")] if effort.is_full else outcomes


class _Way(NamedTuple):
    """How a disk fails, at any call."""

    code: int
    kind: Sequence[str]
    step: int
    is_sticky: bool
    lands_half: bool

    def disk(self, at: int) -> FailingDisk:
        return FailingDisk(
            at * self.step, self.code, self.kind, is_sticky=self.is_sticky, lands_half=self.lands_half
        )


def _ways(step: int) -> list[_Way]:
    kinds: tuple[Sequence[str], ...] = (("write",), SYNCS, CHANGES)
    return [
        _Way(code, kind, step, is_sticky, lands_half)
        for code, kind, is_sticky, lands_half in product(
            (errno.EIO, errno.ENOSPC), kinds, (False, True), (False, True)
        )
        if kind != SYNCS or not lands_half
    ]


def writing_fails(folder: Path, step: int, create: Create = _create) -> Outcome:
    """Fail at each call of each kind while a log is written; another writer can be tried."""
    figures: dict[str, int | float] = dict.fromkeys(FIGURES, 0)
    tried = 0
    for way in _ways(step):
        for at in range(1, CALLS_MAX):
            disk = way.disk(at)
            log = folder / "log"
            acknowledged_seq = _write(log, disk, create, figures)
            if not disk.error_count:
                shutil.rmtree(log)
                break
            disk.heal()
            _judge(log, disk, acknowledged_seq, figures)
            shutil.rmtree(log)
            tried += 1
    return Outcome("writes and syncs fail", tried, figures, FIGURES)


def _write(log: Path, disk: FailingDisk, create: Create, figures: dict[str, int | float]) -> int:
    """Write and flush commit by commit, whatever happens; returns what was acknowledged before an error."""
    try:
        writer = create(log, disk)
    except TrinityError:
        return 0
    acknowledged_seq = 0
    for commit in COMMITS:
        try:
            write_on(writer, [commit])
            writer.flush()
        except WriteFailed:
            continue
        except OSError:
            figures["error_not_ours"] += 1
            continue
        figures["acknowledged_after_error"] += disk.error_count > 0
        acknowledged_seq = commit[-1].seq if not disk.error_count else acknowledged_seq
    try:
        writer.close()
        figures["acknowledged_after_error"] += disk.error_count > 0
    except WriteFailed:
        return acknowledged_seq
    return acknowledged_seq


def _judge(log: Path, disk: Disk, acknowledged_seq: int, figures: dict[str, int | float]) -> None:
    """After the disk works again."""
    lines = sealed_lines(COMMITS)
    if segments_of(log):
        recover(log, disk=disk)
        found = list(read_lines(log))
        figures["acknowledged_lost"] += len(found) < acknowledged_seq
        figures["wrong_lines"] += found != lines[: len(found)]
        if verify(log).closed:
            figures["wrong_lines"] += found != lines
            return
        writer = LogWriter.resume(log, sync="always", segment_bytes_max=SEGMENT_BYTES, disk=disk)
    else:
        figures["acknowledged_lost"] += acknowledged_seq > 0
        writer = _create(log, disk)
    with writer:
        write_on(writer, COMMITS)
    figures["cannot_go_on"] += not verify(log).sound or list(read_lines(log)) != lines


def mending_fails(folder: Path, name: str, step: int) -> Outcome:
    """Fail at each call while a torn log is recovered, or an interrupted one opened again."""
    figures: dict[str, int | float] = dict.fromkeys(FIGURES, 0)
    good = folder / f"good {name}"
    mend = recover if name == "recover" else reopen
    if name == "recover":
        whole_log(good, COMMITS, close=False)
        active = segments_of(good)[-1]
        os.truncate(active, active.stat().st_size - 9)
    else:
        whole_log(good, commits_with_end(len(COMMITS), "interrupted"), close=True)
    kept_seq = mend(shutil.copytree(good, folder / "undisturbed")).last_seq
    shutil.rmtree(folder / "undisturbed")
    tried = 0
    for way in _ways(step):
        for at in range(1, CALLS_MAX):
            disk = way.disk(at)
            log = shutil.copytree(good, folder / "log")
            try:
                mend(log, disk=disk)
                figures["acknowledged_after_error"] += disk.error_count > 0
            except WriteFailed:
                pass
            except OSError:
                figures["error_not_ours"] += 1
            disk.heal()
            figures["wrong_lines"] += not verify(log).sound
            figures["acknowledged_lost"] += mend(log, disk=disk).last_seq < kept_seq
            _judge(log, disk, kept_seq, figures)
            shutil.rmtree(log)
            if not disk.error_count:
                break
            tried += 1
    return Outcome(f"{name}: writes and syncs fail", tried, figures, FIGURES)


def disk_fills(folder: Path) -> Outcome:
    """A real file system of one MiB is filled, and freed again."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM_BYTES}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        return Outcome(f"a real disk fills (skipped: mount: {error.strerror})", 1, {"skipped": 1}, ())
    if mounted.returncode:
        reason = mounted.stderr.strip().splitlines()[-1:] or ["mount failed"]
        return Outcome(f"a real disk fills (skipped: {reason[0]})", 1, {"skipped": 1}, ())
    try:
        return _fill(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _fill(folder: Path) -> Outcome:
    figures: dict[str, int | float] = dict.fromkeys((*FIGURES, "skipped"), 0)
    (folder / "ballast").write_bytes(bytes(BALLAST_BYTES))
    log = folder / "events"
    writer = LogWriter.create(log, sync="always", segment_bytes_max=100_000)
    commits = small_commits(4_000)
    acknowledged_seq, has_failed = 0, False
    for commit in commits:
        try:
            write_on(writer, [commit])
            writer.flush()
        except WriteFailed:
            has_failed = True
            continue
        figures["acknowledged_after_error"] += has_failed
        acknowledged_seq = commit[-1].seq
    figures["acknowledged_events"] = acknowledged_seq
    figures["not_filled"] = int(not has_failed)
    writer.leave()
    (folder / "ballast").unlink()
    recover(log)
    found = list(read_lines(log))
    figures["acknowledged_lost"] += len(found) < acknowledged_seq
    figures["wrong_lines"] += found != sealed_lines(commits)[: len(found)]
    with LogWriter.resume(log, segment_bytes_max=100_000) as writer:
        write_on(writer, [commit for commit in commits if commit[0].seq <= len(found) + 10])
    figures["cannot_go_on"] += not verify(log).sound
    zeros = (*FIGURES, "not_filled")
    return Outcome("a real disk fills", len(commits), figures, zeros, ("acknowledged_events",))
