"""The machine loses power: what the policy promises is there, whatever part of the rest reached the disk."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from store.disk import Disk
from store.errors import LogDamage
from store.log_reader import read_lines
from store.log_writer import LogWriter, SyncPolicy
from store.recovery import Recovered, recover
from store.verify import verify
from tests.store.builders import segments_of, small_commits
from tests.torture.outcome import Effort, Outcome
from tests.torture.power_fail_disk import PowerFailDisk, Stopped
from tests.torture.store_shims import scratch, sealed_lines, write_on

COMMITS = small_commits(12)
LINES = sealed_lines(COMMITS)
INTERVAL_NS = 100
NEVER = 1 << 30
FIGURES = (
    "acknowledged_lost",
    "lost_outside_window",  # acknowledged an interval or more before the last acknowledgement
    "wrong_lines",
    "cannot_go_on",
    "refused",  # damage where nothing may be cut
    "cut_damage",  # bytes that were not synced look like damage, and were cut as such
)

Figures = dict[str, int | float]

MakeDisk = Callable[[Path, int], PowerFailDisk]


class Flushed(NamedTuple):
    """A flush that returned."""

    last_seq: int
    time_ns: int


def run(effort: Effort) -> list[Outcome]:
    with scratch() as folder:
        return [
            power_fails(folder, "always", effort.count(10_000, 150)),
            power_fails(folder, "interval", effort.count(3_000, 60)),
            power_fails(folder, "off", effort.count(1_000, 40)),
        ]


def power_fails(
    folder: Path, policy: SyncPolicy, seed_count: int, make_disk: MakeDisk = PowerFailDisk
) -> Outcome:
    """Let the power fail once or more for each seed; another disk can be tried, to see it found bad."""
    figures: Figures = dict.fromkeys(FIGURES, 0)
    for seed in range(seed_count):
        _one(folder / "run", policy, random.Random(f"{policy} {seed}"), make_disk, figures)
        shutil.rmtree(folder / "run")
    zeros: tuple[str, ...] = ("wrong_lines", "cannot_go_on")
    if policy == "always":
        zeros += ("acknowledged_lost", "refused")
    elif policy == "interval":
        zeros += ("lost_outside_window", "refused")
    positive = ("acknowledged_lost",) if policy == "off" else ()
    return Outcome(f"power fails, {policy}", seed_count, figures, zeros, positive)


def _one(
    folder: Path, policy: SyncPolicy, draws: random.Random, make_disk: MakeDisk, figures: Figures
) -> None:
    folder.mkdir()
    log = folder / "0"
    log.mkdir()
    disk = make_disk(log, draws.randint(1, 110))
    flushes = _write(log, disk, policy, draws)
    if disk.is_stopped and segments_of(log) and draws.random() < 0.3:
        # Only the process ended. Somebody recovers, and promises what is found, before the power fails.
        disk.revive(draws.choice((NEVER, draws.randint(1, 12))))
        seq = _found(log, disk)
        if seq is not None:
            flushes.append(Flushed(seq, flushes[-1].time_ns if flushes else 0))
    for number in range(1, draws.choice((2, 2, 3))):
        if number > 1 and segments_of(log):
            disk = make_disk(log, draws.randint(1, 12))
            _found(log, disk)  # which the power interrupts
        log = folder / str(number)
        disk.fail_power(draws, log)
    _judge(log, policy, flushes, figures)


def _write(log: Path, disk: PowerFailDisk, policy: SyncPolicy, draws: random.Random) -> list[Flushed]:
    """Write commits until the process ends, or all are there; returns the flushes that returned."""
    flushes: list[Flushed] = []
    now_ns = 0
    try:
        writer = LogWriter.create(
            log,
            sync=policy,
            segment_bytes_max=draws.choice((600, 1_500, 1 << 20)),
            sync_interval_ns=INTERVAL_NS,
            clock=lambda: now_ns,
            disk=disk,
        )
    except Stopped:
        return flushes
    try:
        for commit in COMMITS:
            write_on(writer, [commit])
            now_ns += draws.randint(0, INTERVAL_NS)
            if draws.random() < 0.7:
                writer.flush()
                flushes.append(Flushed(commit[-1].seq, now_ns))
        if draws.random() < 0.5:
            writer.close()
            flushes.append(Flushed(COMMITS[-1][-1].seq, now_ns))
        else:
            writer.leave()
    except Stopped:
        _let_go(writer)
    return flushes


def _let_go(writer: LogWriter) -> None:
    try:
        writer.leave()
    except Stopped:
        return


def _recover(log: Path, disk: Disk) -> Recovered:
    """As a person does who was told of damage: the power failed, so it is cut."""
    try:
        return recover(log, disk=disk)
    except LogDamage:
        return recover(log, cut_damage=True, disk=disk)


def _found(log: Path, disk: PowerFailDisk) -> int | None:
    """What recovery finds, or None if it is interrupted or refuses."""
    try:
        return _recover(log, disk).last_seq
    except (Stopped, LogDamage):
        return None


def _judge(log: Path, policy: SyncPolicy, flushes: list[Flushed], figures: Figures) -> None:
    acknowledged_seq = flushes[-1].last_seq if flushes else 0
    if not segments_of(log):
        figures["acknowledged_lost"] += acknowledged_seq > 0
        figures["lost_outside_window"] += acknowledged_seq > 0
        return
    try:
        recovered = recover(log)
    except LogDamage:
        figures["cut_damage"] += 1
        try:
            recovered = recover(log, cut_damage=True)
        except LogDamage:
            # Sealed segments or the manifest: nothing may be cut, so all is lost.
            figures["refused"] += 1
            figures["acknowledged_lost"] += acknowledged_seq > 0
            return
    found = list(read_lines(log))
    figures["acknowledged_lost"] += len(found) < acknowledged_seq
    lost = [flush for flush in flushes if flush.last_seq > len(found)]
    figures["lost_outside_window"] += any(f.time_ns <= flushes[-1].time_ns - INTERVAL_NS for f in lost)
    figures["wrong_lines"] += found != LINES[: len(found)] or recovered.last_seq != len(found)
    if not recovered.closed:
        with LogWriter.resume(log, sync=policy, clock=lambda: 0) as writer:
            write_on(writer, COMMITS)
    figures["cannot_go_on"] += not verify(log).sound or list(read_lines(log)) != LINES
