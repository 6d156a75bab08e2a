"""Upcasters: an older body becomes the one that would be written today, and a present one stays as it is."""

from types import MappingProxyType

import msgspec
import pytest
from msgspec import Raw

from bus import upcasters
from bus.bodies import BODIES, DeliveryDeadLettered
from bus.codec import decode_body
from bus.errors import ProtocolError
from bus.upcasters import FIRST_VERSION, SCHEMA_VERSION, STEPS, schema_version, upcast, upcasts_from

TYPE = DeliveryDeadLettered.TYPE


def dead_lettered_1(attempt: int) -> dict[str, object]:
    return {"queue": "execution_queue", "attempt": attempt, "reason": "it says no"}


@pytest.mark.parametrize(("attempt", "cause"), [(0, "queue_full"), (1, "attempts_max"), (3, "attempts_max")])
def test_a_dead_letter_of_version_1_gets_the_cause_that_its_attempts_tell(attempt: int, cause: str) -> None:
    lift = upcasts_from(1)[TYPE]
    body = decode_body(TYPE, lift(Raw(msgspec.json.encode(dead_lettered_1(attempt)))))
    assert body == DeliveryDeadLettered("execution_queue", attempt, "it says no", cause)  # type: ignore[arg-type]  # a parameter is no literal


def test_a_dead_letter_of_version_1_is_not_a_body_of_today() -> None:
    with pytest.raises(ProtocolError, match="cause"):
        decode_body(TYPE, msgspec.json.encode(dead_lettered_1(3)))


def test_a_step_leaves_what_it_is_given_alone() -> None:
    body = dead_lettered_1(0)
    upcast(TYPE, 1, body)
    assert body == dead_lettered_1(0)


def test_bodies_of_the_present_version_are_not_touched() -> None:
    assert upcasts_from(SCHEMA_VERSION) == {}
    assert upcast(TYPE, SCHEMA_VERSION, dead_lettered_1(3)) == dead_lettered_1(3)


def test_steps_are_taken_one_after_another_up_to_the_present_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def third(body: dict[str, object]) -> dict[str, object]:
        return {**body, "cause": f"{body['cause']}, then 3"}

    monkeypatch.setattr(upcasters, "STEPS", MappingProxyType({**STEPS, (TYPE, 2): third}))
    monkeypatch.setattr(upcasters, "SCHEMA_VERSION", 3)
    upcasts_from.cache_clear()
    assert upcast(TYPE, 1, dead_lettered_1(0))["cause"] == "queue_full, then 3"
    assert set(upcasts_from(2)) == {TYPE}
    assert upcasts_from(3) == {}
    upcasts_from.cache_clear()


def test_every_step_is_for_a_type_that_exists_and_a_version_that_is_past() -> None:
    types = {body.TYPE for body in BODIES}
    for name, since in STEPS:
        assert name in types
        assert FIRST_VERSION <= since < SCHEMA_VERSION


@pytest.mark.parametrize(
    ("type_name", "body", "version"),
    [
        ("run.started", b'{"seed":1}', 1),
        ("run.started", b'{"seed":1,"schema_version":2}', 2),
        ("run.started", b'{"seed":1,"schema_version":77}', 77),
        ("host.described", b'{"schema_version":77}', 1),
    ],
)
def test_the_first_event_says_the_version_and_silence_means_the_first_one(
    type_name: str, body: bytes, version: int
) -> None:
    assert schema_version(type_name, Raw(body)) == version


@pytest.mark.parametrize("body", [b'{"schema_version":0}', b'{"schema_version":"2"}', b"[]", b'"\xff"'])
def test_a_version_that_is_no_number_from_1_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        schema_version("run.started", Raw(body))


@pytest.mark.parametrize("text", [b"[]", b"{", b'"\xff"'])
def test_an_old_body_that_is_not_an_object_is_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError, match="bad body"):
        upcasts_from(1)[TYPE](Raw(text))
