"""Secrets become ``[redacted:KIND]``; everything else stays as it is."""

import base64
import time
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import bodies
from bus.codec import decode_body
from bus.redaction import GROWTH_CHARACTERS_MAX, Redactor, known_secrets

SECRET = "s3cr3t/va+ue?with=all&kinds"
# In parts, so that no scanner takes this file for a leak.
OPENAI = "sk-" + "proj-Ab12Cd34Ef56Gh78Ij90"
GITHUB = "gh" + "p_" + "a1B2" * 9
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
GOOGLE = "AIza" + "SyA1234567890abcdefghijklmnopqrstuv"
SLACK = "xoxb" + "-1234567890-abcdefghij"
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
PEM = "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE KEY-----"
CASES = (
    ("api-key", f"called with {OPENAI}, failed", OPENAI),
    ("github-token", f"https://{GITHUB}@github.com/x", GITHUB),
    ("aws-key", f'{{"id": "{AWS}"}}', AWS),
    ("google-key", f"GET /v1?x={GOOGLE} 403", GOOGLE),
    ("slack-token", f"token {SLACK}", SLACK),
    ("jwt", f"cookie {JWT}", JWT),
    ("private-key", f"key:\n{PEM}\nend", "MIIEow"),
    ("private-key", "-----BEGIN PRIVATE " + "KEY-----\\nMIIEvw with no end", "MIIEvw"),
    ("bearer", "sent Bearer abc123.def_456", "abc123.def_456"),
    ("credential", "Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("credential", "GET /x?api_key=hunter2&b=1", "hunter2"),
    ("credential", "GET /x?a=1&key=hunter2", "hunter2"),
    ("credential", "x-api-key: hunter22", "hunter22"),
    ("credential", "DB_PASSWORD='correct horse battery'", "horse"),
    ("credential", '{"password": "letmein"}', "letmein"),
    ("credential", r"{\"password\": \"letmein\"}", "letmein"),
    ("credential", "body password%3Dhunter2%26x", "hunter2"),
    ("credential", "client_secret = hunter2", "hunter2"),
    ("url-password", "postgres://app:p@ss:w0rd@db/x", "p@ss:w0rd"),
)
ORDINARY = (
    "TypeError: Cannot read properties of undefined (reading 'id')",
    "Unexpected token: identifier at line 3",
    "task-force-abcdefghijklmnop12345 finished, risk-abcdefghijklmnop1",
    "Bearer authentication failed",
    "password: must be at least eight characters",
    "if password == expected: sort key: 12, primary key=5",
    "input_tokens=12 output_tokens: 500",
    "https://example.org:8080/a@b user@example.org",
    "eyJ is how a JWT begins, AKIA how a key of AWS does, sk-learn is a library",
    "see [redacted:password] and [redacted:secret]",
)


@pytest.mark.parametrize(("kind", "text", "secret"), CASES)
def test_text_in_the_form_of_a_secret_is_redacted(kind: str, text: str, secret: str) -> None:
    redacted = Redactor().text(text)
    assert f"[redacted:{kind}]" in redacted
    assert secret not in redacted
    assert Redactor().text(redacted) is redacted


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_the_same_object(text: str) -> None:
    assert Redactor([SECRET]).text(text) is text


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
def test_a_known_secret_is_found_in_every_form(before: str) -> None:
    redactor = Redactor([SECRET])
    encoded = base64.b64encode(f"{before}{SECRET}".encode()).decode()
    for form in (
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote(SECRET),
        encoded,
        encoded.replace("+", "-").replace("/", "_"),
        quote(encoded, safe=""),
        f"<{SECRET}>{SECRET}",
    ):
        redacted = redactor.text(f"before {form} after")
        assert "[redacted:secret]" in redacted
        for part in (SECRET, SECRET[3:-3], quote(SECRET, safe="")[4:-4], encoded[6:-6]):
            assert part not in redacted


def test_a_secret_inside_another_leaves_no_rest() -> None:
    assert (
        Redactor(["longsecret", "longsecret-and-longer"]).text("x longsecret-and-longer")
        == "x [redacted:secret]"
    )


def test_a_secret_too_short_or_like_the_mark_itself_is_not_one() -> None:
    for short in ("", "abc", "redacted"):
        assert Redactor([short]).text("abc redacted") == "abc redacted"


PIECES = [
    "password",
    "=",
    ":",
    " ",
    '"',
    "'",
    "\\",
    "[redacted:",
    "]",
    "token",
    "key",
    "?",
    "&",
    "://",
    "@",
    "/",
]
PIECES += [
    "bearer ",
    "authorization",
    "basic ",
    "eyJ",
    "a1b2c3d4e5",
    ".",
    "sk-",
    "-",
    "_",
    "%3d",
    "\n",
    SECRET,
    "x",
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_a_second_pass_changes_nothing(text: str) -> None:
    redactor = Redactor([SECRET])
    once = redactor.text(text)
    assert redactor.text(once) == once
    assert SECRET not in once


UNITS = [
    "eyJ",
    "-eyJ",
    ".eyJ",
    "eyJaaaaaaaa.",
    "sk-",
    "-sk-",
    "xoxb-",
    "bearer ",
    "://a:",
    "://a:b",
    "://@:",
    "@",
    "A",
]
UNITS += [
    "password",
    "password ",
    "password:",
    "password=",
    "password='",
    "token:a",
    "token: ",
    "secretsecret:",
    "\\",
]
UNITS += [
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "[redacted:",
    '"token":"',
    "%3d",
    "key%3a",
    "authorization:basic ",
]


@pytest.mark.parametrize("unit", UNITS)
def test_time_is_linear_in_the_length_of_hostile_text(unit: str) -> None:
    redactor = Redactor([SECRET])
    text = (unit * 65_536)[:65_536]
    started = time.perf_counter()
    once = redactor.text(text)
    # A few milliseconds; what tries one place twice takes minutes.
    assert time.perf_counter() - started < 1
    assert redactor.text(once) == once


def test_ordinary_text_costs_about_a_microsecond() -> None:
    """A bound ten times what was measured, since a machine may be busy."""
    redactor = Redactor([SECRET])
    best = min(_seconds(redactor) for _ in range(5))
    assert best / 2_000 < 10e-6


def _seconds(redactor: Redactor) -> float:
    text = (
        "TypeError: Cannot read properties of undefined (reading 'id') in payments/checkout at line 42, again"
    )
    started = time.perf_counter()
    for _ in range(2_000):
        redactor.text(text)
    return time.perf_counter() - started


def test_every_text_of_a_body_is_redacted() -> None:
    body = bodies.TelemetryReceived(
        message=f"failed with {SECRET}",
        severity=SECRET,
        component="checkout",
        file=f"/srv/{SECRET}",
        attributes={
            "url": "https://h/?key=hunter2",
            "password": "short",
            f"x{SECRET}": "1",
            "team": "payments",
        },
    )
    redacted = Redactor([SECRET]).redact_body(body)
    assert redacted == bodies.TelemetryReceived(
        message="failed with [redacted:secret]",
        severity="[redacted:secret]",
        component="checkout",
        file="/srv/[redacted:secret]",
        attributes={
            "url": "https://h/?key=[redacted:credential]",
            "password": "[redacted:credential]",
            "x[redacted:secret]": "1",
            "team": "payments",
        },
    )
    assert Redactor([SECRET]).redact_body(redacted) is redacted


@pytest.mark.parametrize(
    "body_type", [bodies.AgentCrashed, bodies.DeliveryFailed, bodies.DeliveryDeadLettered]
)
def test_reasons_are_redacted(body_type: type[bodies.Body]) -> None:
    fields: dict[str, int | str] = dict.fromkeys(body_type.__struct_fields__, 1)
    fields |= {name: "x" for name in ("agent", "queue") if name in fields}
    fields["reason"] = f"ValueError: {OPENAI}"
    redacted = Redactor().redact_body(body_type(**fields))
    assert OPENAI.encode() not in msgspec.json.encode(redacted)


def test_a_body_without_a_secret_is_the_same_object() -> None:
    body = bodies.TelemetryReceived(message="plain", attributes={"team": "payments"})
    heartbeat = bodies.AgentHeartbeat("witness", 1, 2, 3)
    redactor = Redactor([SECRET])
    assert redactor.redact_body(body) is body
    assert redactor.redact_body(heartbeat) is heartbeat


def test_a_redacted_body_still_fits_its_limits() -> None:
    hostile = "pwd=x " * 10_922
    short = "pwd=x pwd=y"
    redacted = Redactor().redact_body(
        bodies.TelemetryReceived(message=hostile, component=("pwd=x " * 42)[:256])
    )
    assert isinstance(redacted, bodies.TelemetryReceived)
    assert len(redacted.message) == len(hostile)
    assert len(redacted.component or "") <= GROWTH_CHARACTERS_MAX
    assert decode_body(redacted.TYPE, msgspec.json.encode(redacted)) == redacted
    assert Redactor().redact_body(redacted) == redacted
    grown = Redactor().redact_body(bodies.FeedbackGiven("duplication", True, short))
    assert grown == bodies.FeedbackGiven(
        "duplication", True, "pwd=[redacted:credential] pwd=[redacted:credential]"
    )


def test_the_environment_names_its_secrets() -> None:
    environ = {
        "OPENAI_API_KEY": OPENAI,
        "GITHUB_TOKEN": GITHUB,
        "DB_PASSWORD": "hunter2hunter2",
        "APP_CREDENTIALS": "user:password",
        "CLIENT_SECRET": "hunter2hunter2",
        "SHORT_KEY": "abc",
        "HOME": "/home/somebody",
        "MONKEY": "not a secret",
    }
    assert known_secrets(environ) == ("user:password", "hunter2hunter2", GITHUB, OPENAI)
