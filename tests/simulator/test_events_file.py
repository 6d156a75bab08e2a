"""Events file: every record is kept, and every line that is none is named."""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.bodies import TelemetryReceived, TruthLabelled
from bus.codec import LINE_BYTES_MAX, encode_event
from bus.events import Event
from simulator import compose, events_file
from simulator.errors import EventsFileError
from simulator.events_file import EventsFile, read_events_file
from simulator.options import Options, resolve
from simulator.scenario_file import load_scenario

START_NS = 1_000 * 10**9
GOOD = '{"event": {"message": "good"}}'
OPTIONAL = ("severity", "component", "file", "line", "error_type", "rule", "test_name")


def read(folder: Path, *lines: str | bytes) -> EventsFile:
    path = folder / "events.jsonl"
    path.write_bytes(b"".join(line.encode() + b"\n" if isinstance(line, str) else line for line in lines))
    return read_events_file(path, START_NS, 10)


def telemetry(file: EventsFile) -> list[TelemetryReceived]:
    bodies = [item.drafts[0].data for item in file.items]
    assert all(isinstance(body, TelemetryReceived) for body in bodies)
    return [body for body in bodies if isinstance(body, TelemetryReceived)]


def one(folder: Path, **event: object) -> TelemetryReceived:
    (body,) = telemetry(read(folder, json.dumps({"event": {"message": "m", **event}})))
    return body


BAD_LINES = {
    "not JSON": "nonsense",
    "half a line": '{"event": {"message": "m"',
    "an array": "[]",
    "null": "null",
    "no event": "{}",
    "event of another type": '{"event": "m"}',
    "no message": '{"event": {}}',
    "message of another type": '{"event": {"message": 1}}',
    "message null": '{"event": {"message": null}}',
    "message empty": '{"event": {"message": " "}}',
    "message too long": json.dumps({"event": {"message": "x" * 65_537}}),
    "unknown label": '{"event": {"message": "m"}, "label": "weather"}',
    "label of another type": '{"event": {"message": "m"}, "label": 1}',
    "ts of another type": '{"event": {"message": "m"}, "ts": 12}',
    "too deep": '{"event": {"message": "m", "x": ' + "[" * 5000 + "]" * 5000 + "}}",
    "a lone surrogate": '{"event": {"message": "\\ud800"}}',
}
BAD_MOMENTS = (
    "soon",
    "",
    "2026-13-01",
    "2026-02-30T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "0001-01-01",
    "2300-01-01",
    "9999-12-31",
)


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_line_is_named_with_its_number(line: str, tmp_path: Path) -> None:
    with pytest.raises(EventsFileError, match=r"events\.jsonl:3: ") as caught:
        read(tmp_path, GOOD, "", line, GOOD)
    assert "\n" not in str(caught.value)


def test_a_line_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    with pytest.raises(EventsFileError, match=r"events\.jsonl:2: "):
        read(tmp_path, GOOD, b'{"event": {"message": "\xff"}}\n')


@pytest.mark.parametrize("ts", BAD_MOMENTS)
def test_a_bad_moment_is_named_with_its_line(ts: str, tmp_path: Path) -> None:
    good = '{"event": {"message": "m"}, "ts": "2026-01-01T00:00:00Z"}'
    with pytest.raises(EventsFileError, match=r"events\.jsonl:2: ts ") as caught:
        read(tmp_path, good, json.dumps({"event": {"message": "m"}, "ts": ts}))
    assert repr(ts) in str(caught.value)


@pytest.mark.parametrize("dated_first", [True, False])
def test_a_file_with_ts_on_some_lines_only_is_refused_at_the_first_that_differs(
    dated_first: bool, tmp_path: Path
) -> None:
    dated = '{"event": {"message": "m"}, "ts": "2026-01-01T00:00:00Z"}'
    lines = (dated, GOOD) if dated_first else (GOOD, dated)
    with pytest.raises(EventsFileError, match=r":2: some lines have ts and some have not"):
        read(tmp_path, *lines)


@pytest.mark.parametrize("content", [b"", b"\n", b" \n\r\n\t\n"])
def test_a_file_without_records_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(EventsFileError, match="no records"):
        read(tmp_path, content)


def test_a_missing_file_and_a_folder_are_refused_by_path(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.jsonl", tmp_path, Path("/dev/null")):
        with pytest.raises(EventsFileError, match=str(path)):
            read_events_file(path, START_NS, 10)


def test_a_pipe_is_refused_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    program = (
        "from pathlib import Path; from simulator.events_file import read_events_file\n"
        "from simulator.errors import EventsFileError\n"
        "try: read_events_file(Path('pipe'), 0, 1)\n"
        "except EventsFileError as error: print(error)"
    )
    try:
        found = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except subprocess.TimeoutExpired:
        pytest.fail("reading a pipe blocks")
    assert "pipe" in found.stdout


def test_a_file_or_a_count_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_file, "RECORDS_MAX", 2)
    with pytest.raises(EventsFileError, match=r":3: more than 2 records"):
        read(tmp_path, GOOD, GOOD, GOOD)
    monkeypatch.setattr(events_file, "FILE_BYTES_MAX", 10)
    with pytest.raises(EventsFileError, match="larger than 10 bytes"):
        read(tmp_path, GOOD)


def test_a_record_too_long_for_a_line_of_the_log_is_refused_with_its_line(tmp_path: Path) -> None:
    attributes = {f"key{n}": "x" * 60_000 for n in range(20)}
    with pytest.raises(EventsFileError, match=r"events\.jsonl:1: "):
        one(tmp_path, **attributes)


def test_the_longest_record_that_is_taken_fits_a_line_of_the_log(tmp_path: Path) -> None:
    body = one(tmp_path, message="\x01" * 65_536)
    event = Event(1, 1, body.TYPE, "workload", "telemetry_stream", None, 1, 1, body)
    assert len(encode_event(event)) < LINE_BYTES_MAX


def test_fields_of_their_type_are_kept_as_fields(tmp_path: Path) -> None:
    event = {key: "text" for key in OPTIONAL if key != "line"}
    body = one(tmp_path, **event, line=7)
    assert msgspec.to_builtins(body) == {"message": "m", **event, "line": 7}


@pytest.mark.parametrize("key", OPTIONAL)
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1], "[1]"),
        ({"a": None}, '{"a":null}'),
        (True, "true"),
        (1.5, "1.5"),
        (-1, "-1"),
        (2**63, "9223372036854775808"),
    ],
)
def test_an_optional_field_of_another_type_is_kept_as_an_attribute(
    key: str, value: object, text: str, tmp_path: Path
) -> None:
    body = one(tmp_path, **{key: value})
    assert getattr(body, key) is None
    assert body.attributes == {key: text}


def test_a_long_name_is_kept_whole_as_an_attribute(tmp_path: Path) -> None:
    assert one(tmp_path, component="c" * 257).attributes == {"component": "c" * 257}


def test_other_keys_are_kept_as_attributes_and_nulls_are_left_out(tmp_path: Path) -> None:
    body = one(tmp_path, host="a", count=3, nested={"b": [1]}, nothing=None, severity=None)
    assert body.attributes == {"host": "a", "count": "3", "nested": '{"b":[1]}'}
    assert body.severity is None


def test_a_label_becomes_truth_beside_the_record_and_on_no_queue(tmp_path: Path) -> None:
    file = read(tmp_path, '{"event": {"message": "m"}, "label": "duplication", "source": "ignored"}', GOOD)
    labelled, bare = file.items
    assert [(draft.data, draft.queue) for draft in labelled.drafts] == [
        (TelemetryReceived("m"), "telemetry_stream"),
        (TruthLabelled("duplication"), None),
    ]
    assert len(bare.drafts) == 1


def test_records_without_ts_are_spaced_at_the_interval(tmp_path: Path) -> None:
    assert [item.time_ns for item in read(tmp_path, GOOD, "", GOOD, GOOD).items] == [
        START_NS,
        START_NS + 10,
        START_NS + 20,
    ]


def test_records_with_ts_are_put_in_order_and_those_of_one_moment_stay_so(tmp_path: Path) -> None:
    moments = ["2026-01-01T00:00:02Z", "2026-01-01T01:00:01+01:00", "2026-01-01T00:00:02", "2026-01-01"]
    lines = [json.dumps({"event": {"message": f"{n}"}, "ts": ts}) for n, ts in enumerate(moments)]
    file = read(tmp_path, *lines)
    assert [body.message for body in telemetry(file)] == ["3", "1", "0", "2"]
    assert (file.last_ns - file.first_ns, file.is_dated) == (2 * 10**9, True)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_lines_may_end_as_on_any_system_and_the_last_one_need_not(end: str, tmp_path: Path) -> None:
    assert len(read(tmp_path, f"{GOOD}{end}{GOOD}".encode()).items) == 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=4), below, max_size=3),
    max_leaves=5,
)
keys = st.sampled_from([*OPTIONAL, "attributes", "host"]) | st.text(max_size=8).filter(
    lambda key: key != "message"
)
records = st.lists(st.dictionaries(keys, json_values, max_size=6), min_size=1, max_size=8)


@given(records)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_record_and_every_key_of_it_is_kept(tmp_path: Path, found: list[dict[str, object]]) -> None:
    bodies = telemetry(read(tmp_path, *[json.dumps({"event": {"message": "m", **event}}) for event in found]))
    assert len(bodies) == len(found)
    for body, event in zip(bodies, found, strict=True):
        kept = {key for key in OPTIONAL if getattr(body, key) is not None} | set(body.attributes)
        assert kept == {key for key, value in event.items() if value is not None}


def test_a_file_that_changed_since_the_scenario_was_resolved_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(GOOD + "\n")
    scenario = resolve(load_scenario("soak"), Options(events=path))
    assert len(list(compose.workload_of(scenario))) == 1
    path.write_text(GOOD + "\n" + GOOD + "\n")
    with pytest.raises(EventsFileError, match=r"events\.jsonl"):
        list(compose.workload_of(scenario))
