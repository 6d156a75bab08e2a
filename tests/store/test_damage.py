"""Damage is never read as a shorter or a different log, and verify and the reader agree that it is there."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from store.errors import EventUnknown, LogDamage, UnknownFormat
from store.log_reader import read_events, readable_segments
from store.manifest import MANIFEST_NAME, read_manifest, write_manifest
from store.verify import verify
from tests.store.builders import copy_log, segments_of, small_commits, write_log
from tests.store.sealed import Members, members_of, write_sealed
from tests.store.sealed import read_manifest as read_members
from tests.store.sealed import write_manifest as write_members


def refused_by_both(folder: Path) -> bool:
    """Whether the reader and verify both find something; they must not disagree."""
    problems = verify(folder).problems
    refusal = ""
    try:
        list(read_events(folder))
    except (LogDamage, UnknownFormat) as damage:
        refusal = str(damage)
    assert bool(refusal) is bool(problems), f"reader: {refusal or 'sound'}, verify: {problems}"
    assert not refusal or f"; run `trinity verify {folder.parent}`" in refusal or "; read it with" in refusal
    assert "\n" not in refusal
    return bool(refusal)


@pytest.mark.parametrize("close", [True, False])
def test_a_flipped_bit_anywhere_is_found_by_the_reader_and_by_verify(tmp_path: Path, close: bool) -> None:
    write_log(tmp_path / "events", small_commits(5), segment_bytes_max=1_000, close=close)
    assert not refused_by_both(tmp_path / "events")
    assert len(segments_of(tmp_path / "events")) >= 3
    flip_count = 0
    for path in [*segments_of(tmp_path / "events"), tmp_path / "events" / MANIFEST_NAME]:
        data = path.read_bytes()
        for index in range(len(data)):
            bit = 1 << (index * 5 % 8)
            path.write_bytes(data[:index] + bytes([data[index] ^ bit]) + data[index + 1 :])
            assert refused_by_both(tmp_path / "events"), f"bit {bit} of byte {index} of {path.name}"
            flip_count += 1
        path.write_bytes(data)
    assert flip_count > 2_000


def _missing(segments: list[Path]) -> None:
    segments[1].unlink()


def _last_missing(segments: list[Path]) -> None:
    segments[-1].unlink()


def _swapped(segments: list[Path]) -> None:
    first, second = segments[0].read_bytes(), segments[1].read_bytes()
    segments[0].write_bytes(second)
    segments[1].write_bytes(first)


def _doubled(segments: list[Path]) -> None:
    segments[0].with_name(f"{99:020d}.jsonl").write_bytes(segments[-1].read_bytes())


def _overwritten(segments: list[Path]) -> None:
    segments[1].write_bytes(segments[0].read_bytes())


def _zeroed(segments: list[Path]) -> None:
    segments[1].write_bytes(b"\0" * segments[1].stat().st_size)


def _emptied(segments: list[Path]) -> None:
    segments[1].write_bytes(b"")


def _grown(segments: list[Path]) -> None:
    segments[0].write_bytes(segments[0].read_bytes() + segments[1].read_bytes())


def _manifest_missing(segments: list[Path]) -> None:
    (segments[0].parent / MANIFEST_NAME).unlink()


def _all_missing(segments: list[Path]) -> None:
    for path in [*segments, segments[0].parent / MANIFEST_NAME]:
        path.unlink()


@pytest.mark.parametrize("close", [True, False])
@pytest.mark.parametrize(
    "spoil",
    [
        _missing,
        _last_missing,
        _swapped,
        _doubled,
        _overwritten,
        _zeroed,
        _emptied,
        _grown,
        _manifest_missing,
        _all_missing,
    ],
)
def test_segments_that_are_missing_or_not_in_their_place_are_found(
    tmp_path: Path, spoil: Callable[[list[Path]], None], close: bool
) -> None:
    write_log(tmp_path / "events", small_commits(6), segment_bytes_max=1_000, close=close)
    spoil(segments_of(tmp_path / "events"))
    assert refused_by_both(tmp_path / "events")


def test_a_closed_log_cut_at_any_byte_is_damaged(tmp_path: Path) -> None:
    write_log(tmp_path / "events", small_commits(3))
    [segment] = segments_of(tmp_path / "events")
    data = segment.read_bytes()
    for size_bytes in range(0, len(data), 3):
        segment.write_bytes(data[:size_bytes])
        assert refused_by_both(tmp_path / "events")


def test_a_segment_of_another_run_is_found_even_if_it_has_the_same_length(tmp_path: Path) -> None:
    write_log(tmp_path / "events", small_commits(4), segment_bytes_max=1_000)
    other = copy_log(tmp_path / "events", tmp_path / "other")
    for path in segments_of(other):
        path.unlink()
    (other / MANIFEST_NAME).unlink()
    (other / "writer.lock").unlink()
    commits = [[*commit] for commit in small_commits(4)]
    changed = commits[0][0]
    commits[0][0] = type(changed)(
        changed.seq,
        changed.time_ns,
        changed.type,
        "w0rkl0ad",
        changed.queue,
        None,
        changed.correlation_seq,
        changed.commit_seq,
        changed.data,
    )
    write_log(other, commits, segment_bytes_max=1_000)
    here, there = segments_of(tmp_path / "events")[1], segments_of(other)[1]
    here.write_bytes(there.read_bytes().ljust(here.stat().st_size))
    assert refused_by_both(tmp_path / "events")


def test_the_error_names_segment_line_and_seq(tmp_path: Path) -> None:
    write_log(tmp_path / "events", small_commits(6), segment_bytes_max=1_000)
    segment = segments_of(tmp_path / "events")[2]
    first_seq = int(segment.stem)
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"workload", b"w0rkload")
    segment.write_bytes(b"".join(lines))
    with pytest.raises(LogDamage, match=f"{segment} line 2 ") as caught:
        list(read_events(tmp_path / "events"))
    assert (caught.value.segment, caught.value.line) == (segment, 2)
    assert caught.value.seq == first_seq + 1
    [problem] = [problem for problem in verify(tmp_path / "events").problems if problem.line]
    assert (problem.segment, problem.line, problem.seq) == (segment.name, 2, first_seq + 1)


def test_a_log_of_a_later_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    write_log(tmp_path / "events", small_commits(2))
    manifest = read_manifest(tmp_path / "events")
    assert manifest is not None
    write_manifest(tmp_path / "events", type(manifest)(2, True, manifest.digest, None, manifest.segments))
    with pytest.raises(UnknownFormat, match="format_version 2 is not 1"):
        list(read_events(tmp_path / "events"))
    assert "format_version 2" in verify(tmp_path / "events").problems[0].problem


@pytest.mark.parametrize(
    ("line", "change"),
    [
        (3, {"seq": 8}),
        (3, {"seq": 2}),
        (3, {"commit_seq": 2}),
        (3, {"commit_seq": 4}),
        (2, {"commit_seq": 1_000_000}),
        (4, {"commit_seq": 3}),
        (12, {"commit_seq": 13}),
        (3, {"source": "x" * 257}),
    ],
)
def test_a_line_that_breaks_a_rule_is_refused_though_its_crc_is_right(
    tmp_path: Path, line: int, change: Members
) -> None:
    lines = members_of()
    write_sealed(tmp_path / "sound", lines)
    assert not refused_by_both(tmp_path / "sound")
    lines[line - 1] |= change
    write_sealed(tmp_path / "events", lines)
    assert refused_by_both(tmp_path / "events")


def test_a_sealed_segment_may_not_end_like_a_torn_one(tmp_path: Path) -> None:
    for number, rest in enumerate((b"\0", b'{"seq":13', b"x")):
        write_sealed(tmp_path / str(number), members_of(), rest)
        assert refused_by_both(tmp_path / str(number))


@pytest.mark.parametrize(
    "change",
    [
        {"digest": None},
        {"closed": False},
        {"active": f"{13:020d}.jsonl"},
        {"closed": False, "digest": None, "active": f"{14:020d}.jsonl"},
        {"closed": False, "digest": None, "active": f"{13:020d}.jsonl"},
        {"format_version": 9},
        {"segments": []},
    ],
)
def test_a_manifest_that_contradicts_itself_or_the_folder_is_refused(tmp_path: Path, change: Members) -> None:
    write_sealed(tmp_path / "events", members_of())
    write_members(tmp_path / "events", read_members(tmp_path / "events") | change)
    assert refused_by_both(tmp_path / "events")


@pytest.mark.parametrize(
    ("member", "value"),
    [("last_seq", 11), ("last_crc", 7), ("size_bytes", 9), ("previous_crc", 9), ("first_seq", 2)],
)
def test_a_manifest_that_says_something_else_of_a_segment_is_refused(
    tmp_path: Path, member: str, value: int
) -> None:
    write_sealed(tmp_path / "events", members_of())
    manifest = read_members(tmp_path / "events")
    [segment] = msgspec.convert(manifest["segments"], list[Members])
    write_members(tmp_path / "events", manifest | {"segments": [segment | {member: value}]})
    assert refused_by_both(tmp_path / "events")


def test_segments_for_plain_json_readers_are_refused_if_a_sealed_one_has_another_length(
    tmp_path: Path,
) -> None:
    write_log(tmp_path / "events", small_commits(6), segment_bytes_max=1_000)
    assert readable_segments(tmp_path / "events", tmp_path) == segments_of(tmp_path / "events")
    segment = segments_of(tmp_path / "events")[0]
    segment.write_bytes(segment.read_bytes()[:-1])
    with pytest.raises(LogDamage, match="bytes should be"):
        readable_segments(tmp_path / "events", tmp_path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [({"type": "new.type"}, "unknown event type 'new.type'"), ({"data": {"label": "odd"}}, "bad body of")],
)
def test_a_sound_event_that_this_program_does_not_know_is_no_damage(
    tmp_path: Path, change: Members, problem: str
) -> None:
    lines = members_of()
    lines[2] |= change
    write_sealed(tmp_path / "events", lines)
    assert verify(tmp_path / "events").sound
    with pytest.raises(EventUnknown, match=f"seq 3: {problem}"):
        list(read_events(tmp_path / "events"))
