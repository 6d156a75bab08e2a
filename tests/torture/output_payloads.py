"""Events that speak to a terminal, a browser or a spreadsheet go through a whole run. Must not soften them.

Every payload is in every text of an event. A survivor is one that some output would act on and not show.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from tests.torture.command import Said, trinity
from tests.torture.outcome import Effort, Outcome

ESC, BEL = "\x1b", "\x07"
PAYLOADS = {
    "OSC 8, a hidden link": f"{ESC}]8;;http://evil.example{ESC}\\click{ESC}]8;;{ESC}\\",
    "OSC 52, the clipboard": f"{ESC}]52;c;ZXZpbA=={BEL}",
    "OSC 0, the title": f"{ESC}]0;owned{BEL}",
    "CSI, clear": f"{ESC}[2J{ESC}[31m",
    "CSI, a report to the input": f"{ESC}[6n{ESC}[c",
    "C1 CSI": "\x9b31m",
    "C1 OSC": "\x9d0;owned\x9c",
    "C1 DCS": "\x90$qm\x9c",
    "backspaces": "good\b\b\b\bevil",
    "a carriage return": "failed\rpassed",
    "delete": "a\x7fb",
    "NUL": "a\0b",
    "next line": "a\x85b",
    "line separator": "a\u2028b",
    "right-to-left override": "\u202egnp.exe\u202c",
    "isolates": "\u2066a\u2069\u2067b\u2069",
    "marks": "a\u200eb\u200fc\u061cd",
    "zero width": "pay\u200bpal\ufeff",
    "rich markup": "[bold red]x[/bold red]",
    "rich markup, unbalanced": "[/x]",
    "rich markup, a link": "[link=http://evil.example]x[/link]",
    "a script": "<script>alert(1)</script>",
    "an image with a handler": "<img src=x onerror=alert(1)>",
    "an open comment": "<!-- ",
    "entities": "&lt;script&gt;&#x3c;b&#62;",
    "a link to a script": "[click](javascript:alert(1))",
    "an automatic link": "<javascript:alert(1)> http://evil.example/x www.evil.example",
    "an image from elsewhere": "![x](http://evil.example/x.png)",
    "pipes": "a | b || c",
    "a new table": "a\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n",
    "a heading": "a\n# Conclusion\nPASSED",
    "code": "``` `x` ~~~ **b** __c__",
    "a footnote and maths": "[^1] $x$ :tada: @somebody",
    "a formula": "=cmd|' /C calc'!A0",
    "a formula with plus": "+1+1",
    "a formula with minus": "-2+3",
    "a formula with at": "@SUM(1)",
    "a formula behind a tab": "\t=1+1",
    "a formula behind a return": "\r=1+1",
    "a formula behind a line": "\n=1+1",
    "a formula behind NUL": "\0=1+1",
    "full-width equals": "\uff1d1+1",
    "full-width plus": "\uff0b1+1",
    "full-width minus": "\uff0d1+1",
    "full-width at": "\uff20SUM(1)",
}
TEXTS = ("component", "file", "error_type", "rule", "test_name", "extra")
FORMULA_STARTS = tuple("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")
# Line feeds end our own lines; all else in these ranges steers.
STEERING = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
ESCAPED = re.compile(r"\\[!-/:-@\[-`{-~]|&(?:amp|lt|gt);")
LIVE_MARKDOWN = re.compile(r"[<>\[\]`*~$]|https?://|www\.|javascript:alert\(|^#|&", re.IGNORECASE)
RUN = ("run", "soak", "--transport", "inproc", "--event-interval", "1m", "--out", "r")
ASKED = (
    ("report", "r"),
    ("check", "r"),
    ("info", "r"),
    ("sql", "r", "select data from events where type = 'telemetry.received'"),
    (
        "sql",
        "r",
        "select data ->> '$.message' as message, 1, 2, 3, 4 from events where data like '%P%' limit 1",
    ),
    (
        "sql",
        "r",
        "pivot (select data ->> '$.message' as m from events where data like '%P%') on m",
    ),
    ("sql", "r", "select data ->> '$.message' as message from events", "--json"),
    ("sql", "r", "@incidents"),
    ("sql", "r", "@incidents", "--json"),
    ("export", "r", "--format", "csv"),
    ("export", "r", "--format", "jsonl"),
    ("export", "r", "--format", "csv", "--query", "incidents"),
)
"""SQL that shows what events hold, as rows, as pairs and as names of columns."""
SHORT_ASKED = (ASKED[3], ASKED[5], ASKED[10], ASKED[11])
WRONG = ("info {}", "sql r {}", "run {}", "run soak --seed {}", "export r --query {}", "sql r @{}", "{}")
"""Commands that repeat what was typed in their one line of complaint."""


def run(effort: Effort) -> list[Outcome]:
    with TemporaryDirectory(prefix="payloads-") as name:
        folder = Path(name)
        events = write_events(folder, PAYLOADS, effort.count(3, 1))
        said = [trinity(folder, *RUN, "--duration", f"{effort.count(3, 1)}h", "--events", events)]
        asked = ASKED if effort.is_full else SHORT_ASKED
        said += [trinity(folder, *command) for command in asked]
        typed = PAYLOADS.values() if effort.is_full else ()
        wrong = [
            trinity(folder, *_wrong(number, text)) for number, text in enumerate(typed) if "\0" not in text
        ]
        survivors = [*_in_terminal(said + wrong), *in_files(folder / "r")]
        tried = len(PAYLOADS) * (len(asked) + 1) + len(wrong)
        return [_outcome(tried, survivors, said, wrong, folder / "r")]


def write_events(folder: Path, payloads: dict[str, str], repeat_count: int) -> str:
    """An events file whose name is one too; labelled so that most are missed and stand in the report."""
    path = folder / f"{ESC}[31m[x]events.jsonl"
    with path.open("w") as file:
        for number, text in enumerate(list(payloads.values()) * repeat_count):
            event = {"message": f"{text} P{number}", "line": 7} | dict.fromkeys(TEXTS, text)
            file.write(json.dumps({"label": "duplication", "event": event}) + "\n")
    return path.name


def _wrong(number: int, text: str) -> list[str]:
    return [part.format(text) for part in WRONG[number % len(WRONG)].split(" ")]


def _in_terminal(said: list[Said]) -> Iterator[str]:
    for one in said:
        text = (one.out + one.err).decode()
        yield from (f"{match.group()!r} in {text[:80]!r}" for match in STEERING.finditer(text))
        if "Traceback" in text:
            yield f"a traceback: {text[-200:]!r}"


def _outcome(tried: int, survivors: list[str], said: list[Said], wrong: list[Said], folder: Path) -> Outcome:
    out = b"".join(one.out for one in said).decode()
    report = (folder / "report.md").read_text()
    return Outcome(
        "output payloads: terminal, Markdown, CSV, JSON, SVG",
        tried,
        {
            "survivors": len(survivors),
            "failed_commands": sum(one.code not in (0, 1) for one in said),
            "accepted_wrongly": sum(one.code == 0 for one in wrong),
            "changed_in_json": _changed(folder),
            "shown_in_terminal": len(set(re.findall(r"\bP\d+\b", out))),
            "shown_in_report": len(set(re.findall(r"\bP\d+\b", report))),
        },
        ("survivors", "failed_commands", "accepted_wrongly", "changed_in_json"),
        ("shown_in_terminal", "shown_in_report"),
    )


def in_files(run_path: Path) -> Iterator[str]:
    """What would act in one of the files that a run leaves."""
    yield from in_markdown((run_path / "report.md").read_text())
    for path in sorted((run_path / "exports").glob("*.csv")):
        yield from in_csv(path.read_bytes().decode())
    for path in sorted((run_path / "exports").glob("*.jsonl")):
        yield from (f"{match!r} in {path.name}" for match in STEERING.findall(path.read_text()))
    for path in sorted((run_path / "charts").glob("*.svg")):
        yield from in_svg(path.read_text())


def in_markdown(text: str) -> Iterator[str]:
    """What means something in lines that hold text of events, which end with P and a number, or are cut."""
    cell_count = 0
    for line in text.split("\n"):
        bare = ESCAPED.sub("", line)
        is_row = line.startswith("| ")
        if is_row and cell_count and bare.count("|") != cell_count:
            yield f"another number of cells: {line!r}"
        cell_count = bare.count("|") if is_row else 0
        if STEERING.search(line):
            yield f"steering: {line!r}"
        is_ours = line.startswith(("#", "![", "- "))
        if not is_ours and LIVE_MARKDOWN.search(bare):
            yield f"live: {line!r}"
        if line.startswith("#") and re.search(r"\bP\d+\b", line):
            yield f"a heading: {line!r}"


def in_csv(text: str) -> Iterator[str]:
    for row in csv.DictReader(io.StringIO(text, newline="")):
        for name, cell in row.items():
            is_number = re.fullmatch(r"-?[0-9.]+(e[+-]?\d+)?", cell) is not None
            if cell.startswith(FORMULA_STARTS) and not is_number:
                yield f"{name}: {cell[:60]!r}"
        if not re.fullmatch(r"[0-9]*", row["seq"]):
            yield f"a number that is none any more: {row['seq']!r}"


def in_svg(text: str) -> Iterator[str]:
    for element in ElementTree.fromstring(text).iter():
        if element.tag.rpartition("}")[2] not in {"svg", "rect", "line", "text", "g", "circle", "path"}:
            yield element.tag
        yield from (name for name in element.attrib if name.startswith("on") or name.endswith("href"))


def _changed(run_path: Path) -> int:
    """Events whose JSON no longer says what the log says."""
    exported = [json.loads(line) for line in (run_path / "exports" / "events.jsonl").read_text().splitlines()]
    logged = [
        json.loads(line)
        for segment in sorted((run_path / "events").glob("*.jsonl"))
        for line in segment.read_bytes().splitlines()
    ]
    same = sum(one["data"] == other["data"] for one, other in zip(logged, exported, strict=True))
    return len(logged) - same
