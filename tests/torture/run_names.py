"""Names that a run must not have, and runs that lead elsewhere, through the real commands. Must not be kind.

An escape is a file that appears or changes anywhere but in the run that was named rightly, an answer about a
run that was reached through a link, or a command that ends with anything but one line and exit code 2.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import NamedTuple

from simulator import cli
from simulator.exit_codes import ExitCode
from tests.analysis.synthetic import Options, Synthetic
from tests.torture.command import Captured
from tests.torture.outcome import Effort, Outcome

NAMES = {
    "a parent": "../x",
    "parents": "../../etc",
    "the parent itself": "..",
    "absolute": "/nowhere/x",
    "a path": "a/b",
    "this folder": ".",
    "nothing": "",
    "blank": " ",
    "300 bytes": "x" * 300,
    "5,000 bytes": "x" * 5_000,
    "65 bytes": "x" * 65,
    "a new line": "a\nb",
    "a new line at the end": "run\n",
    "a return": "a\rb",
    "an escape": "\x1b[31mrun",
    "a hidden one": ".hidden",
    "three dots": "...",
    "a dash": "-run",
    "two dashes": "--run",
    "NUL": "a\0b",
    "not UTF-8": "run\udcff",
    "not ASCII": "rün",
    "from right to left": "run\u202e",
    "full-width": "\uff52un",
    "a home": "~",
    "a variable": "$HOME",
    "a substitution": "$(touch made)",
    "a quote": "run'\"",
    "a wildcard": "*",
    "a bracket": "[/run]",
    "percent": "%2e%2e%2fx",
    "a backslash": "..\\x",
    "a link to a run": "link",
    "a dangling link": "dangling",
    "a link with a slash": "link/",
    "a link with a dot": "link/.",
    "a file": "file",
    "a folder without a log": "empty",
    "a run with a link for its report": "linked-report",
    "a run with a link for its cache": "linked-cache",
    "a run with a link for its exports": "linked-exports",
    "a run with a link for its log": "linked-events",
    "a run with a link among its charts": "linked-chart",
}
ASKING = ("info", "verify", "report", "check", "replay", "export", "sql")
SHORT_ASKING = ("report", "sql")
PATHS = (
    *("a parent", "parents", "absolute", "a path", "a home", "a variable", "a folder without a log"),
    *("a link with a slash", "a link with a dot"),
)
"""``--out`` takes a path: these say another place, which whoever types them may choose, or an empty one."""
OF_PLACES = ("file", "empty", "link", "dangling")
"""Good names in themselves: it is what stands there that is wrong."""

Main = Callable[[Sequence[str]], int]


class Scene(NamedTuple):
    root: Path
    home: Path
    """Where the commands are given."""

    def tree(self) -> dict[str, int]:
        """Every path with its time of change; links are not followed."""
        return {str(path): path.lstat().st_mtime_ns for path in sorted(self.root.rglob("*"))}


class Said(NamedTuple):
    code: int
    out: str
    err: str


def run(effort: Effort) -> list[Outcome]:
    with scene() as place:
        sound = sum(said(cli.main, "info", name).code == ExitCode.OK for name in ("run", "latest"))
        asking = ASKING if effort.is_full else SHORT_ASKING
        escapes = [*try_asking(place, cli.main, asking), *try_making(place, cli.main)]
        tried = len(NAMES) * (len(asking) + 2)
        figures: dict[str, int | float] = {"escapes": len(escapes), "right_names_opened": sound}
        return [Outcome("run names", tried, figures, ("escapes",), ("right_names_opened",))]


@contextmanager
def scene() -> Iterator[Scene]:
    """A sound run, and what looks like one and leads out of the folder of runs."""
    with TemporaryDirectory(prefix="names-") as name:
        root = Path(name).resolve()
        home, outside = root / "home", root / "outside"
        runs = home / "runs"
        outside.mkdir()
        log = Synthetic(Options(event_count=2))
        for path in (runs / "run", outside / "run"):
            log.write(path)
            (path / "scenario.toml").write_text('extends = "soak"\n')
        (outside / "target").write_text("not to be changed")
        (runs / "link").symlink_to(outside / "run")
        (runs / "dangling").symlink_to(outside / "made")
        (runs / "file").write_text("no run")
        (runs / "empty").mkdir()
        for place, link, target in (
            ("linked-report", "report.md", "target"),
            ("linked-cache", "cache", "cache"),
            ("linked-exports", "exports", "exports"),
            ("linked-events", "events", "run/events"),
            ("linked-chart", "charts/memory.svg", "target"),
        ):
            copytree(runs / "run", runs / place)
            _replace(runs / place / link, outside / target)
        (outside / "cache").mkdir()
        (outside / "exports").mkdir()
        with chdir(home):
            yield Scene(root, home)


def _replace(path: Path, target: Path) -> None:
    """Put a link where a file or a folder was."""
    if path.is_dir():
        path.rename(path.with_name(f"{path.name}-before"))
    path.symlink_to(target)


def try_asking(place: Scene, main: Main, commands: Sequence[str]) -> Iterator[str]:
    """Ask about each hostile name; yields what should not have been."""
    for command in commands:
        more = ("select count(*) from events",) if command == "sql" else ()
        for name, text in NAMES.items():
            yield from _checked(place, main, f"{command}, {name}", [command, "--", text, *more])


def try_making(place: Scene, main: Main) -> Iterator[str]:
    """Make a run of each hostile name, as its folder and by the name of its scenario."""
    folder = place.home / "scenario"
    folder.mkdir()
    for name, text in NAMES.items():
        short = ["--duration", "1h", "--transport", "inproc", "--json"]
        if name not in PATHS:
            out = text if name == "nothing" else f"runs/{text}"
            yield from _checked(place, main, f"--out, {name}", ["run", "soak", *short, f"--out={out}"])
        if "\udcff" not in text and text not in OF_PLACES and not text.startswith("linked-"):
            quoted = "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in text)
            (folder / "scenario.toml").write_text(f'extends = "soak"\nname = "{quoted}"\n')
            yield from _checked(place, main, f"scenario, {name}", ["run", str(folder), *short])


def _checked(place: Scene, main: Main, what: str, command: list[str]) -> Iterator[str]:
    before = place.tree()
    one = said(main, *command)
    if one.code not in (ExitCode.BAD_INPUT, ExitCode.REFUSED):
        yield f"{what}: exit code {one.code}, {one.out[:200]!r} {one.err[:200]!r}"
    if one.err.count("\n") != 1 or not one.err[:-1].isprintable() or "Traceback" in one.err:
        yield f"{what}: said {one.err[:200]!r}"
    after = place.tree()
    if after != before:
        changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        yield f"{what}: changed {changed[:5]}"


def said(main: Main, *command: str) -> Said:
    """Run a command in this process, with a file name as the system would have given it."""
    out, err = Captured(), Captured()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([os.fsdecode(os.fsencode(part)) for part in command])
    return Said(int(code), out.text(), err.text())
