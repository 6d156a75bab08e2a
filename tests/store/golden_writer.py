"""Writes the golden log of a new format version, once. Must not be run for a version that has been released.

``python -c "from tests.store.golden_writer import write; write()"``
"""

from pathlib import Path

import msgspec
from msgspec import inspect

from bus.bodies import BODIES, Body
from bus.codec import encode_event
from bus.events import Event
from store.lock import LOCK_NAME
from store.log_writer import LogWriter
from tests.store.builders import append, commit_of

GOLDEN = Path(__file__).parent / "golden"
COMMIT_SIZES = (1, 2, 3, 1)


def write() -> None:
    """Write ``golden/events`` and, for people, ``golden/events.json``; refuses to write over them."""
    bodies = [_value(inspect.type_info(body), "", number) for number, body in enumerate(BODIES, 1)]
    commits: list[list[Event]] = []
    seq = 1
    while seq <= len(bodies):
        size = COMMIT_SIZES[len(commits) % len(COMMIT_SIZES)]
        commit = [body for body in bodies[seq - 1 : seq - 1 + size] if isinstance(body, Body)]
        commits.append(commit_of(seq, commit))
        seq += len(commit)
    with LogWriter.create(GOLDEN / "events", segment_bytes_max=3_500) as writer:
        append(writer, commits)
    (GOLDEN / "events" / LOCK_NAME).unlink()
    events = [msgspec.Raw(encode_event(event)) for commit in commits for event in commit]
    text = msgspec.json.format(msgspec.json.encode(events), indent=2)
    (GOLDEN / "events.json").write_bytes(text + b"\n")


def _value(info: inspect.Type, name: str, number: int) -> object:
    """A value that the type allows, never its default."""
    match info:
        case inspect.StructType():
            fields = enumerate(info.fields, number)
            return info.cls(**{field.name: _value(field.type, field.name, index) for index, field in fields})
        case inspect.IntType():
            return -9 if name == "exit_code" else number
        case inspect.FloatType():
            return 0.875
        case inspect.StrType():
            return f"{name} {number}" if info.max_length == 256 else f'{name} {number} - "ä"\n\U0001f680'
        case inspect.BoolType():
            return True
        case inspect.LiteralType():
            return info.values[-1]
        case inspect.ListType():
            return [_value(info.item_type, name, number), _value(info.item_type, name, number + 1)]
        case inspect.DictType():
            return {"key": _value(info.value_type, name, number)}
        case inspect.UnionType():
            return _value(next(t for t in info.types if not isinstance(t, inspect.NoneType)), name, number)
        case _:
            raise AssertionError(f"no value for {info}")
