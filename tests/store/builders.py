"""Small logs for the tests of the store, and strategies for every body. Must not hold tests."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
from hypothesis import strategies as st

from bus.bodies import BODIES, Body, RunStarted, TelemetryReceived, TruthLabelled
from bus.codec import encode_event
from bus.events import Event
from bus.upcasters import SCHEMA_VERSION
from store.log_writer import LogWriter

START_NS = 1_767_225_600_000_000_000


def strategy_of(info: msgspec.inspect.Type) -> st.SearchStrategy[object]:
    """Values that a type allows."""
    match info:
        case msgspec.inspect.StructType():
            return st.builds(info.cls, **{field.name: strategy_of(field.type) for field in info.fields})
        case msgspec.inspect.IntType():
            return st.integers(min_value=info.ge, max_value=info.le)
        case msgspec.inspect.FloatType():
            return st.floats(min_value=info.ge, max_value=info.le)
        case msgspec.inspect.StrType():
            return st.text(max_size=20)
        case msgspec.inspect.BoolType():
            return st.booleans()
        case msgspec.inspect.NoneType():
            return st.none()
        case msgspec.inspect.LiteralType():
            return st.sampled_from(info.values)
        case msgspec.inspect.ListType():
            return st.lists(strategy_of(info.item_type), max_size=3)
        case msgspec.inspect.DictType():
            return st.dictionaries(strategy_of(info.key_type), strategy_of(info.value_type), max_size=3)
        case msgspec.inspect.UnionType():
            return st.one_of([strategy_of(member) for member in info.types])
        case _:
            raise AssertionError(f"no strategy for {info}")


def _as_body(value: object) -> Body:
    assert isinstance(value, Body)
    # A log says at its start how its bodies are to be read; any number there would be another program's.
    return (
        msgspec.structs.replace(value, schema_version=SCHEMA_VERSION)
        if isinstance(value, RunStarted)
        else value
    )


bodies = st.one_of([strategy_of(msgspec.inspect.type_info(body)) for body in BODIES]).map(_as_body)

run_starts = strategy_of(msgspec.inspect.type_info(RunStarted)).map(_as_body)


def commit_of(first_seq: int, commit: Sequence[Body]) -> list[Event]:
    """The events of one commit at the second that is its first seq."""
    commit_seq = first_seq + len(commit) - 1
    return [
        Event(
            seq=seq,
            time_ns=START_NS + first_seq * 1_000_000_000,
            type=body.TYPE,
            source="workload",
            queue="telemetry_stream" if seq == first_seq else None,
            causation_seq=None if seq == first_seq else first_seq,
            correlation_seq=first_seq,
            commit_seq=commit_seq,
            data=body,
        )
        for seq, body in enumerate(commit, first_seq)
    ]


def small_commits(count: int, first_seq: int = 1) -> list[list[Event]]:
    """Commits of one, two and three events in turn."""
    commits = []
    for number in range(count):
        body = TelemetryReceived(
            message=f"Build {number}: täst \U0001f680 failed\n", severity="high", line=number
        )
        truths = [TruthLabelled(label="flaky_test")] * (number % 3)
        commits.append(commit_of(first_seq, [body, *truths]))
        first_seq += len(commits[-1])
    return commits


def append(writer: LogWriter, commits: Sequence[Sequence[Event]]) -> None:
    for commit in commits:
        writer.append(commit[0].seq, [encode_event(event) for event in commit])


def write_log(
    folder: Path, commits: Sequence[Sequence[Event]], *, segment_bytes_max: int = 1 << 20, close: bool = True
) -> list[Event]:
    """A log of these commits; returns its events."""
    writer = LogWriter.create(folder, segment_bytes_max=segment_bytes_max)
    append(writer, commits)
    if close:
        writer.close()
    else:
        writer.leave()
    return [event for commit in commits for event in commit]


def copy_log(folder: Path, target: Path) -> Path:
    """A copy to spoil, in place of an earlier one."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target)
    return target


def segments_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))
