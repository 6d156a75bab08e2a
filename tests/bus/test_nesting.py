"""Nesting: what a decoder could read deeper than the bound never passes, and flatter JSON always does."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.errors import ProtocolError
from bus.nesting import NESTING_DEPTH_MAX, check_nesting

hostile_text = st.text(alphabet='[]{}"\\:,ab\n', max_size=30)
values = st.recursive(
    st.none() | st.integers() | hostile_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(hostile_text, inner, max_size=4),
    max_leaves=30,
)


def passes(text: bytes) -> bool:
    try:
        check_nesting(text)
    except ProtocolError:
        return False
    return True


def depth_read(text: bytes) -> int:
    """The deepest that a reader gets, byte by byte, before the text ends: the slow way."""
    depth = deepest = 0
    is_string = is_escaped = False
    for byte in text:
        if is_string:
            is_string = is_escaped or byte != ord('"')
            is_escaped = not is_escaped and byte == ord("\\")
        elif byte == ord('"'):
            is_string = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
        elif byte == ord("\\"):
            break  # no decoder reads on here
        if depth < 0:
            break
    return deepest


def wrapped(text: bytes, depth: int) -> bytes:
    return b"[" * depth + text + b"]" * depth


@given(values, st.integers(0, 40))
@settings(max_examples=300)
def test_json_passes_exactly_if_it_is_not_deeper_than_the_bound(value: object, depth: int) -> None:
    for ascii_only in (True, False):
        text = wrapped(json.dumps(value, ensure_ascii=ascii_only).encode(), depth)
        assert passes(text) == (depth_read(text) <= NESTING_DEPTH_MAX)


@given(
    st.lists(st.sampled_from([b"[" * 9, b"]", b"{" * 8, b"}", b'"', b"\\", b"a", b"[]"]), max_size=40).map(
        b"".join
    )
)
@settings(max_examples=500)
def test_text_that_is_no_json_passes_only_if_no_reader_gets_deeper_than_the_bound(text: bytes) -> None:
    assert not passes(text) or depth_read(text) <= NESTING_DEPTH_MAX


@pytest.mark.parametrize(
    "text",
    [
        b"[" * (NESTING_DEPTH_MAX + 1),
        b'{"a":' * (NESTING_DEPTH_MAX + 1),
        b'["]",' * (NESTING_DEPTH_MAX + 1) + b"]" * (NESTING_DEPTH_MAX + 1),
        b'["\\"]",' * 100_000,
        b'["\\\\",' * 100_000,
        b"[" * (1 << 24),
        b"[{" * (1 << 23),
    ],
    ids=[
        "just over",
        "objects",
        "closed in strings",
        "escaped quotes",
        "escaped backslashes",
        "16 MiB",
        "mixed",
    ],
)
def test_no_disguise_gets_past_the_bound(text: bytes) -> None:
    with pytest.raises(ProtocolError, match="nested deeper than 32"):
        check_nesting(text)


def test_brackets_in_strings_and_many_flat_ones_do_not_count() -> None:
    check_nesting(b'["' + b"[" * 1000 + b'"]')
    check_nesting(b"[" + b"[{}]," * 100_000 + b"[]]")
    check_nesting(wrapped(b"", NESTING_DEPTH_MAX))
