"""What steers a terminal is shown as a mark, and is escaped in JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.terminal import SHOWN_INSTEAD, safe, safe_json

STEERING: tuple[str, ...] = (
    "\x1b",
    "\x07",
    "\b",
    "\r",
    "\0",
    "\x7f",
    "\x85",
    "\x9b",
    "\x9d",
    "\u061c",
    "\u200b",
    "\u200e",
    "\u2028",
)
STEERING += ("\u202a", "\u202e", "\u2066", "\u2069", "\ufeff", "\ud800", "\udcff", "\U000e0041")


@pytest.mark.parametrize("character", STEERING)
def test_a_steering_character_becomes_a_mark(character: str) -> None:
    assert safe(f"a{character}b") == f"a{SHOWN_INSTEAD}b"


def test_lines_become_one_and_other_text_stays() -> None:
    assert safe("a\nb\tc") == "a b c"
    assert safe("[bold]é漢字🙂 <x> --") == "[bold]é漢字🙂 <x> --"


@given(st.text())
def test_safe_json_says_the_same_without_controls(text: str) -> None:
    encoded = safe_json(json.dumps({text: text}, ensure_ascii=False).encode(errors="replace"))
    assert json.loads(encoded) == json.loads(
        json.dumps({text: text}, ensure_ascii=False).encode(errors="replace")
    )
    assert safe(encoded.decode()) == encoded.decode()
