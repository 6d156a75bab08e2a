"""What is on the log against what was done again: the first difference, in words. Must not read a log."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Struct

from bus.bodies import Body
from bus.errors import DivergedError

VALUE_CHARACTERS_MAX = 2_000
"""Of one side of a difference; a longer one is cut around the place where the sides part."""
MESSAGE_CHARACTERS_MAX = 80
"""Of one side of a difference in the one line of an error."""
NOTHING = "(nothing)"
"""Stands for a side on which there is no such thing."""
_CONTEXT_CHARACTERS = 40


class Difference(NamedTuple):
    """Where two sides part first."""

    field: str
    """The path from the event down, like ``data.confidence`` or ``data.evidence[2]``."""
    recorded: str
    """As JSON."""
    replayed: str


class Link(Struct, frozen=True):
    """One event of a causal chain."""

    seq: int
    type: str
    source: str
    queue: str | None


class Divergence(Struct, frozen=True):
    """The first place where a replay did something else than the log says."""

    seq: int
    """Of the event on the log, or that it would have had."""
    type: str
    """As recorded, or as replayed where the log has no such event."""
    source: str
    """Of the event; for an agent the one that was replayed."""
    field: str
    recorded: str
    replayed: str
    causation_seq: int | None = None
    correlation_seq: int | None = None
    key: str = ""
    """Of the delivery that was replayed: names its random streams."""
    chain: tuple[Link, ...] = ()
    """What led to the event, from the first event of its correlation to itself; long ones lack the middle."""
    chain_omitted_count: int = 0


class ReplayDiverged(DivergedError):
    """The program does not do what is on the log. ``divergence`` has both sides in full."""

    def __init__(self, divergence: Divergence) -> None:
        self.divergence = divergence
        d = divergence
        recorded, replayed = parted(d.recorded, d.replayed, MESSAGE_CHARACTERS_MAX)
        delivery = f", delivery {d.key}" if d.key else ""
        super().__init__(
            f"seq {d.seq}: {d.field} is {recorded} on the log and {replayed} in the replay "
            f"({d.type} of {d.source}{delivery}); compare the program that wrote the log with this one"
        )


def difference(recorded: object, replayed: object, path: str = "data") -> Difference | None:
    """The first difference between two values of the same kind, depth first in the order of their fields."""
    if recorded == replayed and type(recorded) is type(replayed):
        return None
    return _parted_at(msgspec.to_builtins(recorded), msgspec.to_builtins(replayed), path)


def body_difference(recorded: Body, replayed: Body) -> Difference | None:
    """Bodies of two types differ in ``type``."""
    if recorded.TYPE != replayed.TYPE:
        return Difference("type", as_json(recorded.TYPE), as_json(replayed.TYPE))
    return difference(recorded, replayed)


def event_difference(recorded_json: bytes, replayed_json: bytes) -> Difference | None:
    """Of two events as JSON objects; None when they are the same bytes.

    Bytes may differ where no value does, as in the order of the members: that is a difference too.
    """
    if recorded_json == replayed_json:
        return None
    sides = msgspec.json.decode(recorded_json), msgspec.json.decode(replayed_json)
    found = _parted_at(*sides, "")
    return found or Difference(
        "line", *(side.decode(errors="replace") for side in (recorded_json, replayed_json))
    )


def parted(recorded: str, replayed: str, characters_max: int) -> tuple[str, str]:
    """Both sides, cut to a length; what is shown of them holds the place where they part."""
    if len(recorded) <= characters_max and len(replayed) <= characters_max:
        return recorded, replayed
    pairs = enumerate(zip(recorded, replayed, strict=False))
    at = next((n for n, (a, b) in pairs if a != b), min(len(recorded), len(replayed)))
    start = max(0, at - min(_CONTEXT_CHARACTERS, characters_max // 2))
    return _cut(recorded, start, characters_max), _cut(replayed, start, characters_max)


def _cut(text: str, start: int, characters_max: int) -> str:
    end = start + characters_max
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _parted_at(recorded: object, replayed: object, path: str) -> Difference | None:
    if isinstance(recorded, Mapping) and isinstance(replayed, Mapping):
        return _of_mappings(recorded, replayed, path)
    if isinstance(recorded, Sequence) and isinstance(replayed, Sequence) and not isinstance(recorded, str):
        return _of_sequences(recorded, replayed, path)
    if recorded == replayed and isinstance(recorded, bool) == isinstance(replayed, bool):
        return None
    return Difference(path, *parted(as_json(recorded), as_json(replayed), VALUE_CHARACTERS_MAX))


def _of_mappings(
    recorded: Mapping[str, object], replayed: Mapping[str, object], path: str
) -> Difference | None:
    for name in (*recorded, *(name for name in replayed if name not in recorded)):
        inner = f"{path}.{name}" if path else name
        if name not in recorded or name not in replayed:
            left, right = (as_json(side[name]) if name in side else NOTHING for side in (recorded, replayed))
            return Difference(inner, *parted(left, right, VALUE_CHARACTERS_MAX))
        found = _parted_at(recorded[name], replayed[name], inner)
        if found is not None:
            return found
    return None


def _of_sequences(recorded: Sequence[object], replayed: Sequence[object], path: str) -> Difference | None:
    for n, pair in enumerate(zip(recorded, replayed, strict=False)):
        found = _parted_at(*pair, f"{path}[{n}]")
        if found is not None:
            return found
    if len(recorded) == len(replayed):
        return None
    n = min(len(recorded), len(replayed))
    left, right = (as_json(side[n]) if n < len(side) else NOTHING for side in (recorded, replayed))
    return Difference(f"{path}[{n}]", *parted(left, right, VALUE_CHARACTERS_MAX))


def as_json(value: object) -> str:
    """A value of one side, as text for a :class:`Difference`."""
    return msgspec.json.encode(value).decode()
