"""What is done to a log while its process is killed, and what must hold then. Must not kill anything."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from store.disk import Disk
from store.errors import LogClosed
from store.log_reader import read_lines
from store.log_writer import LogWriter, SyncPolicy
from store.recovery import recover
from store.reopening import reopen
from store.verify import verify
from tests.store.builders import segments_of, small_commits
from tests.torture.store_shims import (
    SEGMENT_BYTES,
    commits_with_end,
    sealed_lines,
    whole_log,
    whole_seq,
    write_on,
)

COMMITS = small_commits(7)
FIGURES = ("acknowledged_lost", "wrong_lines", "not_sound", "not_kept", "cannot_go_on")

Acknowledge = Callable[[int], object]


class Plan(NamedTuple):
    """A piece of work that is killed, and what must be true of the log then."""

    prepare: Callable[[Path], None]
    act: Callable[[Path, Disk, Acknowledge], object]
    finish: Callable[[Path], object]
    """Does the work of ``act`` again, as somebody does who finds the log after the crash."""
    whole_seq: int
    """How many events there must be after ``finish``, if the work is no more than that."""
    is_sound_before: bool = True
    """Whether verify calls the log sound wherever the process died."""


def judge(
    plan: Plan, log: Path, acknowledged_seq: int, tails: dict[str, bytes], figures: dict[str, int | float]
) -> None:
    """Look at a log after its writer was killed, then go on with it to the end."""
    lines = sealed_lines(COMMITS)
    if not segments_of(log):
        figures["acknowledged_lost"] += acknowledged_seq > 0
        with LogWriter.create(log, segment_bytes_max=SEGMENT_BYTES) as writer:
            write_on(writer, COMMITS)
        return
    figures["not_sound"] += plan.is_sound_before and not verify(log).sound
    plan.finish(log)
    found = list(read_lines(log))
    figures["acknowledged_lost"] += len(found) < max(acknowledged_seq, plan.whole_seq)
    figures["wrong_lines"] += found != lines[: len(found)]
    for path in segments_of(log):
        before = tails.get(path.name, b"")
        size_bytes = path.stat().st_size
        kept = [torn.read_bytes() for torn in log.glob(f"{path.stem}.*.torn")]
        figures["not_kept"] += size_bytes < len(before) and before[size_bytes:] not in kept
    with contextlib.suppress(LogClosed), LogWriter.resume(log, segment_bytes_max=SEGMENT_BYTES) as writer:
        write_on(writer, COMMITS)
    figures["cannot_go_on"] += not verify(log).sound or list(read_lines(log)) != lines


def write(folder: Path, disk: Disk, acknowledge: Acknowledge, sync: SyncPolicy = "always") -> None:
    writer = LogWriter.create(folder, sync=sync, segment_bytes_max=SEGMENT_BYTES, disk=disk)
    for commit in COMMITS:
        write_on(writer, [commit])
        writer.flush()
        acknowledge(commit[-1].seq)
    writer.close()


def _write_acknowledging_early(folder: Path, disk: Disk, acknowledge: Acknowledge) -> None:
    writer = LogWriter.create(folder, sync="always", segment_bytes_max=SEGMENT_BYTES, disk=disk)
    for commit in COMMITS:
        write_on(writer, [commit])
        acknowledge(commit[-1].seq)
        writer.flush()
    writer.close()


def _find_again(folder: Path) -> None:
    recover(folder)


def _prepare_torn(folder: Path) -> None:
    """A torn tail, and a segment that was being begun."""
    whole_log(folder, COMMITS, close=False)
    active = segments_of(folder)[-1]
    os.truncate(active, active.stat().st_size - 9)
    (folder / f"{99:020d}.jsonl").touch()


def _prepare_damaged(folder: Path) -> None:
    whole_log(folder, COMMITS, close=False)
    active = segments_of(folder)[-1]
    data = bytearray(active.read_bytes())
    data[-9] ^= 1
    active.write_bytes(data)


def _prepare_interrupted(folder: Path) -> None:
    whole_log(folder, commits_with_end(len(COMMITS), "interrupted"), close=True)


def _prepare_interrupted_alone(folder: Path) -> None:
    """What says that the run was interrupted is alone in its segment."""
    whole_log(folder, COMMITS, close=False)
    with LogWriter.resume(folder, segment_bytes_max=1) as writer:
        write_on(writer, commits_with_end(len(COMMITS), "interrupted"))


def _nothing(folder: Path) -> None:
    """There is no log yet."""


_LAST_SEQ = COMMITS[-1][-1].seq
_BEFORE_LAST_SEQ = whole_seq(COMMITS, _LAST_SEQ - 1)
PLANS = {
    "write": Plan(_nothing, write, _find_again, 0),
    "write, acknowledged early": Plan(_nothing, _write_acknowledging_early, _find_again, 0),
    "recover": Plan(
        _prepare_torn, lambda folder, disk, _: recover(folder, disk=disk), _find_again, _BEFORE_LAST_SEQ
    ),
    "cut damage": Plan(
        _prepare_damaged,
        lambda folder, disk, _: recover(folder, cut_damage=True, disk=disk),
        lambda folder: recover(folder, cut_damage=True),
        _BEFORE_LAST_SEQ,
        is_sound_before=False,
    ),
    "reopen": Plan(
        _prepare_interrupted, lambda folder, disk, _: reopen(folder, disk=disk), reopen, _LAST_SEQ
    ),
    "reopen, segment of its own": Plan(
        _prepare_interrupted_alone,
        lambda folder, disk, _: reopen(folder, disk=disk),
        reopen,
        _LAST_SEQ,
    ),
}
