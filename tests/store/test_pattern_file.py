"""Files of patterns: what was written is read, what is damaged is refused, nothing is overwritten."""

import fcntl
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import DamageError, EnvironmentProblem, InputError
from store import pattern_file
from store.pattern_file import (
    CarriedPattern,
    check_writable,
    decode_patterns,
    encode_patterns,
    read_patterns,
    replace_patterns,
    within_limits,
)

CRASH = CarriedPattern("critical_error", "Gateway crashed", 3, 1, "day-1:0123456789ab", 41, "day-2:ab", 77)
FLAKY = CarriedPattern("flaky_test", "checkout fails now and then", 1, 0, "day-2:ab", 9, "day-2:ab", 9)
TEXT = encode_patterns("hashing-v1", 512, [CRASH, FLAKY])


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50), st.integers(0, 10**12))
def test_what_was_written_is_read(message: str, count: int) -> None:
    pattern = CarriedPattern("duplication", message, count, count, "run", 1, "run", 2)
    file = decode_patterns(encode_patterns("e", 3, [pattern, CRASH]).encode(), "file")
    assert file.patterns == [pattern, CRASH]
    assert (file.header.embedder, file.header.dimension_count, file.header.count) == ("e", 3, 2)


def test_every_flipped_bit_is_refused_or_is_in_the_name_of_the_embedder() -> None:
    """Whoever reads the file compares embedder and dimensions with its own."""
    whole = decode_patterns(TEXT.encode(), "file")
    for position in range(len(TEXT)):
        content = bytearray(TEXT.encode())
        content[position] ^= 1
        try:
            found = decode_patterns(bytes(content), "file")
        except (DamageError, InputError):
            continue
        own = whole.header.embedder, whole.header.dimension_count
        assert (found.header.embedder, found.header.dimension_count) != own
        assert found.patterns == whole.patterns


@pytest.mark.parametrize("kept", [1, 60, len(TEXT) - 1, len(TEXT) - 60])
def test_a_file_that_was_cut_short_is_refused(kept: int) -> None:
    with pytest.raises((DamageError, InputError)):
        decode_patterns(TEXT.encode()[:kept], "file")


@pytest.mark.parametrize("content", [b"", b"\n", b"[]\n", b"\xff\xfe\n", b'{"a":1}\n', b"[" * 100_000])
def test_a_file_of_something_else_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="holds no patterns"):
        decode_patterns(content, "file")


def test_a_file_of_another_version_says_which() -> None:
    with pytest.raises(InputError, match="trinity-patterns-2"):
        decode_patterns(TEXT.replace("trinity-patterns-1", "trinity-patterns-2", 1).encode(), "file")


def test_a_count_that_no_log_could_hold_is_refused() -> None:
    huge = encode_patterns("e", 3, [CarriedPattern("duplication", "m", 10**13, 0, "r", 1, "r", 1)])
    with pytest.raises(DamageError, match="file:2"):
        decode_patterns(huge.encode(), "file")


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "patterns"
    path.write_text(TEXT)
    monkeypatch.setattr(pattern_file, "FILE_BYTES_MAX", len(TEXT) - 1)
    with pytest.raises(InputError, match="larger than"):
        read_patterns(path)
    monkeypatch.setattr(pattern_file, "FILE_BYTES_MAX", len(TEXT))
    monkeypatch.setattr(pattern_file, "PATTERNS_MAX", 1)
    with pytest.raises(InputError, match="at most 1"):
        read_patterns(path)


def test_what_is_too_much_for_a_file_is_left_out_from_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [CRASH, FLAKY, CRASH, FLAKY]
    assert within_limits(many) == many
    header_bytes = pattern_file._HEADER_BYTES_MAX
    line_bytes = [len(line) + 1 for line in TEXT.splitlines()[1:]]
    monkeypatch.setattr(pattern_file, "FILE_BYTES_MAX", header_bytes + 2 * line_bytes[0] + line_bytes[1])
    assert within_limits(many) == many[:3]
    monkeypatch.setattr(pattern_file, "FILE_BYTES_MAX", header_bytes + sum(line_bytes) - 1)
    assert within_limits(many) == many[:1]
    monkeypatch.undo()
    monkeypatch.setattr(pattern_file, "PATTERNS_MAX", 2)
    assert within_limits(many) == many[:2]


def test_no_file_is_no_patterns_and_a_folder_is_refused(tmp_path: Path) -> None:
    assert read_patterns(tmp_path / "none") is None
    with pytest.raises(InputError, match="is no file"):
        read_patterns(tmp_path)


def test_a_file_is_replaced_only_by_who_knows_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "patterns"
    assert not replace_patterns(path, TEXT, "0" * 64)
    assert replace_patterns(path, TEXT, None)
    assert not replace_patterns(path, "other", None)
    assert path.read_text() == TEXT
    first = read_patterns(path)
    assert first is not None
    assert replace_patterns(path, encode_patterns("e", 3, []), first.sha256)
    assert not replace_patterns(path, TEXT, first.sha256)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["patterns", "patterns.lock"]


def test_a_file_that_somebody_is_writing_is_left_to_them(tmp_path: Path) -> None:
    path = tmp_path / "patterns"
    with (tmp_path / "patterns.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not replace_patterns(path, TEXT, None)
        assert not path.exists()
    assert replace_patterns(path, TEXT, None)


def test_a_path_where_nothing_can_be_written_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        check_writable(tmp_path / "none" / "patterns")
    events = tmp_path / "run" / "events"
    events.mkdir(parents=True)
    (events / "manifest.json").write_text(json.dumps({}))
    with pytest.raises(InputError, match="belongs to a run"):
        check_writable(tmp_path / "run" / "memory.jsonl")
    check_writable(tmp_path / "patterns")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_takes_no_file_is_refused_before_the_run(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(EnvironmentProblem, match="nothing can be written"):
        check_writable(tmp_path / "patterns")
