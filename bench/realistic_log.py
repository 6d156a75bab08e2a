"""Logs of the composition of ``busy``, made by the product itself. Must not time anything."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from bench.trinity import run
from bus.codec import encode_event
from bus.events import Event
from store.log_reader import read_events
from store.log_writer import LogWriter
from store.run_folder import RunFolder

BUSY_EVENTS_PER_HOUR = 11_200
"""About what ``busy`` writes; a little less, so that a log is rather too long."""


class Commit(NamedTuple):
    first_seq: int
    events: list[Event]
    events_json: list[bytes]


def busy_run(folder: Path, event_count_min: int) -> RunFolder:
    """A run of ``busy`` with at least so many events; made once a folder."""
    path = folder / f"busy-{event_count_min}"
    if not path.exists():
        hours = event_count_min // BUSY_EVENTS_PER_HOUR + 1
        made = run(["busy", "--transport", "inproc", "--duration", f"{hours}h", "--budget", "1000"], path)
        if made.events < event_count_min:
            raise RuntimeError(f"busy wrote {made.events:,} events in {hours} h: lower BUSY_EVENTS_PER_HOUR")
    return RunFolder.open(str(path), folder)


def commits_of(run_folder: RunFolder) -> Iterator[Commit]:
    """The commits of a log, as the sequencer handed them to its writer."""
    for _, group in groupby(read_events(run_folder.events), key=lambda event: event.commit_seq):
        events = list(group)
        yield Commit(events[0].seq, events, [encode_event(event) for event in events])


def write_unfinished(commits: list[Commit], folder: Path) -> None:
    """A log that its writer left without closing it, as recovery finds it."""
    writer = LogWriter.create(folder)
    for commit in commits:
        writer.append(commit.first_seq, commit.events_json)
    writer.leave()
