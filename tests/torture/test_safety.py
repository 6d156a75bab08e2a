"""The short form of the cases about what must not get out, and that each of them bites."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from analysis.markdown import escape
from bus import redaction
from tests.torture import canaries, output_payloads, run_names, sql_attempts, sql_sandbox
from tests.torture.outcome import SHORT


def test_no_question_leaves_its_sandbox_or_holds_it() -> None:
    for outcome in sql_sandbox.run(SHORT):
        assert outcome.passed, outcome


def test_a_sandbox_with_a_hole_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain connection in its place is seen to read, to write and to forget a file in the cache."""
    reading = {name: sql_attempts.READING[name] for name in ("read_text", "a link to a folder")}
    writing = {name: sql_attempts.WRITING[name] for name in ("copy to", "copy beside the cache")}
    with sql_sandbox.scene() as place:
        monkeypatch.setattr(sql_sandbox, "ask", sql_sandbox.ask_without_sandbox)
        escapes = sql_sandbox.try_all(place, reading, writing).escapes
    # Each is told as answered, and each writing as a changed file too.
    assert len(escapes) == 6, escapes


def test_no_payload_survives_into_an_output() -> None:
    for outcome in output_payloads.run(SHORT):
        assert outcome.passed, outcome


def test_a_payload_that_survives_is_noticed() -> None:
    for text in ("<script>", "[a](javascript:alert(1))", "a | b", "\x1b[31m", "\x9b31m", "\u202e", "www.x.y"):
        assert list(output_payloads.in_markdown(f"| fine |\n| {text} P1 |")), text
    for text in ("=1+1", "+1+1", "@SUM(1)", "\t=1", "\uff1d1"):
        assert list(output_payloads.in_csv(f'seq,data\n1,"{text}"\n')), text
    assert list(output_payloads.in_svg('<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'))
    for text in output_payloads.PAYLOADS.values():
        assert not list(output_payloads.in_markdown(f"| fine |\n| {escape(text)} |")), text


def test_no_run_is_made_or_reached_by_a_wrong_name() -> None:
    for outcome in run_names.run(SHORT):
        assert outcome.passed, outcome


def test_a_command_that_takes_any_name_is_noticed() -> None:
    def careless(command: Sequence[str]) -> int:
        Path("made").write_text(command[0])
        return 0

    with run_names.scene() as place:
        escapes = list(run_names.try_asking(place, careless, ["info"]))
    assert len(escapes) == 3 * len(run_names.NAMES)


def test_no_secret_is_left_of_a_run() -> None:
    for outcome in canaries.run(SHORT):
        assert outcome.passed, outcome


def test_a_redactor_that_misses_a_form_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_base64_forms", lambda secret: iter(()))
    assert not canaries.redacted_alone().passed
