"""A damaged log is cut only when somebody asks, only in its active segment, and all that is cut is kept."""

from pathlib import Path

import pytest

from store.errors import LogDamage, WriteFailed
from store.faulty_disk import FaultyDisk
from store.log_reader import read_events, read_lines
from store.log_writer import LogWriter
from store.manifest import MANIFEST_NAME
from store.recovery import recover
from store.verify import verify
from tests.store.builders import append, segments_of, small_commits, write_log

COMMITS = small_commits(12)
EVENTS = [event for commit in COMMITS for event in commit]


def spoil(segment: Path, line: int) -> bytes:
    """Change one line, from 1; returns what the segment holds then."""
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace(b"workload", b"w0rkload")
    segment.write_bytes(b"".join(lines))
    return segment.read_bytes()


@pytest.mark.parametrize("segment_bytes_max", [1 << 20, 2_000])
def test_a_damaged_log_is_cut_in_front_of_the_commit_that_is_damaged(
    tmp_path: Path, segment_bytes_max: int
) -> None:
    folder = tmp_path / "events"
    write_log(folder, COMMITS, segment_bytes_max=segment_bytes_max, close=False)
    active = segments_of(folder)[-1]
    first_seq = int(active.stem)
    line_count = active.read_bytes().count(b"\n")
    seq = first_seq + line_count // 2
    spoilt = spoil(active, seq - first_seq + 1)
    expected = [event for commit in COMMITS for event in commit if commit[-1].seq < seq]
    with pytest.raises(LogDamage):
        recover(folder)
    recovered = recover(folder, cut_damage=True)
    assert recovered.last_seq == len(expected)
    assert recovered.damage is not None
    assert (recovered.damage.segment, recovered.damage.seq) == (active, seq)
    assert recovered.cut_event_count == len(EVENTS) - len(expected)
    assert recovered.torn is not None
    assert active.read_bytes() + recovered.torn.read_bytes() == spoilt
    assert recovered.cut_bytes == recovered.torn.stat().st_size
    assert list(read_events(folder)) == expected
    assert verify(folder).sound
    with LogWriter.resume(folder, segment_bytes_max=segment_bytes_max) as writer:
        append(writer, [commit for commit in COMMITS if commit[0].seq > writer.last_seq])
    assert list(read_events(folder)) == EVENTS
    assert verify(folder).sound


def test_a_long_log_is_cut_at_the_last_whole_commit_and_not_at_a_block(tmp_path: Path) -> None:
    commits = small_commits(1_500)
    write_log(tmp_path / "events", commits, close=False)
    [segment] = segments_of(tmp_path / "events")
    assert segment.stat().st_size > 8 << 16
    damaged = commits[1_200]
    spoil(segment, damaged[-1].seq)
    assert recover(tmp_path / "events", cut_damage=True).last_seq == damaged[0].seq - 1


@pytest.mark.parametrize("tail", [b"junk\n", b"junk", b"\0" * 600 + b"stale", b"\n\n", b"\xff" * 5_000])
def test_what_stands_behind_the_end_is_cut_and_counts_no_events(tmp_path: Path, tail: bytes) -> None:
    write_log(tmp_path / "events", COMMITS, close=False)
    [segment] = segments_of(tmp_path / "events")
    segment.write_bytes(segment.read_bytes() + tail)
    recovered = recover(tmp_path / "events", cut_damage=True)
    assert (recovered.last_seq, recovered.cut_bytes) == (len(EVENTS), len(tail))
    assert recovered.cut_event_count == 0
    assert list(read_events(tmp_path / "events")) == EVENTS


def test_a_torn_tail_is_no_damage_and_its_whole_lines_are_counted(tmp_path: Path) -> None:
    write_log(tmp_path / "events", COMMITS, close=False)
    [segment] = segments_of(tmp_path / "events")
    segment.write_bytes(segment.read_bytes()[:-3])
    recovered = recover(tmp_path / "events", cut_damage=True)
    assert recovered.damage is None
    assert len(COMMITS[-1]) == 3
    assert recovered.cut_event_count == 2
    assert recovered.last_seq == len(EVENTS) - 3


@pytest.mark.parametrize("close", [True, False])
def test_sealed_segments_and_the_manifest_are_never_cut(tmp_path: Path, close: bool) -> None:
    folder = tmp_path / "events"
    write_log(folder, COMMITS, segment_bytes_max=1_000, close=close)
    for path in (segments_of(folder)[1], folder / MANIFEST_NAME):
        data = path.read_bytes()
        path.write_bytes(data[:50] + b"?" + data[51:])
        before = {path: path.read_bytes() for path in folder.iterdir()}
        with pytest.raises(LogDamage, match=path.name):
            recover(folder, cut_damage=True)
        assert {path: path.read_bytes() for path in folder.iterdir()} == before
        path.write_bytes(data)


def test_a_segment_that_is_missing_cannot_be_cut(tmp_path: Path) -> None:
    write_log(tmp_path / "events", COMMITS, close=False)
    segments_of(tmp_path / "events")[0].unlink()
    with pytest.raises(LogDamage, match=r"missing|No such file"):
        recover(tmp_path / "events", cut_damage=True)


def test_the_line_that_is_wrong_in_a_sealed_segment_is_told(tmp_path: Path) -> None:
    write_log(tmp_path / "events", COMMITS, segment_bytes_max=1_000)
    segment = segments_of(tmp_path / "events")[1]
    spoil(segment, 2)
    with pytest.raises(LogDamage, match=f"{segment.name} line 2 ") as caught:
        recover(tmp_path / "events")
    assert caught.value.seq == int(segment.stem) + 1


def test_a_full_disk_keeps_the_log_uncut(tmp_path: Path) -> None:
    write_log(tmp_path / "events", COMMITS, close=False)
    [segment] = segments_of(tmp_path / "events")
    torn = segment.read_bytes()[:-3]
    segment.write_bytes(torn)
    disk = FaultyDisk()
    disk.fill()
    with pytest.raises(WriteFailed, match="No space left"):
        recover(tmp_path / "events", disk=disk)
    assert segment.read_bytes() == torn
    assert list((tmp_path / "events").glob("*.torn")) == []
    disk.free()
    assert recover(tmp_path / "events", disk=disk).last_seq == len(list(read_lines(tmp_path / "events")))
