"""A follower sees whole commits only, in order, and all of them."""

from pathlib import Path

import pytest

from bus.codec import encode_event
from bus.events import Event
from store.errors import LogDamage
from store.follower import follow
from store.log_writer import LogWriter
from tests.store.builders import append, segments_of, small_commits, write_log


def test_a_follower_yields_every_commit_once_it_is_flushed_across_segments(tmp_path: Path) -> None:
    commits = small_commits(12)
    seen: list[Event] = []
    writers: list[LogWriter] = []
    flushed_count = 0

    def write_one_more() -> bool:
        nonlocal flushed_count
        assert len(seen) == flushed_count
        if not writers:
            writers.append(LogWriter.create(tmp_path / "events", segment_bytes_max=900))
        elif writers[0].last_seq == commits[-1][-1].seq:
            writers[0].close()
        else:
            append(writers[0], [commit for commit in commits if commit[0].seq == writers[0].last_seq + 1])
            writers[0].flush()
        flushed_count = writers[0].last_seq
        return True

    for event in follow(tmp_path / "events", poll=write_one_more):
        seen.append(event)
    assert seen == [event for commit in commits for event in commit]
    assert len(segments_of(tmp_path / "events")) > 3


def test_a_commit_that_arrives_byte_by_byte_is_yielded_when_it_is_whole(tmp_path: Path) -> None:
    events = write_log(tmp_path / "events", small_commits(3), close=False)
    segment = segments_of(tmp_path / "events")[0]
    data = segment.read_bytes()
    segment.write_bytes(b"")
    sizes = iter(range(len(data) + 1))
    seen: list[Event] = []

    def grow() -> bool:
        size_bytes = next(sizes, None)
        if size_bytes is None:
            return False
        line_count = data[: max(0, size_bytes - 1)].count(b"\n")
        assert len(seen) == {0: 0, 1: 1, 2: 1, 3: 3, 4: 3, 5: 3, 6: 6}[line_count]
        segment.write_bytes(data[:size_bytes])
        return True

    for event in follow(tmp_path / "events", poll=grow):
        seen.append(event)
    assert seen == events


def test_a_follower_lives_through_a_crash_and_a_recovery(tmp_path: Path) -> None:
    commits = small_commits(6)
    write_log(tmp_path / "events", commits[:4], close=False)
    segment = segments_of(tmp_path / "events")[0]
    with segment.open("ab") as file:
        file.write(encode_event(commits[4][0])[:50])
    polls = 0

    def recover_and_go_on() -> bool:
        nonlocal polls
        polls += 1
        if polls == 2:
            with LogWriter.resume(tmp_path / "events") as writer:
                append(writer, commits[4:])
        return True

    seen = list(follow(tmp_path / "events", poll=recover_and_go_on))
    assert seen == [event for commit in commits for event in commit]


def test_a_follower_stops_when_poll_says_so(tmp_path: Path) -> None:
    events = write_log(tmp_path / "events", small_commits(3), close=False)
    assert list(follow(tmp_path / "events", poll=lambda: False)) == events
    assert list(follow(tmp_path / "missing", poll=lambda: False)) == []


def test_a_follower_refuses_damage(tmp_path: Path) -> None:
    write_log(tmp_path / "events", small_commits(3))
    segment = segments_of(tmp_path / "events")[0]
    segment.write_bytes(segment.read_bytes()[:-1])
    with pytest.raises(LogDamage, match="should be"):
        list(follow(tmp_path / "events", poll=lambda: True))
