"""docs/log-format.md says what the code does."""

import re
from pathlib import Path

import msgspec
import pytest

from bus import permissions
from bus.bodies import BODIES, BODY_OF_TYPE
from bus.codec import LINE_BYTES_MAX, Envelope, check_line, decode_event
from bus.events import Event
from bus.keys import Keys
from store import verify as verifier
from store.chain import COMMIT_EVENTS_MAX
from store.log_reader import read_events
from store.log_writer import SEGMENT_BYTES_MAX
from store.manifest import FORMAT_VERSION, Manifest, Segment
from tests.simulator.builders import record, scenario
from tests.store.builders import small_commits, write_log

TEXT = (Path(__file__).parents[2] / "docs" / "log-format.md").read_text(encoding="utf-8")


def rows_under(heading: str, table: int = 0) -> dict[str, str]:
    """First to second column of a table in a section."""
    section = re.split(r"^##+ ", TEXT.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    rows = re.split(r"\n\n", section)
    tables = [block for block in rows if block.strip().startswith("|")]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", tables[table], flags=re.MULTILINE))


def test_the_document_lists_exactly_the_types_that_there_are() -> None:
    assert re.findall(r"^### `(\S+)`$", TEXT, flags=re.MULTILINE) == [body.TYPE for body in BODIES]


@pytest.mark.parametrize("type_name", BODY_OF_TYPE)
def test_the_document_lists_exactly_the_fields_of_a_type(type_name: str) -> None:
    rows = rows_under(f"`{type_name}`")
    fields = msgspec.structs.fields(BODY_OF_TYPE[type_name])
    assert list(rows) == [field.encode_name for field in fields]
    for field in fields:
        value = rows[field.encode_name]
        assert ("may be absent" in value) is not field.required
        info = msgspec.inspect.type_info(field.type)
        may_be_null = isinstance(info, msgspec.inspect.UnionType) and info.includes_none
        assert ("or null" in value) is may_be_null
        is_integer = isinstance(info, msgspec.inspect.IntType)
        assert may_be_null or value.startswith("integer") is is_integer


def test_the_document_lists_the_members_of_envelope_and_manifest() -> None:
    assert tuple(rows_under("The envelope")) == Envelope.__struct_fields__
    assert tuple(rows_under("manifest.json", 0)) == Manifest.__struct_fields__
    assert tuple(rows_under("manifest.json", 1)) == Segment.__struct_fields__


def test_the_document_lists_exactly_the_sources_that_may_publish() -> None:
    assert list(rows_under("Sources")) == list(permissions.EVENTS)


RECEIPTS = ("delivery.acknowledged", "delivery.failed", "delivery.dead_lettered", "delivery.deduplicated")


def keys_by_the_document(events: list[Event]) -> dict[int, str]:
    """Keys of all events on a queue, from what the section about keys says and nothing else."""
    keys: dict[int, str] = {}
    path, of_agent, workload_count, first_seq = "", "", 0, 0
    for event, before in zip(events, [None, *events], strict=False):
        if before is None or event.commit_seq != before.commit_seq:
            path, first_seq = "", event.seq
            if event.source == "workload" and event.causation_seq is None:
                workload_count += 1
                path = f"workload-{workload_count}"
            elif event.type in RECEIPTS and event.causation_seq is not None:
                path = keys[event.causation_seq]
                of_agent = path if event.source != "sequencer" else of_agent
            elif event.source == "reviewer":
                path = f"{of_agent}+"
        if event.queue is not None:
            keys[event.seq] = f"{path}.{event.seq - first_seq}"
    return keys


@pytest.mark.parametrize("name", ["soak", "chaos"])
def test_keys_are_what_the_document_says(name: str, tmp_path: Path) -> None:
    record(scenario(name, duration="3h", event_interval="10m"), tmp_path / "run")
    events = list(read_events(tmp_path / "run" / "events"))
    expected = keys_by_the_document(events)
    keys = Keys()
    found = {}
    for event in events:
        keys.apply(event)
        if event.queue is not None:
            found[event.seq] = keys.key(event.seq)
    assert found == expected
    assert len(set(found.values())) == len(found) > 50
    assert sum(key.endswith("+.0") for key in found.values()) > 5


def test_the_document_and_verify_have_the_limits_of_the_writer() -> None:
    for limit in (LINE_BYTES_MAX, COMMIT_EVENTS_MAX, SEGMENT_BYTES_MAX):
        assert f"{limit:,}" in TEXT
    assert f"# The log format, version {FORMAT_VERSION}\n" in TEXT
    assert (verifier.LINE_BYTES_MAX, verifier.COMMIT_EVENTS_MAX) == (LINE_BYTES_MAX, COMMIT_EVENTS_MAX)


def test_the_worked_example_is_one_commit_with_right_crcs() -> None:
    [example] = re.findall(r"```json\n(.*?)```", TEXT, flags=re.DOTALL)
    lines = example.encode().splitlines(keepends=True)
    crc = 0
    for seq, line in enumerate(lines, 1):
        crc = check_line(line, crc)
        assert (decode_event(line).seq, decode_event(line).commit_seq) == (seq, len(lines))


def test_the_program_in_the_document_accepts_a_log_and_refuses_a_spoilt_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [program] = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    write_log(tmp_path / "events", small_commits(9))
    monkeypatch.chdir(tmp_path)
    exec(program, {})
    segment = tmp_path / "events" / f"{1:020d}.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b"Build 4", b"Build 5"))
    with pytest.raises(AssertionError):
        exec(program, {})
