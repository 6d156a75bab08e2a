"""Weighs the words and fields of a telemetry record for each kind of pattern. Must not remember any record.

The rules are data (``data/lexicon.toml``). Weights are whole tenths of a natural-log unit, so sums are exact.
"""

import fnmatch
import re
import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple, get_args

import msgspec
from msgspec import Struct

from agents.text import split_words
from bus.bodies import Label, PatternKind, TelemetryReceived
from bus.errors import InputError

KINDS: tuple[PatternKind, ...] = get_args(PatternKind)
LABELS: tuple[Label, ...] = (*KINDS, "none")
"""Every list of scores in this package is in this order."""
NONE_INDEX = LABELS.index("none")

OPENING_WORD_COUNT_MAX = 5
"""A colon among the first words ends an opening, such as the name of a component."""

FILLED_GROUPS = ("has_rule", "has_error_type", "has_test_name")
"""Groups that say only that a field is filled in."""


_NAME_OPENING = re.compile(r"\w*[^\W_](?:_\w|[./(]\w|\()")


class RuleSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of ``rules`` as written."""

    name: str
    all: list[str]
    weights: dict[Label, int]
    unless: list[str] = []


class FieldSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """``fields`` as written: the groups of each field that is looked at."""

    severity: dict[str, list[str]]
    rule: dict[str, list[str]]


class LexiconSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """The file as written."""

    phrases: dict[str, list[str]]
    starts: dict[str, list[str]]
    fields: FieldSpec
    rules: list[RuleSpec]


class Rule(NamedTuple):
    name: str
    all_mask: int
    unless_mask: int
    weights: tuple[int, ...]


class Phrase(NamedTuple):
    words: tuple[str, ...]
    group_bit: int
    opens: bool
    """It must stand at the start of the text, or of what follows an opening such as "parser:"."""


class Reading(NamedTuple):
    """What the lexicon makes of one record."""

    scores: tuple[int, ...]
    """Tenths of a natural-log unit, in the order of :data:`LABELS`."""
    rule_names: tuple[tuple[str, ...], ...]
    """For each label the rules that spoke for it, strongest first."""


class FieldTest(NamedTuple):
    pattern: re.Pattern[str]
    group_bit: int


class Lexicon:
    """The rules, ready to use.

    Raises:
        InputError: a rule names a group that the file does not define.
    """

    def __init__(self, spec: LexiconSpec, place: str) -> None:
        names = [*spec.phrases, *spec.starts, *spec.fields.severity, *spec.fields.rule, *FILLED_GROUPS]
        self._bits = {name: 1 << index for index, name in enumerate(names)}
        phrases = [*self._phrases_of(spec.phrases, False), *self._phrases_of(spec.starts, True)]
        self._exact = _by_first_word(p for p in phrases if not p.words[0].endswith("*"))
        self._prefixed = _by_first_word(p for p in phrases if p.words[0].endswith("*"))
        self._prefix_lengths = sorted({len(prefix) for prefix in self._prefixed})
        self._severity_tests = self._field_tests(spec.fields.severity)
        self._rule_tests = self._field_tests(spec.fields.rule)
        self._rules = [self._compile(rule, place) for rule in spec.rules]

    def read(self, record: TelemetryReceived, masked_message: str) -> Reading:
        """Weigh a record; ``masked_message`` is :func:`agents.text.mask_numbers` of its message."""
        # "make_report hangs" does not ask anyone to make something.
        opens_with_name = _NAME_OPENING.match(masked_message) is not None
        found = self._groups_of_words(split_words(masked_message), opens_with_name)
        found |= self._groups_of_fields(record)
        scores = [0] * len(LABELS)
        spoke: list[list[tuple[int, str]]] = [[] for _ in LABELS]
        for rule in self._rules:
            if found & rule.all_mask != rule.all_mask or found & rule.unless_mask:
                continue
            for index, weight in enumerate(rule.weights):
                scores[index] += weight
                if weight > 0:
                    spoke[index].append((-weight, rule.name))
        return Reading(tuple(scores), tuple(tuple(name for _, name in sorted(names)) for names in spoke))

    def _groups_of_words(self, words: Sequence[str], opens_with_name: bool) -> int:
        found = 0
        for index, word in enumerate(words):
            opens = (
                words[index - 1] == ":" and index <= OPENING_WORD_COUNT_MAX if index else not opens_with_name
            )
            for phrase in self._exact.get(word, ()):
                if opens or not phrase.opens:
                    found |= _bit_if_there(phrase, words, index)
            for length in self._prefix_lengths:
                for phrase in self._prefixed.get(word[:length], ()):
                    if opens or not phrase.opens:
                        found |= _bit_if_there(phrase, words, index)
        return found

    def _groups_of_fields(self, record: TelemetryReceived) -> int:
        found = 0
        for name, value in zip(
            FILLED_GROUPS, (record.rule, record.error_type, record.test_name), strict=True
        ):
            if value:
                found |= self._bits[name]
        for tests, value in ((self._severity_tests, record.severity), (self._rule_tests, record.rule)):
            if value:
                lowered = value.lower()
                for test in tests:
                    if test.pattern.match(lowered):
                        found |= test.group_bit
        return found

    def _phrases_of(self, groups: dict[str, list[str]], opens: bool) -> list[Phrase]:
        return [
            Phrase(tuple(text.split()), self._bits[name], opens)
            for name, texts in groups.items()
            for text in texts
        ]

    def _field_tests(self, groups: dict[str, list[str]]) -> list[FieldTest]:
        return [
            FieldTest(re.compile(fnmatch.translate(glob)), self._bits[name])
            for name, globs in groups.items()
            for glob in globs
        ]

    def _compile(self, rule: RuleSpec, place: str) -> Rule:
        for name in (*rule.all, *rule.unless):
            if name not in self._bits:
                raise InputError(f"{place}: rule {rule.name!r} names an unknown group {name!r}: define it")
        return Rule(
            rule.name,
            sum(self._bits[name] for name in dict.fromkeys(rule.all)),
            sum(self._bits[name] for name in dict.fromkeys(rule.unless)),
            tuple(rule.weights.get(label, 0) for label in LABELS),
        )


def _by_first_word(phrases: Iterable[Phrase]) -> dict[str, list[Phrase]]:
    table: dict[str, list[Phrase]] = {}
    for phrase in phrases:
        table.setdefault(phrase.words[0].rstrip("*"), []).append(phrase)
    return table


def _bit_if_there(phrase: Phrase, words: Sequence[str], index: int) -> int:
    """The phrase's group if its words follow from ``index`` on; the first word is known to match."""
    if index + len(phrase.words) > len(words):
        return 0
    for offset in range(1, len(phrase.words)):
        wanted, word = phrase.words[offset], words[index + offset]
        if not (word.startswith(wanted[:-1]) if wanted.endswith("*") else word == wanted):
            return 0
    return phrase.group_bit


def parse_lexicon(text: str, place: str) -> Lexicon:
    """A lexicon from TOML text; ``place`` names its source in errors.

    Raises:
        InputError: not TOML, an unknown key, a wrong type or an unknown group.
    """
    try:
        return Lexicon(msgspec.convert(tomllib.loads(text), LexiconSpec), place)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InputError(f"{place} is not a lexicon: {error}") from None


@cache
def default_lexicon() -> Lexicon:
    """The lexicon that comes with the package; read once a process, and never changed."""
    path = resources.files("agents") / "data" / "lexicon.toml"
    return parse_lexicon(path.read_text(encoding="utf-8"), "agents/data/lexicon.toml")
