"""After a crash a log ends with its last whole commit and can go on from there."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bus.codec import decode_envelope, encode_event
from bus.events import Event
from store.errors import LogDamage, LogLocked
from store.log_reader import read_events, readable_segments
from store.log_writer import LogWriter
from store.manifest import MANIFEST_NAME, read_manifest
from store.recovery import recover
from store.verify import verify
from tests.store.builders import append, copy_log, segments_of, small_commits, write_log
from tests.torture.store_shims import scratch

COMMITS = small_commits(8)


def whole_events(line_count: int) -> list[Event]:
    """The events of the commits that are whole when so many lines are."""
    return [event for commit in COMMITS for event in commit if commit[-1].seq <= line_count]


def test_a_cut_at_any_byte_leaves_exactly_the_whole_commits_and_the_log_goes_on() -> None:
    with scratch() as folder:
        _cut_at_any_byte(folder)


def _cut_at_any_byte(tmp_path: Path) -> None:
    whole = write_log(tmp_path / "whole", COMMITS, segment_bytes_max=1_400)
    digest = verify(tmp_path / "whole").digest
    write_log(tmp_path / "open", COMMITS, segment_bytes_max=1_400, close=False)
    sealed_count = len(segments_of(tmp_path / "open")) - 1
    assert sealed_count >= 1
    active = segments_of(tmp_path / "open")[-1]
    data = active.read_bytes()
    first_seq = int(active.stem)
    (tmp_path / "scratch").mkdir()
    for size_bytes in range(len(data) + 1):
        folder = copy_log(tmp_path / "open", tmp_path / "cut")
        (folder / active.name).write_bytes(data[:size_bytes])
        expected = whole_events(first_seq - 1 + data[:size_bytes].count(b"\n"))
        assert list(read_events(folder)) == expected
        seen = b"".join(path.read_bytes() for path in readable_segments(folder, tmp_path / "scratch"))
        assert [decode_envelope(line).seq for line in seen.splitlines()] == [event.seq for event in expected]
        with LogWriter.resume(folder, segment_bytes_max=1_400) as writer:
            assert writer.last_seq == len(expected)
            append(writer, [commit for commit in COMMITS if commit[0].seq > writer.last_seq])
        assert list(read_events(folder)) == whole
        assert verify(folder).sound
        assert verify(folder).digest == digest


def test_what_is_cut_is_kept_beside_the_segment(tmp_path: Path) -> None:
    write_log(tmp_path / "events", COMMITS, close=False)
    segment = segments_of(tmp_path / "events")[0]
    data = segment.read_bytes()
    for number in (1, 2):
        segment.write_bytes(data[:-7])
        recovered = recover(tmp_path / "events")
        assert recovered.torn == segment.with_suffix(f".{number}.torn")
        assert recovered.torn.read_bytes() == data[len(data) - 7 - recovered.cut_bytes : -7]
        assert segment.read_bytes() + recovered.torn.read_bytes() == data[:-7]
    assert segments_of(tmp_path / "events") == [segment]


def test_zero_bytes_behind_a_torn_line_are_a_torn_tail(tmp_path: Path) -> None:
    events = write_log(tmp_path / "events", COMMITS, close=False)
    segment = segments_of(tmp_path / "events")[0]
    data = segment.read_bytes()
    for tail in (b"\0", b"\0" * 2_000_000, b'{"seq":16,"ti' + b"\0" * 4_096):
        segment.write_bytes(data + tail)
        assert list(read_events(tmp_path / "events")) == events
        assert verify(tmp_path / "events").torn_bytes == len(tail)
        assert recover(tmp_path / "events").cut_bytes == len(tail)
        assert segment.read_bytes() == data


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.replace(b"Build 3", b"Build 9"),
        lambda data: data[:-1] + b"X",
        lambda data: data[:-1] + b"\0",
        lambda data: data[:-1] + b'X{"seq":16,"time',
        lambda data: data + b"\0\0" + data.splitlines(keepends=True)[-1],
        lambda data: data + b"junk\n",
        lambda data: data + b"x" * (1 << 20),
        lambda data: b"".join(data.splitlines(keepends=True)[1:]),
        lambda data: b"".join(data.splitlines(keepends=True)[:5] + data.splitlines(keepends=True)[6:]),
    ],
)
def test_damage_that_no_crash_leaves_is_refused_and_no_byte_is_touched(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    write_log(tmp_path / "events", COMMITS, close=False)
    segment = segments_of(tmp_path / "events")[0]
    spoilt = spoil(segment.read_bytes())
    segment.write_bytes(spoilt)
    names = sorted(path.name for path in (tmp_path / "events").iterdir())
    with pytest.raises(LogDamage):
        recover(tmp_path / "events")
    with pytest.raises(LogDamage):
        LogWriter.resume(tmp_path / "events")
    with pytest.raises(LogDamage):
        list(read_events(tmp_path / "events"))
    assert verify(tmp_path / "events").problems
    assert segment.read_bytes() == spoilt
    assert sorted(path.name for path in (tmp_path / "events").iterdir()) == names


def test_recovering_a_good_log_changes_nothing(tmp_path: Path) -> None:
    for close in (True, False):
        folder = tmp_path / str(close)
        events = write_log(folder, COMMITS, segment_bytes_max=1_400, close=close)
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        recovered = recover(folder)
        assert (recovered.last_seq, recovered.cut_bytes, recovered.torn) == (len(events), 0, None)
        assert recovered.closed is close
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_crash_while_a_log_is_begun_leaves_a_log_without_events(tmp_path: Path) -> None:
    LogWriter.create(tmp_path / "events").leave()
    (tmp_path / "events" / MANIFEST_NAME).unlink()
    assert list(read_events(tmp_path / "events")) == []
    assert verify(tmp_path / "events").sound
    with LogWriter.resume(tmp_path / "events") as writer:
        append(writer, COMMITS)
    assert verify(tmp_path / "events").sound


def test_a_crash_while_a_segment_is_begun_loses_nothing(tmp_path: Path) -> None:
    events = write_log(tmp_path / "events", COMMITS[:6], close=False)
    stray = tmp_path / "events" / f"{len(events) + 1:020d}.jsonl"
    stray.touch()
    assert list(read_events(tmp_path / "events")) == events
    assert verify(tmp_path / "events").sound
    with LogWriter.resume(tmp_path / "events", segment_bytes_max=1) as writer:
        append(writer, COMMITS[6:])
    assert verify(tmp_path / "events").sound
    assert len(segments_of(tmp_path / "events")) == 3


def test_a_segment_whose_sha256_is_wrong_cannot_be_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(tmp_path / "events", COMMITS, segment_bytes_max=1_400, close=False)
    monkeypatch.setattr("store.recovery.hashlib.sha256", hashlib.sha3_256)
    with pytest.raises(LogDamage, match="SHA-256"):
        recover(tmp_path / "events")


WRITE_FOR_EVER = """
import sys
from pathlib import Path
from store.log_writer import LogWriter
from tests.store.builders import append, small_commits
writer = LogWriter.create(Path(sys.argv[1]), segment_bytes_max=20_000)
for number in range(1, 1_000_000):
    append(writer, small_commits(3, writer.last_seq + 1))
    writer.flush()
    print(writer.last_seq, flush=True)
"""


def test_kill_9_loses_nothing_that_was_flushed_and_frees_the_lock(tmp_path: Path) -> None:
    for line_count in (1, 40, 200):
        folder = tmp_path / f"events-{line_count}"
        command = [sys.executable, "-c", WRITE_FOR_EVER, str(folder)]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as child:
            assert child.stdout is not None
            for _ in range(line_count):
                flushed_seq = int(child.stdout.readline())
            with pytest.raises(LogLocked, match=f"process {child.pid} is writing"):
                recover(folder)
            child.send_signal(signal.SIGKILL)
            flushed_seq = max(flushed_seq, *map(int, child.stdout.read().split()), 0)
        recovered = recover(folder)
        assert recovered.last_seq >= flushed_seq
        assert not recovered.closed
        with LogWriter.resume(folder) as writer:
            append(writer, small_commits(3, writer.last_seq + 1))
        verification = verify(folder)
        assert verification.sound
        assert verification.event_count == recovered.last_seq + 6


def test_a_resumed_log_is_byte_for_byte_that_of_one_writer(tmp_path: Path) -> None:
    write_log(tmp_path / "whole", COMMITS, segment_bytes_max=1_400)
    for commit in COMMITS:
        if commit[0].seq == 1:
            writer = LogWriter.create(tmp_path / "resumed", segment_bytes_max=1_400)
        else:
            writer = LogWriter.resume(tmp_path / "resumed", segment_bytes_max=1_400)
        writer.append(commit[0].seq, [encode_event(event) for event in commit])
        writer.leave()
    LogWriter.resume(tmp_path / "resumed").close()
    assert read_manifest(tmp_path / "resumed") == read_manifest(tmp_path / "whole")
    assert [path.read_bytes() for path in segments_of(tmp_path / "resumed")] == [
        path.read_bytes() for path in segments_of(tmp_path / "whole")
    ]


def test_bytes_behind_zero_bytes_are_damage_for_the_reader_and_for_verify(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    write_log(folder, COMMITS, close=False)
    segment = segments_of(folder)[-1]
    segment.write_bytes(segment.read_bytes() + b"\0" * 50 + b"x")
    with pytest.raises(LogDamage, match="behind zero bytes"):
        list(read_events(folder))
    assert [problem.problem for problem in verify(folder).problems] == ["bytes behind zero bytes"]
