"""Turns bodies of older logs into those of today, so that a log is readable for ever. Must not read logs.

The first event of a log, ``run.started``, says the version of all its bodies (``schema_version``; a log
without it is of version 1). A new version is needed when a field changes its meaning, or when a field is
added that older bodies cannot do without; a field with an honest default needs none.

To make one: raise :data:`SCHEMA_VERSION`, and write for each type that changed one pure function from the
body of the version before to the next, in :data:`STEPS`. A step is never edited once there are such logs.
"""

from collections.abc import Callable, Mapping
from functools import cache

import msgspec
from msgspec import Raw, Struct

from bus.codec import DECODE_ERRORS
from bus.errors import ProtocolError

SCHEMA_VERSION = 2
"""Of the bodies that this program writes."""
FIRST_VERSION = 1
"""Of logs that do not say theirs: those that were written before there was a second one."""
STARTED_TYPE = "run.started"

BodyObject = dict[str, object]
"""A body as JSON objects are in Python."""
Step = Callable[[BodyObject], BodyObject]
"""From one version of a type to the next. Must not change what it is given."""
BodyUpcast = Callable[[Raw], Raw]
"""From the version of a log to today's, as JSON text."""


def dead_lettered_from_1(body: BodyObject) -> BodyObject:
    """Version 1 had two ways to give a delivery up, told apart by whether somebody had tried it."""
    return {"cause": "queue_full" if body.get("attempt") == 0 else "attempts_max", **body}


STEPS: Mapping[tuple[str, int], Step] = {
    ("delivery.dead_lettered", 1): dead_lettered_from_1,
}
"""By the type and the version that it leads away from."""


class _Started(Struct, frozen=True, gc=False):
    schema_version: int = FIRST_VERSION


def schema_version(type_name: str, body: Raw) -> int:
    """The version that the first event of a log says; a log that begins with anything else is of version 1.

    Raises:
        ProtocolError: the version is not a number from 1.
    """
    if type_name != STARTED_TYPE:
        return FIRST_VERSION
    try:
        version = msgspec.json.decode(body, type=_Started).schema_version
    except DECODE_ERRORS as error:
        raise ProtocolError(f"bad body of {type_name}: {error}") from None
    if version < FIRST_VERSION:
        raise ProtocolError(f"schema_version {version} is below {FIRST_VERSION}")
    return version


@cache
def upcasts_from(version: int) -> Mapping[str, BodyUpcast]:
    """What lifts bodies of a version to :data:`SCHEMA_VERSION`, by type; what never changed has nothing.

    For the present version it is empty, so that reading a new log costs nothing more.
    """
    types = {name: None for name, since in STEPS if since >= version}
    return {name: _composed(name, version) for name in types}


def upcast(type_name: str, version: int, body: BodyObject) -> BodyObject:
    """A body of some version as it would be written today."""
    for since in range(version, SCHEMA_VERSION):
        step = STEPS.get((type_name, since))
        if step is not None:
            body = step(body)
    return body


def _composed(type_name: str, version: int) -> BodyUpcast:
    def lift(text: Raw) -> Raw:
        try:
            body = msgspec.json.decode(text, type=dict[str, object])
        except DECODE_ERRORS as error:
            raise ProtocolError(f"bad body of {type_name}: {error}") from None
        return Raw(msgspec.json.encode(upcast(type_name, version, body)))

    return lift
