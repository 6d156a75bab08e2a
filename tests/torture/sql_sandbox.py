"""A person's SQL tries to get out of its sandbox, or to hold it for ever. Must not run SQL in this process.

The exception is the bite: the same readings on a plain connection, which finds what the sandbox hides.
"""

import hashlib
import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb

from analysis.cache import DATABASE_NAME
from analysis.database import Result
from analysis.sandbox import Limits, ask
from bus.errors import InputError, RefusedError
from store.run_folder import RunFolder
from tests.analysis.synthetic import Options, Synthetic
from tests.torture.outcome import Effort, Outcome
from tests.torture.sql_attempts import BOMBS, READING, WRITING

CANARY = "canary-6f1d-never-to-be-read"
CANARY_ROWS = [(CANARY,)]
BITES = ("read_text", "read_csv", "a link to a file", "a link to a folder", "glob in read_text", "a subquery")
SHORT_READING = (
    *("read_text", "replacement scan of /etc/passwd"),
    *("settings with the home folder", "a link to a folder"),
)
SHORT_WRITING = (
    *("copy beside the cache", "explain behind a comment"),
    *("set external access", "create a http secret"),
)
SHORT_BOMBS = ("repeat", "len(range())", "a cross join")


class Scene(NamedTuple):
    run: RunFolder
    places: dict[str, str]
    listener: socket.socket
    """Where a query would reach, if it reached the network."""

    def sql(self, attempt: str) -> str:
        for name, value in self.places.items():
            attempt = attempt.replace(f"{{{name}}}", value)
        return attempt


class Tried(NamedTuple):
    escapes: list[str]
    seconds_max: float


def run(effort: Effort) -> list[Outcome]:
    with scene() as place:
        return [_attempts(place, effort), _bombs(place, effort)]


@contextmanager
def scene() -> Iterator[Scene]:
    """A run with a secret beside it, in the environment and in a home folder."""
    with (
        TemporaryDirectory(prefix="sandbox-") as name,
        closing(socket.create_server(("127.0.0.1", 0))) as server,
    ):
        folder = Path(name).resolve()
        outside, home = folder / "outside", folder / f"home-{CANARY}"
        outside.mkdir()
        home.mkdir()
        (folder / "canary.txt").write_text(CANARY)
        (outside / "canary.txt").write_text(CANARY)
        (folder / "link").symlink_to(folder / "canary.txt")
        (folder / "linked").symlink_to(outside)
        server.setblocking(False)
        log = Synthetic(Options(event_count=2)).write(folder / "runs" / "run")
        places = {
            "canary": str(folder / "canary.txt"),
            "outside": str(outside),
            "link": str(folder / "link"),
            "linked": str(folder / "linked"),
            "cache": str(log.cache),
            "port": str(server.getsockname()[1]),
        }
        before = {key: os.environ.get(key) for key in ("HOME", "TRINITY_CANARY_TOKEN")}
        os.environ.update(HOME=str(home), TRINITY_CANARY_TOKEN=CANARY)
        try:
            yield Scene(log, places, server)
        finally:
            for key, value in before.items():
                if value is None:
                    del os.environ[key]
                else:
                    os.environ[key] = value


def _attempts(place: Scene, effort: Effort) -> Outcome:
    reading = READING if effort.is_full else {name: READING[name] for name in SHORT_READING}
    writing = WRITING if effort.is_full else {name: WRITING[name] for name in SHORT_WRITING}
    tried = try_all(place, reading, writing)
    return Outcome(
        "sql sandbox: reading, writing, settings",
        len(reading) + len(writing),
        {
            "escapes": len(tried.escapes),
            "read_without_sandbox": sum(found_without_sandbox(place, name) for name in BITES),
            "seconds_max": round(tried.seconds_max, 2),
        },
        ("escapes",),
        ("read_without_sandbox",),
    )


def try_all(place: Scene, reading: dict[str, str], writing: dict[str, str]) -> Tried:
    """The names of attempts that got anywhere, with what they got."""
    ask(place.run, "select 1")
    before = tree(place)
    escapes = []
    seconds_max = 0.0
    for name, attempt in (reading | writing).items():
        started = time.monotonic()
        got = _got(place, place.sql(attempt))
        seconds_max = max(seconds_max, time.monotonic() - started)
        if got is not None and (CANARY in got or "root:" in got or name in writing):
            escapes.append(f"{name} answered {got[:200]}")
        if tree(place) != before:
            escapes.append(f"{name} changed a file")
            before = tree(place)
        if _was_called(place.listener):
            escapes.append(f"{name} reached the network")
    return Tried(escapes, seconds_max)


def _got(place: Scene, sql: str) -> str | None:
    """What was answered, or None when it was refused in one line."""
    try:
        return str(ask(place.run, sql, limits=Limits(seconds_max=10)))
    except (InputError, RefusedError) as error:
        # The message repeats the question; more than that would be a leak.
        line = str(error)
        return line if "\n" in line or CANARY in line.replace(sql, "") else None


def found_without_sandbox(place: Scene, name: str) -> bool:
    """Whether a plain connection reads the canary with the same SQL: else the attempt would prove nothing."""
    return CANARY in str(ask_without_sandbox(place.run, place.sql(READING[name])))


def ask_without_sandbox(run: RunFolder, sql: str, limits: Limits | None = None) -> Result:
    with duckdb.connect() as connection:
        return Result((), connection.execute(sql).fetchall())


def tree(place: Scene) -> dict[str, str]:
    """Every path of the scene with a digest of its content."""
    root = place.run.path.parent.parent
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(root.rglob("*"))
    }


def _was_called(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def _bombs(place: Scene, effort: Effort) -> Outcome:
    bombs = BOMBS if effort.is_full else {name: BOMBS[name] for name in SHORT_BOMBS}
    limits = Limits() if effort.is_full else Limits(seconds_max=1)
    own_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    endless: list[str] = []
    seconds_max = 0.0
    for sql in bombs.values():
        started = time.monotonic()
        try:
            ask(place.run, sql, limits=limits)
        except InputError as error:
            if "\n" in str(error):
                raise
        seconds = time.monotonic() - started
        seconds_max = max(seconds_max, seconds)
        # A second on top of the two that belong to the limit: this machine is busy with other cases too.
        endless += [sql[:60]] if seconds > limits.seconds_max + 3 else []
    child_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - own_kb) / 1024
    return Outcome(
        "sql sandbox: time and memory",
        len(bombs),
        {
            "endless": len(endless),
            "database_lost": int(not (place.run.cache / DATABASE_NAME).exists()),
            "seconds_max": round(seconds_max, 1),
            "child_rss_mb_max": round(child_mb),
            "parent_grew_mb": round(grown_mb),
        },
        ("endless", "database_lost"),
    )
