"""One good sample of everything that Trinity decodes. Must not be random."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from bus import wire
from bus.bodies import BODIES, AgentStopped, Body, TransportCounted
from bus.codec import encode_event, seal_line
from bus.events import Delivery, Draft, Event, Handling, Message
from store.manifest import Digest, Segment, closed_manifest, open_manifest, segment_name

SEALED_AFTER_CRC = 0x1234_5678
"""What every sample of a line is chained on."""


class Samples(NamedTuple):
    bodies: dict[str, bytes]
    lines: Sequence[bytes]
    frames_from_agent: Sequence[bytes]
    frames_to_agent: Sequence[bytes]
    manifests: Sequence[bytes]
    events_files: Sequence[bytes]


def example_of(info: msgspec.inspect.Type) -> object:
    """A value that a type allows, with text that is awkward to read."""
    match info:
        case msgspec.inspect.StructType():
            return info.cls(**{field.name: example_of(field.type) for field in info.fields})
        case msgspec.inspect.IntType():
            return 1_234
        case msgspec.inspect.FloatType():
            return 0.125
        case msgspec.inspect.StrType():
            return 'a "b" [c\\ d} é'
        case msgspec.inspect.BoolType():
            return True
        case msgspec.inspect.NoneType():
            return None
        case msgspec.inspect.LiteralType():
            return info.values[0]
        case msgspec.inspect.ListType():
            return [example_of(info.item_type)] * 2
        case msgspec.inspect.VarTupleType():
            return (example_of(info.item_type),) * 2
        case msgspec.inspect.DictType():
            return {"key": example_of(info.value_type)}
        case msgspec.inspect.UnionType():
            return example_of(info.types[0])
        case _:
            raise AssertionError(f"no example for {info}")


def example_bodies() -> list[Body]:
    bodies = []
    for body_type in BODIES:
        body = example_of(msgspec.inspect.type_info(body_type))
        assert isinstance(body, Body)
        bodies.append(body)
    return bodies


def samples() -> Samples:
    bodies = example_bodies()
    return Samples(
        bodies={body.TYPE: msgspec.json.encode(body) for body in bodies},
        lines=[_line(body) for body in bodies],
        frames_from_agent=_frames_from_agent(bodies),
        frames_to_agent=_frames_to_agent(bodies),
        manifests=_manifests(),
        events_files=[
            b'{"event":{"message":"Build failed","line":7,"x":[1,{"y":null}]},"label":"flaky_test"}\n',
            b'\xef\xbb\xbf{"ts":"2026-11-19T08:30:00Z","event":{"message":"m","severity":"high"}}\n'
            b'\n{"ts":"2026-11-19T08:30:00.5+01:00","event":{"message":"n"}}\n',
        ],
    )


def _line(body: Body) -> bytes:
    event = Event(7, 1_767_225_600_000_000_000, body.TYPE, "witness", "improvement_queue", 5, 3, 8, body)
    return seal_line(encode_event(event), SEALED_AFTER_CRC).line


def _frames_from_agent(bodies: Sequence[Body]) -> list[bytes]:
    drafts = [Draft(body, "feedback_queue") for body in bodies]
    handled = [
        wire.encode_handlings(
            [
                [
                    Handling(1, "failed", 1, 2, (), "why"),
                    Handling(2, "acknowledged", 3, 4, tuple(drafts[n : n + 2])),
                ]
            ]
        )
        for n in range(0, len(drafts), 2)
    ]
    stopped = wire.Stopped(AgentStopped("witness", 1, "ab", 3), TransportCounted("witness", 7, 1, 2, 3, 4))
    others: list[wire.FromAgent] = [wire.Hello("witness", 7), wire.Ready("witness"), stopped]
    return handled + [wire.encode(message) for message in others]


def _frames_to_agent(bodies: Sequence[Body]) -> list[bytes]:
    frames = [
        frame
        for body in bodies
        for frame in wire.encode_deliveries([Delivery("workload-1.0", 2, Message(1, "workload", None, body))])
    ]
    return [*frames, wire.encode(wire.Configure(msgspec.Raw(b'{"a":[1,"]"]}'))), wire.encode(wire.Stop())]


def _manifests() -> list[bytes]:
    segments = (
        Segment(segment_name(1), 1, 4, 900, "ab" * 32, 0, 77),
        Segment(segment_name(5), 5, 9, 800, "cd" * 32, 77, 99),
    )
    manifests = (open_manifest(()), open_manifest(segments), closed_manifest(segments, Digest("ef" * 32)))
    return [seal_line(msgspec.json.format(msgspec.json.encode(m), indent=2), 0).line for m in manifests]
