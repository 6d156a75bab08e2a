"""How text becomes words: numbers masked, CamelCase split, lower case. Must not know what any word means."""

import re

WORD_COUNT_MAX = 400
"""Words of a text that are looked at; a record that says more has said what it is by then."""
TEXT_CHARACTERS_MAX = 4_000
"""Characters of a text that are looked at."""

_NUMBER = re.compile(r"(?!0(?![\w.]))\d[\da-fA-F]*|\b(?=[\da-f]{7})[a-f]+\d[\da-f]*")
_HUMP = re.compile(r"(?<=[a-z0-9#])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[a-z]+|[#?%:]|0")


def mask_numbers(text: str) -> str:
    """The text with numbers and hexadecimal identifiers as ``#``: what differs only in these becomes equal.

    A lone 0 stays: "0 errors" says something else than "3 errors".
    """
    return _NUMBER.sub("#", text[:TEXT_CHARACTERS_MAX])


def split_words(masked_text: str) -> list[str]:
    """Lower-case words of :func:`mask_numbers`'s result; ``#``, ``?``, ``%`` and ``:`` are words too.

    Apostrophes are closed up, so "can't" is the word "cant".
    """
    parts = _HUMP.sub(" ", masked_text.replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", ""))
    return _WORD.findall(parts.lower())[:WORD_COUNT_MAX]
