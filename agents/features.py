"""What is seen of a telemetry record: numbers of hashed words, shapes and fields. Must not know any label.

A pure function of the record. The hash is CRC-32, so the numbers are the same on every machine. A feature is
there or not; it has no count. A word counts once as written and once as its stem, stems count in pairs, and
the words that open a text count by their place. Names of components, files and tests are not looked at.

Feature hashing after Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (ICML 2009).
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from math import sqrt
from typing import NamedTuple

from agents.text import mask_numbers
from bus.bodies import TelemetryReceived

FEATURES_VERSION = "words-v2"
"""Changes whenever a record would get other features; weights belong to one version."""
DIMENSION_COUNT = 1 << 16
WORD_COUNT_MAX = 120
TEXT_CHARACTERS_MAX = 2_000
HEAVY = 2
"""Value of a feature of the fields and of the opening words; every other feature has 1."""
_MASK = DIMENSION_COUNT - 1
_MEMO_SIZE_MAX = 50_000

_TOKEN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|#+|0|[?%:!]")
_EXCEPTION = re.compile(r"\b[A-Z]\w*(?:Error|Exception|Fault)\b")
_ENDINGS = (
    *("ization", "ication", "ations", "ation", "ingly", "ments", "ment", "iness", "ness", "ings", "ing"),
    *("edly", "ies", "ied", "ers", "ors", "er", "ed", "es", "ly", "ity", "y", "s", "e"),
)
_LEVELS = {
    "fatal": "fatal critical crit emerg emergency severe panic alert f",
    "error": "error err e high major blocker",
    "warning": "warning warn w minor",
    "quiet": "info i notice debug d trace verbose v finest fine ok informational",
    "lint": "convention refactor style",
}
_LEVEL_OF = {word: level for level, words in _LEVELS.items() for word in words.split()}


class Features(NamedTuple):
    """Hashed features; two that meet in one number count as one."""

    ids: list[int]
    """Distinct; the first ``heavy_count`` of them have the value :data:`HEAVY`."""
    heavy_count: int

    @property
    def length(self) -> float:
        """Euclidean length of the vector of values."""
        return sqrt(len(self.ids) + (HEAVY * HEAVY - 1) * self.heavy_count)


class Word(NamedTuple):
    """The features of one word."""

    word_id: int
    stem_id: int
    stem_code: int
    """All 32 bits of the stem's hash; pairs are made of these."""


def features_of(record: TelemetryReceived, text: str | None = None) -> Features:
    """The features of one record; empty fields say nothing. ``text`` is its message with numbers masked."""
    message = mask_numbers(record.message) if text is None else text
    memo = _memo
    words = [memo.get(token) or _word(token) for token in tokens_of(message)]
    codes = [word.stem_code for word in words]
    # A dictionary keeps the order in which its keys came, so the heavy ones stay in front.
    ids = dict.fromkeys(
        field_ids(record.severity, record.rule, bool(record.error_type), bool(record.test_name))
    )
    ids.update(dict.fromkeys(opening_ids(codes)))
    heavy_count = len(ids)
    ids.update(dict.fromkeys([word.word_id for word in words]))
    ids.update(dict.fromkeys([word.stem_id for word in words]))
    # This is :func:`pair_id`, written out: most of the time goes here.
    pairs = [((a * 0x9E3779B1 + b * 0x85EBCA6B) >> 12) & _MASK for a, b in pairwise(codes)]
    ids.update(dict.fromkeys(pairs))
    ids.update(dict.fromkeys(shape_ids(message, codes)))
    return Features(list(ids), heavy_count)


def tokens_of(text: str) -> list[str]:
    """Words with CamelCase split, masked numbers and telling signs; apostrophes are closed up."""
    shown = text[:TEXT_CHARACTERS_MAX].replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    return _TOKEN.findall(shown)[:WORD_COUNT_MAX]


def written(word: str) -> str:
    """How a word counts: in lower case, and a masked number as one ``#``."""
    return "#" if word[0] == "#" else word.lower()


def stem_of(word: str) -> str:
    """The word without its ending. Rough: it only has to be the same for "crash" and "crashes"."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def code_of(name: str) -> int:
    return zlib.crc32(name.encode())


def id_of(name: str) -> int:
    return code_of(name) & _MASK


def pair_id(first_code: int, second_code: int) -> int:
    """Of two neighbours, in this order."""
    return ((first_code * 0x9E3779B1 + second_code * 0x85EBCA6B) >> 12) & _MASK


_memo: dict[str, Word] = {}
"""Changes how fast an answer comes, never the answer."""


def _word(token: str) -> Word:
    word = written(token)
    code = code_of("s:" + stem_of(word))
    known = Word(id_of("w:" + word), code & _MASK, code)
    if len(_memo) >= _MEMO_SIZE_MAX:
        _memo.clear()
    _memo[token] = known
    return known


_OPENING, _OPENING_PAIR, _LAST = code_of("first"), code_of("first two"), code_of("last")
_COLON = code_of("s::")
_SCOPED = id_of("scoped")
_MARKS = ("?", "`", '"', "(", "/", "=", "[", "->", "::", "_", "<", "|", "{", "@", ",")
_MARK_IDS = tuple((mark, id_of("mark:" + mark)) for mark in _MARKS)
_EXCEPTION_NAMED, _EXCEPTION_OPENS = id_of("exception"), id_of("opens with exception")
_ASKS, _STOPS, _LOWER, _BRACKET = (id_of("shape:" + n) for n in ("asks", "stops", "lower", "bracket"))
_LENGTH_BOUNDS = (3, 6, 10, 15, 29)
_LENGTH_IDS = tuple(
    id_of(f"length:{sum(count > bound for bound in _LENGTH_BOUNDS)}") for count in range(WORD_COUNT_MAX + 1)
)
_SCOPE_WORDS_MAX = 5
"""A colon among so many words after the first ends a scope, such as the name of a component."""


def opening_ids(codes: Sequence[int]) -> list[int]:
    """The first word and the first two, of the text and again of what follows a scope such as "parser:"."""
    if not codes:
        return []
    ids = _opening_at(codes, 0)
    if _COLON in codes[1 : 1 + _SCOPE_WORDS_MAX]:
        start = codes.index(_COLON, 1) + 1
        if start < len(codes):
            ids += [*_opening_at(codes, start), _SCOPED]
    return ids


def _opening_at(codes: Sequence[int], start: int) -> list[int]:
    ids = [pair_id(_OPENING, codes[start])]
    if start + 1 < len(codes):
        ids.append(pair_id(_OPENING_PAIR ^ codes[start], codes[start + 1]))
    return ids


def shape_ids(message: str, codes: Sequence[int]) -> list[int]:
    """Marks, length, the last word, how the text begins and ends, and a name like an exception's."""
    ids = [mark_id for mark, mark_id in _MARK_IDS if mark in message]
    ids.append(_LENGTH_IDS[len(codes)])
    if codes:
        ids.append(pair_id(_LAST, codes[-1]))
    if message[-1:] == "?":
        ids.append(_ASKS)
    elif message[-1:] == ".":
        ids.append(_STOPS)
    if message[:1] == "[":
        ids.append(_BRACKET)
    elif message[:1].islower():
        ids.append(_LOWER)
    # Without the first test the expression would be tried on every text.
    if ("Error" in message or "Exception" in message) and (
        found := _EXCEPTION.search(message, 0, TEXT_CHARACTERS_MAX)
    ):
        ids.append(_EXCEPTION_NAMED if found.start() else _EXCEPTION_OPENS)
    return ids


@lru_cache(4_096)
def field_ids(
    severity: str | None, rule: str | None, has_error_type: bool, has_test_name: bool
) -> tuple[int, ...]:
    """Which fields are filled in, the level, and the words of the rule."""
    return tuple(feature_id for _, feature_id in named_fields(severity, rule, has_error_type, has_test_name))


def named_fields(
    severity: str | None, rule: str | None, has_error_type: bool, has_test_name: bool
) -> Iterator[tuple[str, int]]:
    """The same with a name for people."""
    level = _LEVEL_OF.get(severity.lower(), "other") if severity else "none"
    if rule:
        yield "names a rule", id_of("f:rule")
        yield f"a rule, level {level}", id_of("f:rule level:" + level)
        for token in tokens_of(rule):
            if token[0].isalpha():
                stem = stem_of(token.lower())
                yield f'rule with "{stem}"', id_of("f:rule word:" + stem)
    elif severity:
        yield f"no rule, level {level}", id_of("f:level without rule:" + level)
    if severity:
        yield f"level {level}", id_of("f:level:" + level)
    if has_error_type:
        yield "names an error type", id_of("f:error type")
    if has_test_name:
        yield "names a test", id_of("f:test name")


def named_features(record: TelemetryReceived) -> Iterator[tuple[str, int]]:
    """Every feature with words for people: what :func:`features_of` saw, slower. Ids may come twice."""
    yield from named_fields(record.severity, record.rule, bool(record.error_type), bool(record.test_name))
    message = mask_numbers(record.message)
    tokens = tokens_of(message)
    words = [_memo.get(token) or _word(token) for token in tokens]
    shown = [written(token) for token in tokens]
    codes = [word.stem_code for word in words]
    for word, text in zip(words, shown, strict=True):
        yield f'"{text}"', word.word_id
        yield f'"{text}"', word.stem_id
    for (first, first_code), (second, second_code) in pairwise(zip(shown, codes, strict=True)):
        yield f'"{first} {second}"', pair_id(first_code, second_code)
    for feature_id in opening_ids(codes):
        yield "the opening words", feature_id
    for feature_id in shape_ids(message, codes):
        exceptional = feature_id in (_EXCEPTION_NAMED, _EXCEPTION_OPENS)
        yield "the name of an exception" if exceptional else "length and marks", feature_id
