"""Runs that end before their time: interrupted or killed. No child is ever left."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from bus.bodies import ProcessStarted, RunFinished
from bus.events import Event
from store.log_reader import read_events
from store.verify import verify
from tests.cli.conftest import COMMAND, Said, environment, trinity_process

BUSY = ("run", "busy", "--duration", "72h", "--out", "run", "--json", "--transport")
SOON_S = 20


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + SOON_S
    while not what():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


class Busy:
    """A busy run as a process that is well under way."""

    def __init__(self, folder: Path, transport: str, *command: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [*COMMAND, *(command or BUSY), transport],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for(self._is_under_way)

    def _is_under_way(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()
        log = self.folder / "run" / "events" / "00000000000000000001.jsonl"
        return log.exists() and log.stat().st_size > 1_000_000

    def agent(self, name: str) -> psutil.Process:
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if name in child.cmdline())

    def end(self) -> Said:
        out, err = self.process.communicate(timeout=SOON_S)
        return Said(self.process.returncode, out, err)

    def events(self) -> list[Event]:
        return list(read_events(self.folder / "run" / "events"))

    def check_log(self) -> None:
        """The log is sound and closed, and nobody of the run is alive."""
        for log in ("events", "observations"):
            verification = verify(self.folder / "run" / log)
            assert verification.problems == ()
            assert verification.closed == (log == "events")  # a resumed run will observe more
        pids = [
            event.data.pid
            for event in read_events(self.folder / "run" / "observations")
            if isinstance(event.data, ProcessStarted)
        ]
        assert self.process.pid in pids
        assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.parametrize("transport", ["inproc", "processes"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_a_valid_log_that_says_so(
    number: signal.Signals, transport: str, tmp_path: Path
) -> None:
    busy = Busy(tmp_path, transport)
    busy.process.send_signal(number)
    said = busy.end()
    assert said.code == 130
    assert "interrupted after" in said.err
    assert "`trinity resume run`" in said.err
    assert said.err.count("\n") == 1
    busy.check_log()
    assert busy.events()[-1].data == RunFinished("interrupted", "stopped from outside")
    assert json.loads(said.out)["status"] == "interrupted"
    if number == signal.SIGINT:
        for command in ("verify", "info", "replay"):
            assert trinity_process(tmp_path, command, "run").code == 0


def test_agents_of_a_run_that_was_killed_end_by_themselves(tmp_path: Path) -> None:
    busy = Busy(tmp_path, "processes")
    agents = [busy.agent(name) for name in ("witness", "architect", "executor")]
    busy.process.kill()
    busy.end()
    wait_for(lambda: not any(agent.is_running() for agent in agents))


def test_the_log_of_a_run_that_was_killed_can_be_read_to_its_last_whole_commit(tmp_path: Path) -> None:
    busy = Busy(tmp_path, "inproc")
    busy.process.kill()
    busy.end()
    said = trinity_process(tmp_path, "info", "run", "--json")
    assert said.code == 0, said
    assert json.loads(said.out)["status"] == "open"
    assert trinity_process(tmp_path, "verify", "run").code == 0
    question = trinity_process(tmp_path, "sql", "run", "select max(seq) as n from events", "--json")
    assert json.loads(question.out)[0]["n"] == json.loads(said.out)["events"]


def test_a_reader_of_our_output_that_goes_away_is_no_error(soaked: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        done = subprocess.run(
            [*COMMAND, "sql", "latest", "select * from events", "--json"],
            cwd=soaked,
            env=environment(),
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
