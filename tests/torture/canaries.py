"""Secrets that nobody but their owner has are sent through everything, and looked for in all that is left.

Must not contain a real one. A hit is a secret, or the middle of one, in any form in which it was sent.
"""

import base64
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from unittest.mock import patch
from urllib.parse import quote

import duckdb

from agents.models.mock import MockModel
from agents.models.model import Answer
from agents.witness import Witness
from bus.bodies import Body, TelemetryReceived
from bus.redaction import Redactor, known_secrets
from simulator import cli
from tests.torture.command import Captured
from tests.torture.outcome import Effort, Outcome

ENVIRONMENT = {
    "CANARY_API_KEY": "c4n4ry/One+with=signs&more",
    "CANARY_TOKEN": "canary-two-0123456789",
    "CANARY_DB_PASSWORD": "canary three with blanks",
    "CANARY_CLIENT_SECRET": 'k\u00e4nary"four\\five',
}
"""Secrets that are known because the environment names them. They have no form that gives them away."""
# In parts, so that no scanner takes this file for a leak.
FORMED = {
    "an OpenAI key": "sk-" + "proj-C4n4ryC4n4ryC4n4ryC4n4ry99",
    "an Anthropic key": "sk-" + "ant-api03-C4n4ryC4n4ryC4n4ryC4n4ry99",
    "a GitHub token": "gh" + "p_C4n4ryC4n4ryC4n4ryC4n4ryC4n4ry99",
    "a fine-grained GitHub token": "github" + "_pat_C4n4ryC4n4ry_C4n4ryC4n4ry99",
    "an AWS key": "AKIA" + "C4N4RYC4N4RYC4N4",
    "a Google key": "AIza" + "SyC4n4ryC4n4ryC4n4ryC4n4ryC4n4ry9",
    "a Slack token": "xoxb" + "-1234567890-C4n4ryC4n4ry",
    "a JWT": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJjNG40cnkiOjF9.C4n4ryC4n4ry99",
}
"""Secrets that have the form of one."""
BARE: dict[str, Callable[[str], str]] = {
    "alone": lambda secret: secret,
    "in a sentence": lambda secret: f"login with {secret} was refused",
    "in a traceback": lambda secret: (
        f'File "x.py", line 3, in f\n    connect({secret!r})\nValueError: {secret}'
    ),
    "in JSON": lambda secret: json.dumps({"error": {"message": f"Incorrect key provided: {secret}"}}),
    "as bearer": lambda secret: f"Authorization: Bearer {secret}",
    "in a query": lambda secret: f"GET https://api.example/v1?key={quote(secret, safe='')}&x=1",
}
"""Where a secret of either sort is to be found."""
ENCODED: dict[str, Callable[[str], str]] = {
    "as base64": lambda secret: f"blob {base64.b64encode(secret.encode()).decode()} end",
    "as base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "as basic authorization": lambda secret: f"Basic {base64.b64encode(f'me:{secret}'.encode()).decode()}",
    "in longer base64": lambda secret: base64.b64encode(f"x={secret};y".encode()).decode(),
    "URL-encoded": lambda secret: quote(secret, safe=""),
    "URL-encoded in small letters": lambda secret: quote(secret, safe="").replace("%2F", "%2f"),
}
"""Where one must be known to be found."""
NAMED = "Canary5ix"
PLACES: dict[str, Callable[[str], str]] = {
    "in a URL": lambda secret: f"postgres://app:{secret}@db.example/x",
    "as a parameter": lambda secret: f"POST /login?user=me&password={secret}&x=1",
    "as a header": lambda secret: f"x-api-key: {secret}",
    "as another header": lambda secret: f"x-goog-api-key:{secret}",
    "in an assignment": lambda secret: f"export DB_PASSWORD='{secret}'",
    "in JSON by name": lambda secret: json.dumps({"client_secret": secret}),
}
"""Where any word is a secret."""
RAISED = "P-raise"


class Canary(NamedTuple):
    name: str
    text: str
    needles: tuple[str, ...]


def run(effort: Effort) -> list[Outcome]:
    return [redacted_alone(), redacted_in_a_run(effort)]


def canaries() -> list[Canary]:
    found = [
        Canary(f"{name} {place}", wrap(secret), needles(secret))
        for name, secret in (ENVIRONMENT | FORMED).items()
        for place, wrap in BARE.items()
    ]
    found += [
        Canary(f"{name} {place}", wrap(secret), needles(secret))
        for name, secret in ENVIRONMENT.items()
        for place, wrap in ENCODED.items()
    ]
    return found + [Canary(place, wrap(NAMED), (NAMED,)) for place, wrap in PLACES.items()]


def needles(secret: str) -> tuple[str, ...]:
    """What must not be found: the middle of the secret, plain and encoded."""
    middle = secret[3:-3]
    encoded = base64.b64encode(secret.encode()).decode()[4:-4]
    return middle, quote(middle, safe=""), json.dumps(middle)[1:-1], encoded, encoded.replace("+", "-")


def redacted_alone() -> Outcome:
    redactor = Redactor(known_secrets(ENVIRONMENT))
    sent = canaries()
    hits = [canary.name for canary in sent if _is_in(canary, redactor.text(canary.text))]
    changing = [c.name for c in sent if redactor.text(redactor.text(c.text)) != redactor.text(c.text)]
    return Outcome(
        "canary secrets: redactor alone",
        len(sent),
        {"hits": len(hits), "changed_by_a_second_pass": len(changing)},
        ("hits", "changed_by_a_second_pass"),
    )


def redacted_in_a_run(effort: Effort) -> Outcome:
    sent = canaries()[:: effort.count(1, 9)]
    hits = hits_in_a_run(sent)
    with patch.object(Redactor, "redact_body", lambda self, body: body):
        bare = hits_in_a_run(sent[:: len(sent) // 3])
    figures: dict[str, int | float] = {"hits": len(hits), "hits_without_redaction": len(bare)}
    return Outcome("canary secrets: a whole run", len(sent), figures, ("hits",), ("hits_without_redaction",))


def hits_in_a_run(sent: list[Canary]) -> list[str]:
    """Send them in every way into a run; where they are found in what it leaves and says."""
    with TemporaryDirectory(prefix="canaries-") as name, ExitStack() as stack:
        folder = Path(name)
        stack.enter_context(chdir(folder))
        stack.enter_context(patch.dict(os.environ, ENVIRONMENT))
        stack.enter_context(patch.object(Witness, "handle", _raising(Witness.handle)))
        stack.enter_context(patch.object(MockModel, "answer", _telling(MockModel.answer, sent)))
        write_events(folder / "events.jsonl", sent)
        said = Captured()
        stack.enter_context(redirect_stdout(said))
        stack.enter_context(redirect_stderr(said))
        minutes = f"{2 * len(sent) + 5}m"
        run = ["run", "soak", "--events", "events.jsonl", "--event-interval", "1m", "--duration", minutes]
        for command in (
            [*run, "--transport", "inproc", "--out", "r"],
            ["report", "r"],
            ["sql", "r", "select * from events", "--json"],
            ["sql", "r", "select data from events where type like 'delivery.%'"],
            ["export", "r", "--format", "csv"],
            ["export", "r", "--format", "parquet"],
            ["info", "r"],
        ):
            code = cli.main(command)
            assert code in (0, 1), said.text()[-500:]
        left = {str(path): path.read_bytes().decode(errors="replace") for path in _files(folder / "r")}
        left |= {"what was said": said.text(), "Parquet": _parquet(folder / "r" / "exports")}
        return [
            f"{canary.name} in {where}" for canary in sent for where in left if _is_in(canary, left[where])
        ]


def _is_in(canary: Canary, text: str) -> bool:
    return any(needle in text for needle in canary.needles)


def write_events(path: Path, sent: list[Canary]) -> None:
    """Each is in a message, in the other fields, in an attribute, and in what an agent raises."""
    with path.open("w") as file:
        for number, canary in enumerate(sent):
            text = canary.text
            others = {
                "component": text[:256],
                "error_type": text[:256],
                "extra": text,
                "nested": {"url": text},
            }
            for event in (
                {"message": f"TypeError: {text}"} | others,
                {"message": f"{RAISED} {number} {text}", "file": text, "test_name": text},
            ):
                file.write(json.dumps({"label": "critical_error", "event": event}) + "\n")


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _parquet(folder: Path) -> str:
    with duckdb.connect() as connection:
        return str(connection.read_parquet(str(folder / "events.parquet")).fetchall())


def _raising(handle: Callable[..., object]) -> Callable[..., object]:
    """An agent that cannot do with some records, and says which in its exception."""

    def raising(self: Witness, message: object, context: object) -> object:
        body: Body = message.data  # type: ignore[attr-defined]  # as the agent is called
        if isinstance(body, TelemetryReceived) and body.message.startswith(RAISED):
            raise ValueError(f"cannot read {body.message!r} with {os.environ['CANARY_API_KEY']}")
        return handle(self, message, context)

    return raising


def _telling(answer: Callable[..., Answer], sent: list[Canary]) -> Callable[..., Answer]:
    """A model that repeats what it should not know."""
    count = 0

    def telling(self: MockModel, *given: object, **named: object) -> Answer:
        nonlocal count
        count += 1
        told = answer(self, *given, **named)
        if told.text in {"", "PASS", "FAIL"}:
            return told
        text = f"{told.text} {sent[count % len(sent)].text}"
        return Answer(told.status, text, told.input_tokens, told.output_tokens, told.latency_ns)

    return telling
