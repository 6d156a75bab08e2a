"""The first difference between two sides: where it is, in words, and never too long."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.bodies import MetricsSampled, QueueDepth, TaskFailed, TelemetryReceived
from simulator.replay_compare import (
    NOTHING,
    VALUE_CHARACTERS_MAX,
    Difference,
    Divergence,
    ReplayDiverged,
    body_difference,
    event_difference,
    parted,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def encoded(value: object) -> bytes:
    return msgspec.json.encode({"data": value})


@given(values, values)
def test_two_events_differ_exactly_when_their_bytes_do(left: object, right: object) -> None:
    found = event_difference(encoded(left), encoded(right))
    assert (found is None) == (encoded(left) == encoded(right))
    if found is not None:
        assert found.recorded != found.replayed
        assert found.field == "line" or found.field.startswith("data")


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ({"a": 1}, {"a": 2}, Difference("data.a", "1", "2")),
        ({"a": 1}, {"a": 1.0}, Difference("line", '{"data":{"a":1}}', '{"data":{"a":1.0}}')),
        ({"a": 1}, {"a": True}, Difference("data.a", "1", "true")),
        ({"a": [1, 2]}, {"a": [1]}, Difference("data.a[1]", "2", NOTHING)),
        ({"a": [1]}, {"a": [1, 2]}, Difference("data.a[1]", NOTHING, "2")),
        ({"a": {"b": "x"}}, {"a": {}}, Difference("data.a.b", '"x"', NOTHING)),
        ({"a": {}}, {"a": {"b": None}}, Difference("data.a.b", NOTHING, "null")),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, Difference("data.a[0].b", "1", "2")),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, None),
        (None, {"a": 1}, Difference("data", "null", '{"a":1}')),
    ],
)
def test_a_difference_names_the_deepest_place(
    left: object, right: object, expected: Difference | None
) -> None:
    found = event_difference(encoded(left), encoded(right))
    if expected is None:  # the same members in another order are other bytes
        assert found is not None
        assert found.field == "line"
    else:
        assert found == expected


def test_bodies_of_two_types_differ_in_their_type() -> None:
    found = body_difference(TelemetryReceived("x"), TaskFailed("duplication", "fixer", "x"))
    assert found == Difference("type", '"telemetry.received"', '"task.failed"')


def test_a_field_inside_a_list_of_objects_is_named() -> None:
    one, other = (MetricsSampled([QueueDepth("a", 1, depth_max)]) for depth_max in (1, 2))
    assert body_difference(one, other) == Difference("data.queue_depths[0].depth_max", "1", "2")
    assert body_difference(one, one) is None


@given(st.text(max_size=300), st.text(max_size=300), st.integers(10, 100))
def test_sides_are_cut_to_a_length_and_still_show_where_they_part(left: str, right: str, most: int) -> None:
    shown = parted(left, right, most)
    assert all(len(side) <= most + 2 for side in shown)
    assert (shown[0] == shown[1]) == (left == right)


def test_a_long_value_is_shown_around_the_place_where_the_sides_part() -> None:
    one, other = "a" * 50_000 + "x" + "b" * 10_000, "a" * 50_000 + "y" + "b" * 10_000
    found = body_difference(TelemetryReceived(one), TelemetryReceived(other))
    assert found is not None
    assert "ax" in found.recorded
    assert "ay" in found.replayed
    assert len(found.recorded) <= VALUE_CHARACTERS_MAX + 2


def test_the_message_of_a_divergence_is_one_short_line() -> None:
    sides = msgspec.json.encode("a\nb" * 5_000).decode(), msgspec.json.encode("a\nc" * 5_000).decode()
    error = ReplayDiverged(Divergence(7, "task.failed", "executor", "data.reason", *sides))
    assert "\n" not in str(error)
    assert len(str(error)) < 500
    assert "seq 7: data.reason is" in str(error)
