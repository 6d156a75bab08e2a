"""The texts of the wording, read from their files and made ready to fill in. Must not draw anything."""

import itertools
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Literal, NamedTuple, TypeVar, get_args

import msgspec
from msgspec import Struct

from bus.bodies import PatternKind
from bus.errors import InputError

NOISE_TEMPLATE_COUNT_MAX = 2_000
"""Templates of noise after the words are filled in."""

Project = Literal["shop", "firmware"]
PROJECTS: tuple[Project, ...] = get_args(Project)
"""Those that there are words for: a web shop, and the firmware of heat pumps."""
FieldName = Literal["component", "file", "line", "error_type", "rule", "test_name"]

_SLOT = re.compile(r"\{([a-z_]+)\}")
_NUMBER_SLOT = re.compile(r"\{(n9+|hex)\}")
HEX_LIMIT = 16**8
_COMPONENT_SLOTS = ("service", "node", "module", "rig")
"""Words of noise that name who speaks."""
_T = TypeVar("_T")


class Skeleton(Struct, frozen=True, forbid_unknown_fields=True):
    """One sort of problem."""

    kind: PatternKind
    texts: list[str]
    severities: list[str]
    """Empty: the report has none."""
    fields: dict[FieldName, str]


class IncidentWords(Struct, frozen=True, forbid_unknown_fields=True):
    """``incidents.toml`` as written."""

    slots: dict[str, list[str]]
    skeletons: list[Skeleton]
    oblique: list[Skeleton]
    """Hard to tell, even for a person."""


class NoiseGroup(Struct, frozen=True, forbid_unknown_fields=True):
    """One sort of harmless record."""

    name: str
    share: int
    severities: list[str]
    has_component: bool
    texts: list[str]


class NoiseWords(Struct, frozen=True, forbid_unknown_fields=True):
    """``noise.toml`` as written."""

    words: dict[str, list[str]]
    groups: list[NoiseGroup]


class NumberedText(NamedTuple):
    """A text with its numbers still open: a %-format and the limit of each number."""

    format: str
    limits: tuple[int, ...]


class NoiseTemplate(NamedTuple):
    text: NumberedText
    severities: tuple[str | None, ...]
    component: str | None


def number_text(text: str) -> NumberedText:
    """Turn ``{n99}`` and ``{hex}`` into the fields of a %-format; word slots must be filled in already."""
    limits = []

    def field(match: re.Match[str]) -> str:
        name = match[1]
        limits.append(HEX_LIMIT if name == "hex" else 10 ** (len(name) - 1))
        return "%08x" if name == "hex" else "%d"

    escaped = text.replace("%", "%%")
    return NumberedText(_NUMBER_SLOT.sub(field, escaped), tuple(limits))


def slot_names(text: str) -> list[str]:
    """The word slots of a text, each once, in order; number slots are left out."""
    names = (match[1] for match in _SLOT.finditer(text))
    return list(dict.fromkeys(name for name in names if name != "hex"))


def fill_words(text: str, words: dict[str, str]) -> str:
    """The text with its word slots filled in; number slots stay."""
    return _SLOT.sub(lambda match: words.get(match[1], match[0]), text)


def expand(group: NoiseGroup, words: dict[str, list[str]]) -> list[NoiseTemplate]:
    """Every text of a group with every combination of its words."""
    templates = []
    severities = tuple(severity or None for severity in group.severities)
    for text in group.texts:
        names = slot_names(text)
        for combination in itertools.product(*(words[name] for name in names)):
            filled = dict(zip(names, combination, strict=True))
            component = next((filled[n] for n in _COMPONENT_SLOTS if n in filled), None)
            numbered = number_text(fill_words(text, filled))
            templates.append(NoiseTemplate(numbered, severities, component if group.has_component else None))
    return templates


@cache
def incident_words(project: Project = "shop") -> IncidentWords:
    """``incidents.toml`` of a project, checked; read once a process.

    Raises:
        InputError: the file is damaged, or a text has a slot that no list fills.
    """
    place = f"{project}/incidents.toml"
    words = _load(place, IncidentWords)
    for skeleton in (*words.skeletons, *words.oblique):
        for text in (*skeleton.texts, *skeleton.fields.values()):
            _check_slots(text, words.slots, place)
    return words


@cache
def noise_templates(project: Project = "shop") -> tuple[tuple[NoiseTemplate, ...], ...]:
    """A thousand entries, each the templates of one group, as many entries a group as its share.

    Raises:
        InputError: the file is damaged, has too many templates, or its shares do not add up to 1000.
    """
    place = f"{project}/noise.toml"
    words = _load(place, NoiseWords)
    entries: list[tuple[NoiseTemplate, ...]] = []
    template_count = 0
    for group in words.groups:
        for text in group.texts:
            _check_slots(text, words.words, place)
        templates = tuple(expand(group, words.words))
        template_count += len(templates)
        entries.extend([templates] * group.share)
    if len(entries) != 1000 or template_count > NOISE_TEMPLATE_COUNT_MAX:
        raise InputError(
            f"{place}: shares add up to {len(entries)} (1000 wanted), {template_count} templates "
            f"(at most {NOISE_TEMPLATE_COUNT_MAX}): mend the file"
        )
    return tuple(entries)


def _check_slots(text: str, words: dict[str, Sequence[str]] | dict[str, list[str]], place: str) -> None:
    for name in slot_names(text):
        if not words.get(name):
            raise InputError(f"{place}: slot {{{name}}} of {text!r} has no words: add them to the file")


def _load(place: str, shape: type[_T]) -> _T:
    text = (resources.files("simulator") / "wording" / place).read_text(encoding="utf-8")
    try:
        return msgspec.convert(tomllib.loads(text), shape)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InputError(f"simulator/wording/{place} cannot be used: {error}") from None
