"""A disk that breaks on demand stops the writer, and what it leaves is recovered or reported."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from store.errors import FolderRefused, LogDamage, WriteFailed
from store.faulty_disk import FaultyDisk
from store.log_reader import read_events
from store.log_writer import LogWriter
from store.recovery import recover
from store.verify import verify
from tests.store.builders import append, segments_of, small_commits

COMMITS = small_commits(9)
FLUSHED_SEQ = COMMITS[2][-1].seq

Fault = Callable[[FaultyDisk], None]


def write_until_fault(folder: Path, fault: Fault) -> tuple[LogWriter, FaultyDisk]:
    """Three commits are flushed, the next three meet the fault."""
    disk = FaultyDisk()
    writer = LogWriter.create(folder, sync="always", disk=disk)
    append(writer, COMMITS[:3])
    writer.flush()
    fault(disk)
    append(writer, COMMITS[3:6])
    return writer, disk


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda disk: disk.tear_next_write(0.0), "Input/output error"),
        (lambda disk: disk.tear_next_write(0.7), "Input/output error"),
        (lambda disk: disk.tear_next_write(1.0), "Input/output error"),
        (lambda disk: disk.flip_next_write(4_321), "Input/output error"),
        (lambda disk: disk.fill(), "No space left on device"),
    ],
)
def test_after_a_fault_the_writer_has_stopped_and_nothing_flushed_is_lost(
    tmp_path: Path, fault: Fault, reason: str
) -> None:
    writer, disk = write_until_fault(tmp_path / "events", fault)
    with pytest.raises(WriteFailed, match=reason):
        writer.flush()
    assert disk.fired_count == 1
    disk.free()
    for call in (writer.flush, lambda: append(writer, COMMITS[6:]), writer.close):
        with pytest.raises(WriteFailed, match=reason):
            call()
    recovered = recover(tmp_path / "events", cut_damage=True, disk=disk)
    assert FLUSHED_SEQ <= recovered.last_seq <= COMMITS[5][-1].seq
    with LogWriter.resume(tmp_path / "events", disk=disk) as writer:
        append(writer, [commit for commit in COMMITS if commit[0].seq > writer.last_seq])
    assert list(read_events(tmp_path / "events")) == [event for commit in COMMITS for event in commit]
    assert verify(tmp_path / "events").sound


def test_a_torn_write_keeps_the_share_that_was_asked_for(tmp_path: Path) -> None:
    sizes = []
    for share in (0.0, 0.5, 1.0):
        folder = tmp_path / str(share)
        writer, _ = write_until_fault(folder, partial(FaultyDisk.tear_next_write, keep_share=share))
        before_bytes = segments_of(folder)[0].stat().st_size
        with pytest.raises(WriteFailed):
            writer.flush()
        sizes.append(segments_of(folder)[0].stat().st_size - before_bytes)
    assert sizes[0] == 0
    assert sizes[1] == sizes[2] // 2 > 0


def test_a_flipped_bit_is_damage_until_somebody_asks_for_the_cut(tmp_path: Path) -> None:
    writer, disk = write_until_fault(tmp_path / "events", lambda disk: disk.flip_next_write(999))
    with pytest.raises(WriteFailed):
        writer.flush()
    writer.leave()
    with pytest.raises(LogDamage, match=f"line {FLUSHED_SEQ + 1} "):
        recover(tmp_path / "events", disk=disk)
    recovered = recover(tmp_path / "events", cut_damage=True, disk=disk)
    assert recovered.last_seq == FLUSHED_SEQ
    assert recovered.damage is not None
    assert recovered.damage.seq == FLUSHED_SEQ + 1


def test_a_full_disk_stays_full_until_it_is_freed(tmp_path: Path) -> None:
    disk = FaultyDisk()
    LogWriter.create(tmp_path / "events", disk=disk).leave()
    disk.fill()
    for number in (1, 2):
        with pytest.raises(FolderRefused, match="No space left"):
            LogWriter.create(tmp_path / str(number), disk=disk)
    disk.free()
    LogWriter.create(tmp_path / "3", disk=disk).close()
    assert disk.fired_count == 2


def test_faults_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match=r"keep_share 1\.5"):
        FaultyDisk().tear_next_write(1.5)
    with pytest.raises(ValueError, match="bit_offset -1"):
        FaultyDisk().flip_next_write(-1)
