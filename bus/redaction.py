"""Takes secrets out of text before it reaches the log. Must not read the environment or know who asks.

Two kinds are found: secrets that are known, also as base64 and URL-encoded, and text that has the form of
one. Each becomes ``[redacted:KIND]``. The same text always gives the same result, a second pass changes
nothing, and the time is linear in the length of the text: no expression here tries one place twice.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple
from urllib.parse import quote, quote_plus

import msgspec
from msgspec import Struct

from bus.bodies import Body, TelemetryReceived, Text

SECRET_CHARACTERS_MIN = 8
"""A shorter value occurs in ordinary text too."""
NAME_CHARACTERS_MAX = 256
GROWTH_CHARACTERS_MAX = 256
"""A text up to this length may grow by redaction; a longer one is cut to the length that it had."""
KNOWN = "secret"
"""The kind of what was known."""

_SENSITIVE = re.compile(
    r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|APIKEY)(?:_ID)?$", re.IGNORECASE
)
_STRONG = (
    r"password|passwd|pwd|passphrase|client[_-]?secret|secret[_-]?key|api[_-]?key|access[_-]?key"
    r"|private[_-]?key"
)
# As the name of a parameter in a URL, "key" alone is one.
_WEAK = r"secret|token|credentials?|authorization|(?<=[?&])key"
_STRONG_NAME = re.compile(
    rf"(?:{_STRONG}|secret|[_-]token|authorization|credentials?)$|^token$", re.IGNORECASE
)
# Up to the closing quote, or to what ends a value without quotes, as an escaped quote or line does.
_VALUE = r"(?:(?<=[\"'])[^\"'\n\\]+|(?:[^\s\"'`&,;<>\\]|\\(?![\"'nrt]))+)"
_QUOTE = r"[\"'\\]{0,3}"
_SCHEME = r"(?:(?:basic|bearer|digest|token|apikey)\s{1,8})"
_REDACTED = "[redacted:"


class _Pattern(NamedTuple):
    kind: str
    expression: re.Pattern[str]
    """What is outside its group ``kept`` is replaced."""


def _compiled(kind: str, expression: str, flags: int = 0) -> _Pattern:
    return _Pattern(kind, re.compile(expression, flags | re.ASCII))


# In all of these a match can begin only where a run of its characters begins.
_DASHED = (
    _compiled(
        "private-key",
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
        re.DOTALL,
    ),
    _compiled("api-key", r"(?<![A-Za-z0-9_-])sk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16,}"),
    _compiled("slack-token", r"(?<![A-Za-z0-9-])xox[a-z]-[A-Za-z0-9-]{10,}"),
    _compiled("gitlab-token", r"(?<![A-Za-z0-9_-])glpat-[A-Za-z0-9_-]{16,}"),
)
_LOW_DASHED = (
    _compiled("github-token", r"(?<![A-Za-z0-9_])(?:gh[oprsu]|github_pat)_[A-Za-z0-9_]{20,}"),
    _compiled("api-key", r"(?<![A-Za-z0-9_-])[sr]k_(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16,}"),
)
_AWS = _compiled("aws-key", r"(?<![A-Z0-9])A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Z0-9])")
_GOOGLE = _compiled("google-key", r"(?<![A-Za-z0-9_-])AIza[A-Za-z0-9_-]{30,}")
_JWT = _compiled("jwt", r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?")
_BEARER = _compiled(
    "bearer",
    r"(?P<kept>(?<![a-z0-9])bearer\s{1,8})(?!\[redacted:)"
    r"(?:(?=[a-z._~+/=-]{0,64}[0-9])[a-z0-9._~+/=-]{8,}|[a-z0-9._~+/=-]{24,})",
    re.IGNORECASE,
)
_URL = _compiled("url-password", r"(?P<kept>://[^\s/:@?#\[]*:)(?!\[redacted:[a-z-]*\]@)[^\s/]+(?=@)")
_ASSIGNED = _compiled(
    "credential",
    rf"(?P<kept>(?:{_STRONG}|{_WEAK}){_QUOTE}\s{{0,8}}(?:=|%3d)\s{{0,8}}{_QUOTE}{_SCHEME}?)"
    rf"(?!\[redacted:|=){_VALUE}",
    re.IGNORECASE,
)
_HEADER = _compiled(
    "credential",
    rf"(?P<kept>authorization{_QUOTE}\s{{0,8}}(?:[:=]|%3[ad])\s{{0,8}}{_QUOTE}{_SCHEME})(?!\[redacted:){_VALUE}",
    re.IGNORECASE,
)
# After a colon ordinary prose follows too: a value there has a digit, or stands in quotes as its name does.
_COLON = _compiled(
    "credential",
    rf"(?P<kept>(?:{_STRONG}|{_WEAK})(?:{_QUOTE}\s{{0,8}}(?::|%3a)\s{{0,8}}{_QUOTE}{_SCHEME}?"
    r"(?!\[redacted:)(?=[^\s\"'`&,;<>]{3})(?=[^\s\"'`&,;<>]{0,64}[0-9])"
    rf"|[\"'\\]{{1,3}}\s{{0,8}}:\s{{0,8}}[\"'\\]{{1,3}}(?!\[redacted:))){_VALUE}",
    re.IGNORECASE,
)
_NAMED = (_HEADER, _ASSIGNED, _COLON)


class Redactor:
    """Redacts the secrets that it is given, and whatever has the form of one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        # The longest first, so that a secret inside another leaves no rest of it.
        self._known = sorted(forms, key=lambda form: (-len(form), form))

    def text(self, text: str) -> str:
        """The text without secrets; the same object if there are none."""
        for form in self._known:
            if form in text:
                text = text.replace(form, f"{_REDACTED}{KNOWN}]")
        for pattern in _suspected(text):
            text = pattern.expression.sub(_replacement(pattern.kind), text)
        return text

    def redact_body(self, body: Body) -> Body:
        """The body without secrets in its free text; the same object if there are none."""
        changes: dict[str, object] = {}
        for name in text_fields(type(body)):
            value = getattr(body, name)
            if not value:
                continue
            redacted = self._attributes(value) if isinstance(value, dict) else self._kept_short(value)
            if redacted != value:
                changes[name] = redacted
        if not changes:
            return body
        if isinstance(body, TelemetryReceived):
            for name in _SHORT_FIELDS & changes.keys():
                changes[name] = str(changes[name])[:NAME_CHARACTERS_MAX]
        return msgspec.structs.replace(body, **changes)

    def _kept_short(self, text: str) -> str:
        redacted = self.text(text)
        if redacted is text:
            return text
        return redacted[: max(len(text), GROWTH_CHARACTERS_MAX)] if len(redacted) > len(text) else redacted

    def _attributes(self, attributes: Mapping[str, str]) -> dict[str, str]:
        redacted: dict[str, str] = {}
        for name, value in attributes.items():
            if _STRONG_NAME.search(name) and value and not value.startswith(_REDACTED):
                redacted[self._kept_short(name)] = f"{_REDACTED}credential]"
            else:
                redacted[self._kept_short(name)] = self._kept_short(value)
        return redacted


def known_secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The values of variables whose names say that they hold a secret, in order of the names."""
    named = (environ[name] for name in sorted(environ) if _SENSITIVE.search(name))
    return tuple(dict.fromkeys(value for value in named if len(value) >= SECRET_CHARACTERS_MIN))


def _suspected(text: str) -> list[_Pattern]:
    """The patterns that a look for single characters, then for short words, does not rule out.

    Almost every text of a run comes through here and has nothing: the order is that of the cost.
    """
    found: list[_Pattern] = []
    if "-" in text and ("sk-" in text or "xox" in text or "-----BEGIN" in text or "glpat" in text):
        found += _DASHED
    if "_" in text and _begins_low_dashed(text):
        found += _LOW_DASHED
    if "A" in text:
        if "KIA" in text or "SIA" in text:
            found.append(_AWS)
        if "AIza" in text:
            found.append(_GOOGLE)
    if "J" in text and "eyJ" in text:
        found.append(_JWT)
    if "earer" in text or "EARER" in text:
        found.append(_BEARER)
    has_colon = ":" in text
    if has_colon and "@" in text and "://" in text:
        found.append(_URL)
    if (has_colon or "=" in text or "%3" in text) and _names_secret(text.lower()):
        found += _NAMED
    return found


def _begins_low_dashed(text: str) -> bool:
    return (
        "sk_" in text
        or "rk_" in text
        or "ghp_" in text
        or "gho_" in text
        or "ghs_" in text
        or "ghu_" in text
        or "ghr_" in text
        or "b_pat_" in text
    )


def _names_secret(lower: str) -> bool:
    return (
        "token" in lower
        or "key" in lower
        or "pass" in lower
        or "secret" in lower
        or "pwd" in lower
        or "credential" in lower
        or "authorization" in lower
    )


@cache
def _replacement(kind: str) -> Callable[[re.Match[str]], str]:
    marker = f"{_REDACTED}{kind}]"

    def replace(match: re.Match[str]) -> str:
        return (match.groupdict().get("kept") or "") + marker

    return replace


def _forms(secret: str) -> Iterator[str]:
    """The secret as it may occur in text."""
    secret = secret.strip()
    if len(secret) < SECRET_CHARACTERS_MIN or secret in f"{_REDACTED}{KNOWN}]":
        return
    yield secret
    for quoted in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield quoted
        yield re.sub("%..", lambda match: match.group().lower(), quoted)
    yield msgspec.json.encode(secret).decode()[1:-1]
    yield json.dumps(secret)[1:-1]
    yield repr(secret)[1:-1]
    for form in _base64_forms(secret.encode(errors="replace")):
        yield form
        yield form.replace("+", "-").replace("/", "_")
        yield quote(form, safe="")


def _base64_forms(secret: bytes) -> Iterator[str]:
    """The characters that the secret alone decides, at each of the three places it can have in a group."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + secret).decode()
        first = (before * 8 + 5) // 6
        last = (before + len(secret)) * 8 // 6
        yield encoded[first:last]


class _FieldOfText(Struct):
    text: Text
    optional: Text | None
    by_name: dict[str, Text]


_TEXT_TYPES = tuple(field.type for field in msgspec.structs.fields(_FieldOfText))
_SHORT_FIELDS = frozenset({"severity", "component", "error_type", "rule"})
"""Names that telemetry brings from outside."""


@cache
def text_fields(body: type[Body]) -> tuple[str, ...]:
    fields = msgspec.structs.fields(body)
    return tuple(
        field.name
        for field in fields
        if field.type in _TEXT_TYPES or (body is TelemetryReceived and field.name in _SHORT_FIELDS)
    )
