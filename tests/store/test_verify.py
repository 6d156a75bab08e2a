"""Every check of verify has a log that fails it, and only what is wrong is reported."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from store.manifest import MANIFEST_NAME
from store.verify import PROBLEM_COUNT_MAX, verify
from tests.store.builders import copy_log, segments_of, small_commits, write_log
from tests.store.sealed import Members, members_of, read_manifest, write_manifest, write_sealed


def test_a_sound_log_has_no_problems(tmp_path: Path) -> None:
    write_sealed(tmp_path / "events", members_of())
    verification = verify(tmp_path / "events")
    assert verification.sound, verification.problems
    assert (verification.event_count, verification.torn_bytes) == (12, 0)


@pytest.mark.parametrize(
    ("line", "change", "problem"),
    [
        (4, {"time_ns": 5}, "time_ns 5 is before 17672256"),
        (3, {"causation_seq": 3}, "causation_seq 3 is not an earlier event"),
        (3, {"causation_seq": 9}, "causation_seq 9 is not an earlier event"),
        (3, {"causation_seq": 0}, "causation_seq 0 is not an earlier event"),
        (3, {"correlation_seq": 4}, "correlation_seq 4 is a later event"),
        (3, {"correlation_seq": 0}, "correlation_seq 0 is a later event"),
        (3, {"commit_seq": 2}, "commit_seq 2 cannot be the end of the commit"),
        (3, {"commit_seq": 1_000_000}, "commit_seq 1000000 cannot be the end of the commit"),
        (3, {"commit_seq": 4}, "commit_seq 4 should be 3, as in the event before"),
        (3, {"seq": 8}, "seq 8 should be 3"),
        (3, {"seq": 2}, "seq 2 should be 3"),
        (3, {"data": [1]}, "data is not an object"),
        (3, {"data": None}, "data is not an object"),
        (3, {"time_ns": "now"}, "not an event: Expected `int`, got `str` - at `$.time_ns`"),
        (3, {"seq": None}, "not an event: Expected `int`, got `null` - at `$.seq`"),
        (12, {"commit_seq": 13}, "the segment does not end with a whole commit"),
        (3, {"source": "x" * (1 << 20)}, "the line is too long"),
    ],
)
def test_a_line_that_breaks_a_rule_is_reported(
    tmp_path: Path, line: int, change: Members, problem: str
) -> None:
    lines = members_of()
    lines[line - 1] |= change
    write_sealed(tmp_path / "events", lines)
    problems = verify(tmp_path / "events").problems
    assert any(found.problem.startswith(problem) for found in problems), problems
    assert (problems[0].line, problems[0].segment) == (line, f"{1:020d}.jsonl")


def test_a_missing_member_is_reported(tmp_path: Path) -> None:
    lines = members_of()
    del lines[4]["queue"]
    write_sealed(tmp_path / "events", lines)
    assert "missing required field `queue`" in verify(tmp_path / "events").problems[0].problem


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda line: line.replace(b"workload", b"w0rkload"), "crc 4"),
        (lambda line: line[: line.rindex(b',"crc"')] + b"}\n", "the line does not end with a crc"),
        (lambda line: line.replace(b',"crc":', b',"crc":0'), "the line does not end with a crc"),
        (lambda line: line.replace(b',"crc":', b',"crc": '), "the line does not end with a crc"),
        (lambda line: b"junk\n", "the line does not end with a crc"),
        (lambda line: b"", "crc "),
        (lambda line: line + line, "crc "),
    ],
)
def test_a_line_that_was_changed_is_reported(
    tmp_path: Path, spoil: Callable[[bytes], bytes], problem: str
) -> None:
    write_sealed(tmp_path / "events", members_of())
    [segment] = segments_of(tmp_path / "events")
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[4] = spoil(lines[4])
    segment.write_bytes(b"".join(lines))
    problems = [found.problem for found in verify(tmp_path / "events").problems if found.line]
    assert problems[0].startswith(problem[:4])
    assert any(text.startswith(problem) for text in problems) or problem == "crc 4"


def test_one_bad_line_does_not_hide_another(tmp_path: Path) -> None:
    write_sealed(tmp_path / "events", members_of())
    [segment] = segments_of(tmp_path / "events")
    lines = segment.read_bytes().splitlines(keepends=True)
    for index in (2, 7):
        lines[index] = lines[index].replace(b"workload", b"w0rkload")
    segment.write_bytes(b"".join(lines))
    assert [found.line for found in verify(tmp_path / "events").problems if found.line] == [3, 8]


@pytest.mark.parametrize(
    ("member", "value", "problem"),
    [
        ("last_seq", 11, "last_seq is 12, the manifest says 11"),
        ("last_crc", 7, "the manifest says 7"),
        ("sha256", "0" * 64, "the manifest says 0000"),
        ("size_bytes", 9, "bytes, the manifest says 9"),
        ("previous_crc", 9, "does not continue the segment before it"),
        ("first_seq", 2, "does not continue the segment before it"),
        ("name", f"{2:020d}.jsonl", "the segment is missing"),
    ],
)
def test_a_manifest_that_says_something_else_of_a_segment_is_reported(
    tmp_path: Path, member: str, value: object, problem: str
) -> None:
    write_sealed(tmp_path / "events", members_of())
    manifest = read_manifest(tmp_path / "events")
    [segment] = msgspec.convert(manifest["segments"], list[Members])
    write_manifest(tmp_path / "events", manifest | {"segments": [segment | {member: value}]})
    assert any(problem in found.problem for found in verify(tmp_path / "events").problems)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"digest": "0" * 64}, "digest 0000"),
        ({"digest": None}, "closed, digest and active contradict each other"),
        ({"closed": False}, "closed, digest and active contradict each other"),
        ({"active": f"{13:020d}.jsonl"}, "closed, digest and active contradict each other"),
        (
            {"closed": False, "digest": None, "active": f"{14:020d}.jsonl"},
            f"active {14:020d}.jsonl should be {13:020d}.jsonl",
        ),
        ({"closed": False, "digest": None, "active": f"{13:020d}.jsonl"}, "the segment is missing"),
        ({"format_version": 9}, "format_version 9 is not 1"),
        ({"segments": 3}, "not a manifest"),
        ({"segments": []}, "the manifest does not list this segment"),
    ],
)
def test_a_manifest_that_contradicts_itself_or_the_folder_is_reported(
    tmp_path: Path, change: Members, problem: str
) -> None:
    write_sealed(tmp_path / "events", members_of())
    write_manifest(tmp_path / "events", read_manifest(tmp_path / "events") | change)
    problems = [found.problem for found in verify(tmp_path / "events").problems]
    assert any(text.startswith(problem) for text in problems), problems


def test_a_manifest_with_a_wrong_crc_is_reported(tmp_path: Path) -> None:
    write_sealed(tmp_path / "events", members_of())
    path = tmp_path / "events" / MANIFEST_NAME
    path.write_bytes(path.read_bytes().replace(b'"last_seq":12', b'"last_seq": 12'))
    assert verify(tmp_path / "events").problems[0].problem == "the crc is wrong or missing"


def test_a_torn_tail_is_no_problem_but_a_lost_newline_is(tmp_path: Path) -> None:
    write_log(tmp_path / "open", small_commits(3), close=False)
    data = segments_of(tmp_path / "open")[0].read_bytes()
    for spoilt, sound, torn_bytes in (
        (data, True, 0),
        (data[:-1], True, len(data) - data.index(b'{"seq":4') - 1),
        (data + b'{"seq":7', True, 8),
        (data[:-1] + b"\x0b", False, None),
    ):
        folder = copy_log(tmp_path / "open", tmp_path / "spoilt")
        segments_of(folder)[0].write_bytes(spoilt)
        verification = verify(folder)
        assert verification.sound is sound
        assert torn_bytes is None or verification.torn_bytes == torn_bytes


def test_problems_beyond_the_limit_are_only_counted(tmp_path: Path) -> None:
    lines = members_of(700)
    for members in lines:
        members["correlation_seq"] = 0
    write_sealed(tmp_path / "events", lines)
    verification = verify(tmp_path / "events")
    assert len(verification.problems) == PROBLEM_COUNT_MAX
    assert verification.problem_count == len(lines) > PROBLEM_COUNT_MAX


def test_a_folder_that_holds_no_log_is_reported(tmp_path: Path) -> None:
    assert "cannot be read" in verify(tmp_path / "missing").problems[0].problem
    assert "cannot be read" in verify(tmp_path).problems[0].problem
