"""Fills the project's own templates with words. Must not read any other text.

The same seed gives the same records on every machine.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from random import Random  # noqa: TID251 - the type only; Streams makes them
from typing import NamedTuple

import msgspec
from msgspec import Struct

from bus.bodies import Label, TelemetryReceived
from simulator.streams import Streams

COPIES = 4
"""Fillings of each template."""
CONTEXT_SHARE = 0.5
"""Of titles: how many get words before them, and how many after."""
FIELD_SHARE = 0.7
"""Of the fields of a group: how many are filled in."""
_SCOPE_CHARACTERS = 20
_TITLE_CHARACTERS_MAX = 60
_SLOT = re.compile(r"\{(\w+)\}")
_PREFIXES = ("{part}: ", "{name}: ", "[{part}] ", "{thing}: ")
_SUFFIXES = (
    " in {name}",
    " on {sys}",
    " when {verb}",
    " for {thing}",
    " (see {file})",
    " with {lib}",
    " after the {thing} is updated",
    " because of the {thing}",
)


class Group(Struct, frozen=True, forbid_unknown_fields=True):
    """Texts of one kind that one sort of tool or writer makes."""

    kind: Label
    name: str
    messages: list[str]
    fields: dict[str, str] = {}
    is_titles: bool = False
    """Whether people write them, who put words round them."""


class Templates(Struct, frozen=True, forbid_unknown_fields=True):
    slots: dict[str, list[str]]
    groups: list[Group]


class Filled(NamedTuple):
    label: Label
    telemetry: TelemetryReceived
    family: str
    """Of its group: a feature of one group alone teaches nothing."""


@cache
def templates() -> Templates:
    text = (resources.files("simulator") / "detection" / "templates.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Templates)


def filled_templates(seed: int, copies: int = COPIES) -> list[Filled]:
    """Every template, so many times, with other words in its slots each time."""
    streams = Streams(seed)
    known = templates()
    records = []
    for group in known.groups:
        family = f"template {group.kind} {group.name}"
        random = streams.stream("templates", family)
        for template in group.messages:
            records += [
                Filled(group.kind, _telemetry(group, template, known.slots, random), family)
                for _ in range(copies)
            ]
    return records


def _telemetry(
    group: Group, template: str, slots: Mapping[str, list[str]], random: Random
) -> TelemetryReceived:
    message = _fill(template, slots, random)
    if group.is_titles:
        message = _in_context(message, slots, random)
    fields = {
        name: _fill(text, slots, random)
        for name, text in group.fields.items()
        if random.random() < FIELD_SHARE
    }
    return TelemetryReceived(
        message,
        severity=fields.get("severity"),
        rule=fields.get("rule"),
        error_type=fields.get("error_type"),
        test_name=fields.get("test_name"),
    )


def _in_context(message: str, slots: Mapping[str, list[str]], random: Random) -> str:
    if random.random() < CONTEXT_SHARE and ":" not in message[:_SCOPE_CHARACTERS]:
        message = _fill(random.choice(_PREFIXES), slots, random) + message
    if random.random() < CONTEXT_SHARE and len(message) < _TITLE_CHARACTERS_MAX:
        message += _fill(random.choice(_SUFFIXES), slots, random)
    return message


def _fill(text: str, slots: Mapping[str, list[str]], random: Random) -> str:
    return _SLOT.sub(lambda match: random.choice(slots[match[1]]), text)
