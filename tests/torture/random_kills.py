"""kill -9 of any process of a run at any moment, checked against a ledger that was kept outside.

Must only end processes that it started.

A round starts `trinity run` or `trinity resume` as a person would, lets it work for a random time, and kills
its sequencer, one of its agents, or all of them at once. A reader outside notes which lines of the log it has
seen; each of them must be there for ever. When a run comes to its end, its log must be that of a run that
nothing disturbed: then nothing is lost and no effect is doubled.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import NamedTuple
from zlib import crc32

import psutil
from msgspec.structs import replace

from simulator.duration import Duration
from simulator.scenario import Scenario
from simulator.scenario_file import load_scenario
from store.manifest import segment_name
from store.run_folder import RunFolder
from tests.torture.outcome import Effort, Outcome
from tests.torture.runs import begin, digest_of, record

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 20 * 60
"""For all rounds together."""
WORK_S_MAX = 1.6
"""A kill comes at most so long after the start of a round; most runs are over by then."""
END_S_MAX = 60.0
POLL_S = 0.005
SYNC = ("off", "interval", "always")


class Tally:
    """What all rounds together found."""

    def __init__(self) -> None:
        self.rounds = self.killed = self.finished = self.seen = 0
        self.lost = self.differing = self.failed = self.survivors = 0
        self.restarts_ms: list[float] = []


class Ledger:
    """What an outsider has seen on a log: how many bytes, and their checksum."""

    def __init__(self, folder: Path) -> None:
        self.run = RunFolder(folder)
        self._segment = folder / "events" / segment_name(1)
        self.seen_bytes = 0
        self._crc = 0

    def look(self) -> int:
        """Take in what is new, up to the last whole line; the size of the log now."""
        data = self._read(self.seen_bytes)
        whole = data[: data.rfind(b"\n") + 1]
        self._crc = crc32(whole, self._crc)
        self.seen_bytes += len(whole)
        return self.seen_bytes

    def is_kept(self) -> bool:
        return crc32(self._read(0)[: self.seen_bytes]) == self._crc

    def _read(self, offset: int) -> bytes:
        try:
            with self._segment.open("rb") as file:
                file.seek(offset)
                return file.read()
        except FileNotFoundError:
            return b""


class Subject(NamedTuple):
    scenario: Scenario
    digest: str


def run(effort: Effort) -> list[Outcome]:
    tally = Tally()
    random = Random(20)
    deadline_s = monotonic() + SECONDS_MAX
    with TemporaryDirectory() as scratch:
        subject = _subject(Path(scratch))
        while tally.rounds < effort.count(500, 4) and monotonic() < deadline_s:
            _one_run(subject, Path(scratch, f"run{tally.rounds}"), random, tally)
    figures: dict[str, int | float] = {
        "rounds": tally.rounds,
        "killed": tally.killed,
        "runs_finished": tally.finished,
        "bytes_seen": tally.seen,
        "lost": tally.lost,
        "doubled_or_different": tally.differing,
        "failed": tally.failed,
        "processes_left": tally.survivors,
    }
    if len(tally.restarts_ms) > 1:
        cuts = quantiles(tally.restarts_ms, n=100)
        figures |= {"restart_p50_ms": round(cuts[49]), "restart_p99_ms": round(cuts[98])}
    return [
        Outcome(
            "random kill -9",
            tally.rounds,
            figures,
            ("lost", "doubled_or_different", "failed", "processes_left"),
            ("killed", "runs_finished"),
        )
    ]


def _subject(scratch: Path) -> Subject:
    """An hour of the busy day, with its agents working all the time, and the log that it must end with."""
    scenario = replace(load_scenario("busy"), duration=Duration.parse("1h"))
    return Subject(scenario, record(scenario, scratch / "undisturbed").digest)


def _one_run(subject: Subject, path: Path, random: Random, tally: Tally) -> None:
    """Rounds until the run is at its end."""
    folder = begin(subject.scenario, path)
    ledger = Ledger(path)
    is_over = False
    while not is_over:
        tally.rounds += 1
        before_bytes = ledger.look()
        with _trinity(path, random.choice(SYNC)) as process:
            is_over = _round(process, ledger, before_bytes, random, tally)
        tally.lost += not ledger.is_kept()
    tally.finished += 1
    tally.seen += ledger.look()
    tally.differing += digest_of(folder) != subject.digest


@contextmanager
def _trinity(path: Path, sync: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`trinity resume`, which also begins a run of which there is only the scenario."""
    command = [sys.executable, "-P", "-m", "simulator.launch", "resume", str(path), "--sync", sync, "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _round(
    process: "subprocess.Popen[bytes]", ledger: Ledger, before_bytes: int, random: Random, tally: Tally
) -> bool:
    """Let it work, kill somebody, and see to the end of what is left; whether the run is over."""
    started_s = monotonic()
    kill_s = started_s + random.uniform(0.0, WORK_S_MAX)
    has_grown = False
    while process.poll() is None and monotonic() < started_s + END_S_MAX:
        if ledger.look() > before_bytes and not has_grown:
            has_grown = True
            tally.restarts_ms.append((monotonic() - started_s) * 1_000)
        if monotonic() >= kill_s:
            kill_s = float("inf")
            _kill_somebody(process.pid, random, tally)
        sleep(POLL_S)
    if process.returncode is None or process.returncode in (-signal.SIGKILL, 130):
        return False
    # 1: a killed agent is a crash, and an hour too short for some criteria; 2: nothing was left to resume,
    # since the round before was killed after the end of the run, while it was being judged.
    is_judged_later = process.returncode == 2 and bool(digest_of(ledger.run))
    tally.failed += process.returncode not in (0, 1) and not is_judged_later
    return True


def _kill_somebody(pid: int, random: Random, tally: Tally) -> None:
    try:
        sequencer = psutil.Process(pid)
        agents = sequencer.children(recursive=True)
    except psutil.Error:
        return
    victims = random.choice([[sequencer], agents[:1], agents[1:2], agents[-1:], [*agents, sequencer]])
    for victim in victims:
        victim.kill()
    tally.killed += bool(victims)
    if sequencer in victims:
        _, alive = psutil.wait_procs(agents, timeout=2)
        tally.survivors += len(alive)
