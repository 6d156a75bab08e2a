"""What is written is what is read."""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.bodies import Body
from bus.codec import check_line, decode_envelope, decode_event, encode_event, seal_line
from store.log_reader import read_envelopes, read_events, read_lines
from store.log_writer import LogWriter
from store.verify import verify
from tests.store.builders import append, bodies, commit_of, run_starts, segments_of, small_commits, write_log


@given(body=bodies, previous_crc=st.integers(0, 2**32 - 1))
def test_a_line_decodes_to_the_event_that_was_encoded(body: Body, previous_crc: int) -> None:
    [event] = commit_of(7, [body])
    line, crc = seal_line(encode_event(event), previous_crc)
    assert decode_event(line) == event
    assert check_line(line, previous_crc) == crc == decode_envelope(line).crc
    assert line.count(b"\n") == 1


@settings(max_examples=50)
@given(
    start=run_starts,
    commits=st.lists(st.lists(bodies, min_size=1, max_size=4), max_size=8),
    segment_bytes_max=st.sampled_from([1, 700, 5_000]),
)
def test_a_log_reads_back_and_verifies_whatever_its_events(
    start: Body, commits: list[list[Body]], segment_bytes_max: int
) -> None:
    events, seq = [], 1
    for commit in ([start], *commits):
        events.append(commit_of(seq, commit))
        seq += len(commit)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "events"
        expected = write_log(folder, events, segment_bytes_max=segment_bytes_max)
        assert list(read_events(folder)) == expected
        verification = verify(folder)
        assert verification.sound, verification.problems
        assert verification.event_count == len(expected)


def test_the_writer_seals_lines_exactly_as_the_codec_does(tmp_path: Path) -> None:
    events = write_log(tmp_path / "events", small_commits(40))
    lines, crc = [], 0
    for event in events:
        line, crc = seal_line(encode_event(event), crc)
        lines.append(line)
    assert list(read_lines(tmp_path / "events")) == lines


def test_the_digest_is_that_of_all_bytes_and_does_not_depend_on_segments(tmp_path: Path) -> None:
    digests = []
    for segment_bytes_max in (1, 1_000, 2_500, 1 << 20):
        folder = tmp_path / str(segment_bytes_max)
        with LogWriter.create(folder, segment_bytes_max=segment_bytes_max) as writer:
            append(writer, small_commits(20))
            digests.append(writer.close())
        data = b"".join(path.read_bytes() for path in segments_of(folder))
        assert hashlib.sha256(data).hexdigest() == digests[-1] == verify(folder).digest
    assert len(set(digests)) == 1


def test_no_commit_spans_two_segments_and_none_is_too_long(tmp_path: Path) -> None:
    write_log(tmp_path / "events", small_commits(60), segment_bytes_max=2_000)
    segments = segments_of(tmp_path / "events")
    assert len(segments) > 5
    for segment in segments:
        events = [decode_event(line) for line in segment.read_bytes().splitlines()]
        assert segment.stem == f"{events[0].seq:020d}"
        assert events[0].seq == events[0].commit_seq or events[1].commit_seq == events[0].commit_seq
        assert events[-1].seq == events[-1].commit_seq
        assert segment.stat().st_size <= 2_000


@pytest.mark.parametrize("close", [True, False])
def test_reading_can_start_at_any_event(tmp_path: Path, close: bool) -> None:
    events = write_log(tmp_path / "events", small_commits(15), segment_bytes_max=1_500, close=close)
    for from_seq in range(1, len(events) + 3):
        assert list(read_events(tmp_path / "events", from_seq)) == events[from_seq - 1 :]
    assert next(read_envelopes(tmp_path / "events", 5)).seq == 5


def test_a_log_longer_than_a_block_reads_back(tmp_path: Path) -> None:
    events = write_log(tmp_path / "events", small_commits(1_000), segment_bytes_max=200_000, close=False)
    assert list(read_events(tmp_path / "events")) == events


def test_a_log_without_events_is_valid(tmp_path: Path) -> None:
    write_log(tmp_path / "events", [])
    assert list(read_events(tmp_path / "events")) == []
    assert verify(tmp_path / "events").sound
    assert verify(tmp_path / "events").digest == hashlib.sha256().hexdigest()
