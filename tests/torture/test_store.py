"""The short form of the cases of the store, and a wrong implementation for each that it must notice."""

import errno
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from bus.codec import decode_envelope
from store.disk import REAL_DISK, Disk
from store.errors import LogDamage, WriteFailed
from store.log_reader import read_lines
from store.log_writer import LogWriter
from store.recovery import Recovered
from tests.store.builders import segments_of
from tests.torture import bit_flips, power_fail, strace_kills, syscall_kills, torn_tails, write_errors
from tests.torture.outcome import SHORT
from tests.torture.power_fail_disk import PowerFailDisk
from tests.torture.store_shims import SEGMENT_BYTES, TracingDisk, scratch


@pytest.mark.parametrize("case", [torn_tails, bit_flips, syscall_kills, power_fail, write_errors])
def test_the_short_form_of_a_case_passes(case: ModuleType) -> None:
    outcomes = case.run(SHORT)
    assert outcomes
    assert [outcome for outcome in outcomes if not outcome.passed] == []


def test_a_recovery_that_cuts_in_the_middle_of_a_commit_is_noticed(tmp_path: Path) -> None:
    def cut_at_the_last_newline(folder: Path) -> Recovered:
        active = segments_of(folder)[-1]
        data = active.read_bytes()
        whole_bytes = data.rfind(b"\n") + 1
        active.write_bytes(data[:whole_bytes])
        seq = int(active.stem) - 1 + data.count(b"\n")
        return Recovered(seq, 0, len(data) - whole_bytes, None, closed=False)

    outcome = torn_tails.torn(tmp_path, 40, cut_at_the_last_newline)
    assert not outcome.passed
    assert outcome.figures["wrong_prefix"] > 0


def test_a_reader_that_takes_damage_for_the_end_is_noticed(tmp_path: Path) -> None:
    def read_up_to_damage(folder: Path) -> Iterator[bytes]:
        try:
            yield from read_lines(folder)
        except LogDamage:
            return

    outcome = bit_flips.flips(tmp_path / "flips", 997, read_up_to_damage)
    assert outcome.figures["silent"] > 0
    assert outcome.figures["disagreements"] > 0


def test_a_reader_that_skips_the_crc_is_noticed(tmp_path: Path) -> None:
    def read_without_crc(folder: Path) -> Iterator[bytes]:
        for segment in segments_of(folder):
            for line in segment.read_bytes().splitlines(keepends=True):
                decode_envelope(line)
                yield line

    outcome = bit_flips.flips(tmp_path / "flips", 997, read_without_crc)
    assert outcome.figures["silent"] > 0


def test_a_sync_that_does_nothing_is_noticed_when_the_power_fails(tmp_path: Path) -> None:
    class Lazy(PowerFailDisk):
        def fdatasync(self, fd: int) -> None:
            """Says that it is done."""

    outcome = power_fail.power_fails(tmp_path, "always", 60, make_disk=Lazy)
    assert outcome.figures["acknowledged_lost"] > 0


def test_a_recovery_that_promises_what_only_memory_holds_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.recovery._settle", lambda disk, active: None)
    with scratch() as folder:
        outcome = power_fail.power_fails(folder, "always", 300)
    assert outcome.figures["acknowledged_lost"] > 0


class _Deaf(LogWriter):
    """Acknowledges what the disk refused."""

    def flush(self) -> None:
        try:
            super().flush()
        except WriteFailed:
            return


def test_a_writer_that_goes_on_after_an_error_is_noticed() -> None:
    def create(folder: Path, disk: Disk) -> LogWriter:
        return _Deaf.create(folder, sync="always", segment_bytes_max=SEGMENT_BYTES, disk=disk)

    with scratch() as folder:
        outcome = write_errors.writing_fails(folder, 9, create)
    assert outcome.figures["acknowledged_after_error"] > 0


def test_a_row_that_cannot_be_tried_here_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr("subprocess.run", refuse)
    outcome = write_errors.disk_fills(tmp_path / "full")
    assert outcome.case == "a real disk fills (skipped: mount: No such file or directory)"
    monkeypatch.setattr("shutil.which", lambda name: None)
    outcome = strace_kills.killed_by_strace(("write",))
    assert outcome.case == "killed by strace (skipped: strace is not installed)"
    assert outcome.figures == {"skipped": 1}


def test_calls_out_of_order_are_noticed(tmp_path: Path) -> None:
    disk = TracingDisk(REAL_DISK)
    fd = disk.create(tmp_path / "manifest.json.tmp")
    disk.write(fd, b"x")
    disk.rename(tmp_path / "manifest.json.tmp", tmp_path / "manifest.json")
    disk.fsync(fd)
    disk.close(fd)
    found = syscall_kills.violations([*disk.calls, syscall_kills.ACKNOWLEDGED])
    assert "renamed to manifest.json before a sync" in found
    assert "manifest.json not synced" in found
