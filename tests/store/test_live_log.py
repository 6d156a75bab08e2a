"""A log can be read, verified and followed while another process writes it and begins segments."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.follower import follow
from store.log_reader import read_events, readable_segments
from store.verify import verify

READINGS = 40
WRITE_FOR_EVER = """
import sys
from pathlib import Path
from store.log_writer import LogWriter
from tests.store.builders import append, small_commits
writer = LogWriter.create(Path(sys.argv[1]), segment_bytes_max=4_000)
print(flush=True)
while True:
    append(writer, small_commits(3, writer.last_seq + 1))
    writer.flush()
"""


@pytest.fixture
def live_log(tmp_path: Path) -> Iterator[Path]:
    command = [sys.executable, "-c", WRITE_FOR_EVER, str(tmp_path / "events")]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield tmp_path / "events"
        child.kill()


def test_every_reading_of_a_live_log_is_whole_and_no_shorter_than_the_one_before(live_log: Path) -> None:
    count = 0
    for _ in range(READINGS * 100):  # as many as it takes on a slow machine
        if count > READINGS:
            break
        seqs = [event.seq for event in read_events(live_log, max(1, count))]
        assert seqs == list(range(max(1, count), max(1, count) + len(seqs)))
        count = max(count, *seqs, 0)
    assert count > READINGS


def test_verify_finds_nothing_wrong_with_a_live_log(live_log: Path) -> None:
    for _ in range(READINGS // 4):
        assert verify(live_log).problems == ()


def test_segments_for_plain_json_readers_are_whole_in_a_live_log(live_log: Path, tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    for _ in range(READINGS // 4):
        data = b"".join(path.read_bytes() for path in readable_segments(live_log, tmp_path / "scratch"))
        assert data[-1:] in (b"", b"\n")


def test_a_live_log_can_be_followed(live_log: Path) -> None:
    for seq, event in enumerate(follow(live_log, poll=lambda: True), 1):
        assert event.seq == seq
        if seq == 2_000:
            break
